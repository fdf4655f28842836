/**
 * The calls of one story as bytes, from which it can be told again: some hundred bytes a call and 40 a tool call, a tenth of what
 * they are as objects. What can't matter any more is left out:
 *
 *     arguments                 unless the tool call's row may be written again; long ones are read again from the store
 *     beginnings of results     likewise
 *     beginnings of answers     but each turn's last
 *     ids of tool calls         are numbered anew when no result can come for them
 *
 *     calls     number, then each in the order in which they were told: time, place, who, outcome, sums, hashes, beginnings of texts,
 *               asked, results
 *     time      start as the distance from the call before, end as the distance from the start: signed
 *     asked     number, then each: id, name, hashes, whether its arguments are here (or in the store), arguments
 *     results   number, then each: whether it is an error, id, name, hash, agent, beginning
 *     id        0 text, or what it was numbered
 */
import type { CallId, Micros } from '../../common/types.ts';
import type { AskedFacts, CallFacts, ResultFacts } from '../facts.ts';
import { bare, isServerSide } from '../tool-ids.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import { type Names, TextReader, TextWriter } from './texts.ts';

/** Longer arguments are left to the store. */
const ARGUMENTS_CHARS_MAX = 256;
/** Stands for the id of a tool call that has its result. */
const SETTLED = 'settled';

const NO_ARGUMENTS = 0;
const ARGUMENTS = 1;
const STORED_ARGUMENTS = 2;

/** Tool calls whose rows may be written again. */
export type Lasting = ReadonlySet<AskedFacts | ResultFacts>;

/** Arguments that have to be read from the store. */
export interface Wanted {
  readonly callId: CallId;
  readonly start: Micros;
  readonly position: number;
  readonly asked: { arguments: string };
}

export interface Unpacked {
  readonly calls: readonly CallFacts[];
  readonly wanted: readonly Wanted[];
}

const scratch = new ByteWriter();

export function packCalls(calls: readonly CallFacts[], lasting: Lasting, names: Names): Buffer {
  scratch.number(calls.length);
  const packer = new Packer(scratch, names, lasting, calls);
  for (const call of calls) packer.call(call);
  return scratch.take();
}

/** The calls in the same order, without what was left out. */
export function unpackCalls(packed: Buffer, names: Names): Unpacked {
  const from = new ByteReader(packed);
  const unpacker = new Unpacker(from, names);
  const calls = Array.from({ length: from.number() }, () => unpacker.call());
  return { calls, wanted: unpacker.wanted };
}

/** The last call of each turn that has an answer to show. */
function answering(calls: readonly CallFacts[]): ReadonlySet<CallFacts> {
  const last = new Map<string, CallFacts>();
  for (const call of calls) if (call.answerPreview !== '') last.set(`${call.threadId} ${call.turnId}`, call);
  return new Set(last.values());
}

/** Ids for which no result can come, by their letters. */
function settledIds(calls: readonly CallFacts[], lasting: Lasting): ReadonlyMap<string, number> {
  const settled = new Map<string, number>();
  const open = new Set<string>();
  for (const { asked } of calls) {
    for (const tool of asked) {
      const letters = bare(tool.id);
      if (lasting.has(tool) || isServerSide(tool.id)) open.add(letters);
      else if (letters !== '' && !settled.has(letters)) settled.set(letters, settled.size);
    }
  }
  for (const letters of open) settled.delete(letters);
  return settled;
}

class Packer {
  readonly #to: ByteWriter;
  readonly #texts: TextWriter;
  readonly #lasting: Lasting;
  readonly #answering: ReadonlySet<CallFacts>;
  readonly #settled: ReadonlyMap<string, number>;
  #start: Micros = 0;

  constructor(to: ByteWriter, names: Names, lasting: Lasting, calls: readonly CallFacts[]) {
    this.#to = to;
    this.#texts = new TextWriter(to, names);
    this.#lasting = lasting;
    this.#answering = answering(calls);
    this.#settled = settledIds(calls, lasting);
  }

