/** What is kept of an exchange: its capture mode, secrets taken out of its texts, hashes of texts under a key. */
import type { Call, Content, ExchangeRow } from '../../schemas/call.ts';
import type { CallStory } from '../../schemas/story.ts';
import type { ToolExecution } from '../../schemas/tool-execution.ts';
import { contentHash } from '../common/hash.ts';
import { ownText } from '../common/text.ts';
import type { ContentHash } from '../common/types.ts';
import { type CaptureMode, CaptureModes, type ModeSubject } from './capture-mode.ts';
import type { HashKey } from './hash-key.ts';
import type { HeaderKeeper, HeadFields } from './headers/header-keeper.ts';
import { redactPieces } from './pieces.ts';
import { addCounts, type RedactionCounts, type Redactor } from './redactor.ts';
import { executionWithoutTexts, withoutTexts } from './without-texts.ts';

/** UTF-16 units behind a preview's end that are read with it, so that a secret which begins in it is known for one. */
const PREVIEW_MARGIN_CHARS = 1024;
/** Of escapes and keywords; the operator's are no longer. */
const KEYWORD_CHARS_MAX = 100;
const NO_COUNTS: RedactionCounts = {};

/** Short words of the traffic that rows keep in every mode. */
const CALL_NAMES = [
  ...(['path', 'sessionId', 'userId', 'teamId', 'agentId', 'parentSessionId', 'model', 'requestedModel'] as const),
  ...(['responseId', 'previousResponseId', 'requestId', 'finishReasonRaw'] as const),
  ...(['serverSoftware', 'clientName', 'clientVersion', 'sdk', 'traceparent', 'host'] as const),
] satisfies readonly (keyof Call)[];
const EXECUTION_NAMES = [
  ...(['server', 'sessionId', 'userId', 'teamId', 'agentId', 'mcpSession', 'requestId', 'errorMessage'] as const),
  ...(['clientName', 'clientVersion', 'traceparent'] as const),
] satisfies readonly (keyof ToolExecution)[];
const EXCHANGE_NAMES = [
  ...(['path', 'host', 'agentId', 'responseId', 'clientName', 'requestType', 'responseType'] as const),
] satisfies readonly (keyof ExchangeRow)[];

/** What tells where a call stands, with hashes in it that may be put under a key. */
export interface Placed {
  readonly story: CallStory;
  readonly sessionId: string;
  readonly sessionSource: string;
  readonly turnId: string;
  /** The client names its thread: the id is no hash of a text. */
  readonly threadTold: boolean;
}

export interface StoredText {
  readonly text: string;
  readonly counts: RedactionCounts;
}

export interface StoredContent extends Content {
  readonly counts: RedactionCounts;
}

/** By capture mode: a header of an unknown name may hold a text. */
export type HeaderKeepers = Readonly<Record<CaptureMode, HeaderKeeper>>;

export interface StoredHeads {
  readonly requestHeaders: string;
  readonly responseHeaders: string;
}

const NO_HEADS: StoredHeads = { requestHeaders: '', responseHeaders: '' };

export class Privacy {
  readonly #modes: CaptureModes;
  readonly #redactor: Redactor | null;
  readonly #hashes: HashKey | null;
  readonly #headers: HeaderKeepers | null;
  readonly #totals: Record<string, number> = {};

  /** `redactor` null: texts stay as they are; `hashes` null: so do hashes; `headers` null: none is kept. */
  constructor(
    modes: CaptureModes,
    redactor: Redactor | null,
    hashes: HashKey | null,
    headers: HeaderKeepers | null = null,
  ) {
    this.#headers = headers;
    this.#modes = modes;
    this.#redactor = redactor;
    this.#hashes = hashes;
  }

  get mayKeepContent(): boolean {
    return this.#modes.mayKeepContent;
  }

  /** Secrets that were replaced in what was passed on, by rule. */
  get totals(): RedactionCounts {
    return this.#totals;
  }

  // ---- texts

  /** One stored text, whole. */
  text(text: string): StoredText {
    return this.#redactor?.redact(text) ?? { text, counts: NO_COUNTS };
  }

