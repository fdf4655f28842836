/**
 * What a dialect (the API format of a call) tells the rest. One folder a dialect; the registry lists them and nothing else
 * imports them. All functions are pure, take JSON of any shape, and never throw.
 */
import type { FinishReason, RequestedToolCall } from '../../../schemas/call.ts';
import type { Side } from '../../../schemas/frame.ts';
import type { JsonObject } from '../../common/json.ts';
import type { ApiError } from '../api-error.ts';
import type { DeltaPlace } from '../event-template.ts';
import type { RequestLayout } from '../json/scan.ts';
import type { HistoryReader } from './history.ts';

/** Tokens as the rest of Bittern counts them: `input` has everything cached in it, `output` the reasoning. Null = not told. */
export interface Usage {
  readonly input: number | null;
  readonly cacheRead: number | null;
  readonly cacheWrite: number | null;
  readonly cacheWrite5m: number | null;
  readonly cacheWrite1h: number | null;
  readonly output: number | null;
  readonly reasoning: number | null;
}

/** What the members of a request outside its lists say. '' or null = not told. */
export interface RequestFields {
  readonly model: string;
  readonly streaming: boolean;
  readonly maxOutputTokens: number | null;
  readonly temperature: number | null;
  readonly previousResponseId: string;
  readonly agentId: string;
  readonly sessionId: string;
  readonly userId: string;
}

export interface RequestReader {
  /** The members that are stored by parts. */
  readonly layout: RequestLayout;
  /** The member that holds the conversation; where it is missing, the first one of the layout that has messages. */
  readonly messages: string;
  /** Whether a body with these top-level members (by name) that was sent to `path` is a call of this API. */
  isCall(has: (member: string) => boolean, path: string): boolean;
  /** `path` without query: some APIs have the model there. */
  fields(fields: JsonObject, path: string): RequestFields;
  /** The genuine user text of a message; '' when it has none (tool results, reminders that the client wrote). */
  userText(message: unknown): string;
  /** Names of the tools that one element of the list of tools offers. */
  toolNames(tool: unknown): readonly string[];
}

/** What an answer (or a stream put together) says. */
export interface ResponseFacts {
  readonly model: string;
  readonly responseId: string;
  readonly finishReason: FinishReason;
  readonly finishReasonRaw: string;
  /** The model or a safety filter refused. */
  readonly refused: boolean;
  readonly usage: Usage | null;
  readonly toolCalls: readonly RequestedToolCall[];
  /** Text of the answer, whole. */
  readonly text: string;
  readonly error: ApiError | null;
}

/** Whether a stream reached its API's own end. `if_closed`: it did if HTTP ended it in good order. */
export type StreamEnd = 'yes' | 'if_closed' | 'no';

export interface StreamResult {
  /** In the shape of the API's non-streaming answer; null when there was nothing to put together. */
  readonly message: JsonObject | null;
  readonly facts: ResponseFacts;
  readonly end: StreamEnd;
}

/** Takes the events of one stream in order. */
export interface EventStream {
  /** `json` is null for a `data` that isn't a JSON object (`[DONE]`). True when it brought content: text, reasoning or tool arguments. */
  event(type: string, data: string, json: JsonObject | null): boolean;
  result(): StreamResult;
}

/** A stream as a reducer. The state is changed in place: thousands of events a second aren't worth a copy each. */
export interface StreamReducer<State> {
  start(): State;
  event(state: State, type: string, data: string, json: JsonObject | null): boolean;
  result(state: State): StreamResult;
}

/** What the client's message does. */
export type ClientStep =
  | { readonly kind: 'none' }
  /** Asks for a response. `prewarm`: for one without content, that a later one builds on. `lane`: as in ServerStep. */
  | { readonly kind: 'create'; readonly body: Buffer; readonly lane: string; readonly prewarm: boolean };

/** What the server's message says. */
export interface ServerStep {
  /** It is of a response. */
  readonly isOfResponse: boolean;
  /** Id of the response; '' = it isn't told, then it is of the oldest one that is open in its lane. */
  readonly response: string;
  /** Responses in different lanes may go on at the same time. '' = the API has none, or it isn't told. */
  readonly lane: string;
  /** It is the first of its response. */
  readonly begins: boolean;
  /** It is the last one. */
  readonly ends: boolean;
  /** The event for the dialect's stream. */
  readonly event: Buffer;
}

/** Reads the messages of one connection. Its state is what a successor must know between two responses. */
export interface Conversation {
  /** Something was sent that belongs to the next response. */
  readonly pending: boolean;
  readonly heldBytes: number;
  /** JSON. */
  readonly memory: object | null;
  client(message: Buffer): ClientStep;
  server(message: Buffer): ServerStep;
  /** The request of a response that no message asked for. */
  unasked(): Buffer;
  /** What was sent for the next response is not waited for any more. */
  forget(): void;
}

/** An API over WebSocket: many responses on one connection. */
export interface SocketApi {
  /** `path` without query. */
  isPath(path: string): boolean;
  /** Whether a message of this side has this API's shape and no other's. */
  isMessage(side: Side, message: Buffer): boolean;
  /** One response at a time in each lane: where one begins, the one before it is over. */
  readonly sequential: boolean;
  /** `target`: path and query. `memory`: of another one that has read the connection so far. */
  open(target: string, memory: unknown): Conversation;
}

export interface Dialect {
  readonly name: string;
  /** Who makes this API, as OpenTelemetry names it: the provider when nothing else tells. */
  readonly vendor: string;
  /** Texts that are stored; left out: both. `request`: answers are vectors. `none`: media, or nothing that anybody reads. */
  readonly stored?: 'request' | 'none';
  /** Whether a POST to this path (without query) may be one of its calls. Where several say so, the body decides. */
  isCallPath(path: string): boolean;
  readonly request: RequestReader;
  /** Absent for an API without conversations. */
  readonly history?: HistoryReader;
  /** Whether an answer has this API's shape and no other's. */
  isAnswer(json: JsonObject): boolean;
  /** Whether a stream event has this API's shape and no other's. */
  isEvent(type: string, json: JsonObject): boolean;
  answer(json: JsonObject): ResponseFacts;
  /** Where the events like this one differ from each other; null when they aren't frequent, or differ in more. */
  deltaPlace(json: JsonObject): DeltaPlace | null;
  openStream(): EventStream;
  readonly socket?: SocketApi;
}

class ReducedStream<State> implements EventStream {
  readonly #reducer: StreamReducer<State>;
  readonly #state: State;

  constructor(reducer: StreamReducer<State>) {
    this.#reducer = reducer;
    this.#state = reducer.start();
  }

  event(type: string, data: string, json: JsonObject | null): boolean {
    return this.#reducer.event(this.#state, type, data, json);
  }

  result(): StreamResult {
    return this.#reducer.result(this.#state);
  }
}

export function openStream<State>(reducer: StreamReducer<State>): EventStream {
  return new ReducedStream(reducer);
}

/** Blocks, items, choices or tool calls of one stream; what has a higher number is left out. */
export const STREAM_ITEMS_MAX = 4096;

/** The item with this index, made on first sight; null above the limit. */
export function itemAt<T>(items: Map<number, T>, index: unknown, make: () => T): T | null {
  const key = typeof index === 'number' ? index : 0;
  let item = items.get(key);
  if (item !== undefined) return item;
  if (items.size >= STREAM_ITEMS_MAX) return null;
  item = make();
  items.set(key, item);
  return item;
}

export function byIndex<T>(items: ReadonlyMap<number, T>): T[] {
  return [...items].sort((a, b) => a[0] - b[0]).map(([, item]) => item);
}