  call(call: CallFacts): void {
    const [to, texts] = [this.#to, this.#texts];
    to.signed(call.start - this.#start);
    to.signed(call.end - call.start);
    this.#start = call.start;
    const { row } = call;
    for (const text of [call.callId, row.sessionId, row.threadId, row.turnId]) texts.text(text);
    for (const text of [call.sessionId, call.threadId, call.turnId]) texts.text(text);
    for (const text of [call.parentSessionId, call.parentThreadId]) texts.text(text);
    for (const text of [call.userId, call.teamId, call.credential]) texts.text(text);
    for (const name of [row.kind, call.kind, call.sessionSource, call.identitySource]) texts.name(name);
    for (const name of [call.agentId, call.clientName, call.model, call.outcome, call.finishReason]) texts.name(name);
    for (const count of [call.inputTokens, call.cacheReadTokens, call.outputTokens]) to.number(count);
    to.number(call.userMessageCount);
    to.number(call.costUsd === null ? 0 : 1);
    if (call.costUsd !== null) to.double(call.costUsd);
    for (const text of [call.promptHash, call.openingHash, call.stepId, call.answerHash]) texts.text(text);
    texts.text(call.kind === 'compaction' ? call.answerTextHash : '');
    texts.text(call.promptPreview);
    texts.text(this.#answering.has(call) ? call.answerPreview : '');
    to.number(call.asked.length);
    for (const tool of call.asked) this.#asked(tool);
    to.number(call.results.length);
    for (const result of call.results) this.#result(result);
  }

  #asked(tool: AskedFacts): void {
    this.#id(tool.id);
    this.#texts.name(tool.name);
    this.#texts.text(tool.argumentsHash);
    this.#texts.text(tool.promptHash);
    const kept = this.#lasting.has(tool) && tool.arguments !== '';
    const short = tool.arguments.length <= ARGUMENTS_CHARS_MAX;
    this.#to.number(!kept ? NO_ARGUMENTS : short ? ARGUMENTS : STORED_ARGUMENTS);
    if (kept && short) this.#texts.text(tool.arguments);
  }

  #result(result: ResultFacts): void {
    this.#to.number(result.isError ? 1 : 0);
    this.#id(result.id);
    this.#texts.name(result.name);
    this.#texts.text(result.hash);
    this.#texts.text(result.agent);
    this.#texts.text(this.#lasting.has(result) ? result.preview : '');
  }

  #id(id: string): void {
    const settled = this.#settled.get(bare(id));
    this.#to.number(settled === undefined ? 0 : settled + 1);
    if (settled === undefined) this.#texts.text(id);
  }
}

class Unpacker {
  readonly wanted: Wanted[] = [];
  readonly #from: ByteReader;
  readonly #texts: TextReader;
  #start: Micros = 0;

  constructor(from: ByteReader, names: Names) {
    this.#from = from;
    this.#texts = new TextReader(from, names);
  }

  /** A literal's members are evaluated as they stand, which is the order of the bytes. */
  call(): CallFacts {
    const from = this.#from;
    const text = <T extends string>(): T => this.#texts.text() as T;
    const start = this.#start + from.signed();
    const end = start + from.signed();
    this.#start = start;
    const callId = text<CallId>();
    const at = { sessionId: text(), threadId: text(), turnId: text() };
    return {
      callId,
      start,
      end,
      sessionId: text(),
      threadId: text(),
      turnId: text(),
      parentSessionId: text(),
      parentThreadId: text(),
      userId: text(),
      teamId: text(),
      credential: text(),
      row: { ...at, kind: text<CallFacts['kind']>() },
      kind: text<CallFacts['kind']>(),
      sessionSource: text<CallFacts['sessionSource']>(),
      identitySource: text<CallFacts['identitySource']>(),
      agentId: text(),
      clientName: text(),
      model: text(),
      outcome: text<CallFacts['outcome']>(),
      finishReason: text<CallFacts['finishReason']>(),
      inputTokens: from.number(),
      cacheReadTokens: from.number(),
      outputTokens: from.number(),
      userMessageCount: from.number(),
      costUsd: from.number() === 0 ? null : from.double(),
      promptHash: text(),
      openingHash: text(),
      stepId: text(),
      answerHash: text(),
      answerTextHash: text(),
      promptPreview: text(),
      answerPreview: text(),
      asked: Array.from({ length: from.number() }, (_, position) => this.#asked(callId, start, position)),
      results: Array.from({ length: from.number() }, () => this.#result()),
    };
  }

  #asked(callId: CallId, start: Micros, position: number): AskedFacts {
    const text = (): string => this.#texts.text();
    const tool = { id: this.#id(), name: text(), arguments: '', argumentsHash: text(), promptHash: text() };
    const kept = this.#from.number();
    if (kept === ARGUMENTS) tool.arguments = this.#texts.text();
    if (kept === STORED_ARGUMENTS) this.wanted.push({ callId, start, position, asked: tool });
    return tool;
  }

  #result(): ResultFacts {
    const text = (): string => this.#texts.text();
    const isError = this.#from.number() === 1;
    return { isError, id: this.#id(), name: text(), hash: text(), agent: text(), preview: text() };
  }

  #id(): string {
    const settled = this.#from.number();
    return settled === 0 ? this.#texts.text() : `${SETTLED}${settled - 1}`;
  }
}