  /** A part of a request or an answer as it is stored, under the hash of what is stored. */
  content(content: Content): StoredContent {
    const { kind } = content;
    const redacted = this.#redactor?.redact(content.text) ?? null;
    const isAnswer = this.#redactor !== null && kind === 'response';
    const pieces = isAnswer ? redactPieces(redacted?.text ?? content.text, redacted !== null, this.#redactor!) : null;
    if (redacted === null && pieces === null) return { ...content, counts: NO_COUNTS };
    const counts: Record<string, number> = {};
    addCounts(counts, redacted?.counts ?? NO_COUNTS);
    addCounts(counts, pieces?.counts ?? NO_COUNTS);
    const text = pieces?.text ?? redacted!.text;
    return { kind, hash: contentHash(text), text, counts };
  }

  /** The beginning of a text. */
  preview(text: string, charsMax: number): string {
    if (this.#redactor === null || text === '') return ownText(text, charsMax);
    // A keyword that begins behind the end doesn't matter.
    const begins = text.slice(0, charsMax + KEYWORD_CHARS_MAX);
    if (!this.#redactor.mayHold(begins)) return ownText(begins, charsMax);
    return ownText(this.#redactor.clean(text.slice(0, charsMax + PREVIEW_MARGIN_CHARS)), charsMax);
  }

  /** The headers of an exchange; null: its head wasn't seen. */
  heads(subject: ModeSubject, request: HeadFields | null, response: HeadFields | null): StoredHeads {
    if (this.#headers === null) return NO_HEADS;
    const keeper = this.#headers[this.#modes.of(subject)];
    return { requestHeaders: keeper.textOf(request), responseHeaders: keeper.textOf(response) };
  }

  // ---- hashes

  place<P extends Placed>(placed: P): P {
    const key = this.#hashes;
    if (key === null) return placed;
    const { story, sessionId, sessionSource, turnId, threadTold } = placed;
    const { toolArgumentHashes, toolPromptHashes, toolResultHashes } = story;
    const isHash = sessionSource === 'content';
    const [session, turn, thread, prompt, threadPrompt, opening, step, answer, answerText, ...lists] = key.all([
      ...[isHash ? sessionId : '', turnId, threadTold ? '' : story.threadId, story.promptHash, story.threadPromptHash],
      ...[story.openingHash, story.stepId, story.answerHash, story.answerTextHash],
      ...[...toolArgumentHashes, ...toolPromptHashes, ...toolResultHashes],
    ]);
    const prompts = toolArgumentHashes.length;
    const results = prompts + toolPromptHashes.length;
    return {
      ...placed,
      sessionId: isHash ? session! : sessionId,
      turnId: turn!,
      story: {
        ...story,
        ...{ threadId: threadTold ? story.threadId : thread!, promptHash: prompt!, threadPromptHash: threadPrompt! },
        ...{ openingHash: opening!, stepId: step!, answerHash: answer!, answerTextHash: answerText! },
        toolArgumentHashes: lists.slice(0, prompts),
        toolPromptHashes: lists.slice(prompts, results),
        toolResultHashes: lists.slice(results),
      },
    };
  }

  // ---- rows

  /** The row and its contents as they may be passed on. `counts`: of the contents that it refers to. */
  call(
    call: Call,
    contents: readonly Content[],
    counts: RedactionCounts,
  ): { call: Call; contents: readonly Content[] } {
    if (this.#modes.of(call) === 'metadata') return { call: this.#named(withoutTexts(call), CALL_NAMES), contents: [] };
    const sum: Record<string, number> = {};
    addCounts(sum, counts);
    addCounts(this.#totals, counts);
    return {
      call: { ...this.#named(this.#clean(call), CALL_NAMES), captureMode: 'content', redactions: sum },
      contents,
    };
  }

  execution(execution: ToolExecution, contents: readonly Content[], counts: RedactionCounts, subject: ModeSubject) {
    const key = this.#hashes;
    const [argumentsHash, resultHash] = key === null ? [] : key.all([execution.argumentsHash, execution.resultHash]);
    const hashes = { argumentsHash: argumentsHash as ContentHash, resultHash: resultHash as ContentHash | '' };
    const row = key === null ? execution : { ...execution, ...hashes };
    const named = this.#named(row, EXECUTION_NAMES);
    if (this.#modes.of(subject) === 'metadata') return { execution: executionWithoutTexts(named), contents: [] };
    addCounts(this.#totals, counts);
    return { execution: { ...named, captureMode: 'content' as const, redactions: counts }, contents };
  }

  exchange(row: ExchangeRow): ExchangeRow {
    return this.#named(row, EXCHANGE_NAMES);
  }

  /** What was read of the bodies besides the contents. */
  #clean(call: Call): Call {
    const redactor = this.#redactor;
    if (redactor === null) return call;
    const { errorMessage, errorType, toolArguments } = call;
    if (errorMessage === '' && errorType === '' && toolArguments.length === 0) return call;
    return {
      ...call,
      errorMessage: redactor.clean(errorMessage),
      errorType: redactor.clean(errorType),
      toolArguments: toolArguments.map((text) => redactor.clean(text)),
    };
  }

  /** Names and ids that clients and servers choose may be secrets: a token in a path, a signed token for a session. */
  #named<Row>(row: Row, fields: readonly (keyof Row & string)[]): Row {
    const redactor = this.#redactor;
    if (redactor === null || !redactor.mayHold(fields.map((field) => row[field]).join(' '))) return row;
    return { ...row, ...Object.fromEntries(fields.map((field) => [field, redactor.clean(String(row[field]))])) };
  }
}

/** For a recogniser that keeps texts as they are, or none. */
export function plainPrivacy(content: boolean): Privacy {
  return new Privacy(new CaptureModes([], content ? 'content' : 'metadata'), null, null);
}
