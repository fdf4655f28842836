/** Conversations as the tracker reads them, for tests: calls with the facts that a recogniser would have told. */
import type { Call } from '../../schemas/call.ts';
import { sampleCall } from '../clickhouse/testing.ts';
import type { CallId } from '../common/types.ts';
import { DETECTOR_DEFAULTS, type DetectorSettings } from './detectors/settings.ts';
import type { AskedFacts, ResultFacts, StoredFacts } from './facts.ts';
import { digest } from './ids.ts';
import { retell, SessionStory, type Told } from './session.ts';

export const START = 1_790_000_000_000_000;
const SECOND = 1_000_000;

export interface ScriptedTool {
  readonly name: string;
  readonly args?: string;
  /** Text of the result; absent: none comes. */
  readonly result?: string;
  readonly error?: boolean;
  /** Text that it hands to a subagent. */
  readonly task?: string;
  /** Id of the subagent that the result names. */
  readonly agent?: string;
}

interface Options {
  readonly session?: string;
  readonly thread?: string;
  readonly kind?: StoredFacts['kind'];
  readonly agentId?: string;
}

/** One thread of one session: each method adds a call, a second after the last one ended. */
export class Thread {
  readonly calls: StoredFacts[] = [];
  readonly #options: Required<Options>;
  #time: number;
  #users: string[] = [];
  #results: ResultFacts[] = [];
  #count = 0;

  constructor(options: Options = {}, startSeconds = 0) {
    this.#options = { session: 'session', thread: 'main', kind: 'main', agentId: 'agent', ...options };
    this.#time = START + startSeconds * SECOND;
  }

  user(text: string): this {
    this.#users.push(text);
    return this;
  }

  /** The model asks for tools; their results come with the next call. */
  asks(tools: readonly ScriptedTool[], change: Partial<StoredFacts> = {}): this {
    const id = `${this.#options.thread}-${this.calls.length}`;
    const asked = tools.map((tool, i): AskedFacts => {
      const { name, args = '{}', task = '' } = tool;
      return { id: `${id}-${i}`, name, arguments: args, argumentsHash: digest(args), promptHash: task && digest(task) };
    });
    this.#add({ asked, finishReason: 'tool_calls', answerHash: '', ...change });
    for (const [i, { result, error = false, agent = '', name }] of tools.entries()) {
      if (result !== undefined)
        this.#results.push({ id: `${id}-${i}`, name, hash: digest(result), isError: error, agent, preview: result });
    }
    return this;
  }

  answers(text: string, change: Partial<StoredFacts> = {}): this {
    const facts = {
      answerHash: digest('loose', text.toLowerCase()),
      answerTextHash: digest(text),
      answerPreview: text,
    };
    return this.#add({ ...facts, finishReason: 'stop', ...change });
  }

  fails(change: Partial<StoredFacts> = {}): this {
    const [users, results] = [this.#users.length, this.#results];
    this.#add({ outcome: 'http_error', finishReason: '', inputTokens: 0, outputTokens: 0, costUsd: null, ...change });
    this.#results = results;
    this.#users.length = users;
    return this;
  }

  /** A call beside the conversation. */
  side(kind: StoredFacts['kind'], change: Partial<StoredFacts> = {}): this {
    return this.#add({ kind, results: [], ...change });
  }

  waits(seconds: number): this {
    this.#time += seconds * SECOND;
    return this;
  }

  #add(change: Partial<StoredFacts>): this {
    const { session, thread, kind, agentId } = this.#options;
    const threadId = digest('thread', session, thread);
    const promptHash = this.#users.length === 0 ? '' : digest(this.#users.at(-1)!);
    const base: StoredFacts = {
      callId: digest('call', session, thread, String(this.#count++), String(this.#time)) as CallId,
      row: { sessionId: session, threadId, turnId: '', kind },
      sessionId: session,
      sessionSource: 'header',
      turnId: this.#users.length === 0 ? '' : digest('turn', threadId, ...this.#users),
      kind,
      threadId,
      parentSessionId: '',
      parentThreadId: '',
      agentId,
      identitySource: 'header',
      userId: '',
      teamId: '',
      clientName: 'test',
      credential: 'fp_1',
      network: 'default',
      clientIp: '10.0.0.1',
      model: 'gpt-5',
      responseId: '',
      previousResponseId: '',
      outcome: 'ok',
      finishReason: 'stop',
      start: this.#time,
      end: this.#time + SECOND / 2,
      inputTokens: 1000,
      cacheReadTokens: 0,
      outputTokens: 50,
      costUsd: 0.001,
      userMessageCount: this.#users.length,
      messageCount: this.#count * 2 + 1,
      promptHash,
      threadPromptHash: this.#users.length === 0 ? '' : digest(this.#users[0]!),
      openingHash: '',
      stepId: digest('step', ...this.#users, ...this.#results.flatMap(({ id, hash }) => [id, hash])),
      answerHash: '',
      answerTextHash: '',
      asked: [],
      results: this.#results,
      promptPreview: this.#users.at(-1) ?? '',
      answerPreview: '',
      retryCount: 0,
    };
    const call = { ...base, ...change };
    const row = { sessionId: call.sessionId, threadId: call.threadId, turnId: call.turnId, kind: call.kind };
    this.calls.push({ ...call, row });
    this.#results = [];
    this.#time = Math.max(this.#time + SECOND, call.end + SECOND / 2);
    return this;
  }
}

/** Tells the story of calls in order of time. */
export function tellAll(calls: readonly StoredFacts[], settings: DetectorSettings = DETECTOR_DEFAULTS): Told {
  const story = new SessionStory(calls[0]?.sessionId ?? '', settings);
  retell(story, calls);
  return story.tell();
}

/** The stored form of a call that a test made. */
export function storedCall(call: StoredFacts): Call {
  const { asked, results, start, end } = call;
  return sampleCall(0, {
    ...call,
    callKind: call.kind,
    requestStart: start,
    requestEnd: start,
    responseEnd: end,
    firstByte: end,
    firstToken: null,
    requestedModel: call.model,
    toolNames: asked.map(({ name }) => name),
    toolCallIds: asked.map(({ id }) => id),
    toolArguments: asked.map((tool) => tool.arguments),
    toolArgumentHashes: asked.map(({ argumentsHash }) => argumentsHash),
    toolPromptHashes: asked.map(({ promptHash }) => promptHash),
    toolResultIds: results.map(({ id }) => id),
    toolResultNames: results.map(({ name }) => name),
    toolResultHashes: results.map(({ hash }) => hash),
    toolResultErrors: results.map(({ isError }) => isError),
    toolResultAgents: results.map(({ agent }) => agent),
    toolResultPreviews: results.map(({ preview }) => preview),
  });
}
