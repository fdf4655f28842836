/** An exchange that may be a call, while it is open: what was read of it so far, and the bodies that still come. */
import type { Micros } from '../common/types.ts';
import type { BodyPieces } from '../http/body-pieces.ts';
import type { BodyConsumer } from '../http/exchange.ts';
import type { AnswerReader } from './answer-reader.ts';
import type { Dialect } from './dialects/dialect.ts';
import type { RpcAnswers } from './mcp/answer.ts';
import type { ToolCallRequest } from './mcp/request.ts';
import type { ByteHolder, OpenBytes } from './open-bytes.ts';
import type { RequestBytes } from './request-body.ts';
import type { RequestFacts } from './request-facts.ts';

/** An answer's body on its way in, as far as it is read. */
export interface AnswerBytes extends BodyConsumer {
  readonly heldBytes: number;
  /** Lets go of all that came and of what comes. */
  drop(): void;
}

const EMPTY = Buffer.alloc(0);

const charactersOf = (facts: RequestFacts): number => facts.contents.reduce((sum, { text }) => sum + text.length, 0);

export class OpenCall implements ByteHolder {
  /** By the request's path, the likeliest first. */
  readonly candidates: readonly Dialect[];
  /** The one of them whose body this is, once that is known; the likeliest before. Null: there are none. */
  dialect: Dialect | null;
  countedBytes = 0;
  /** Null when there is none, and as soon as it isn't needed any more. */
  requestBody: RequestBytes | null;
  /** What was read of the request stays, in case that its tokens must be counted. */
  #keptBody: RequestBytes | null = null;
  /** One of our limits cut the request. */
  requestCut = false;
  reader: AnswerReader | null = null;
  /** Of an exchange that asks an MCP server to run tools, and is no call; else empty. */
  toolCalls: readonly ToolCallRequest[] = [];
  toolAnswers: RpcAnswers | null = null;
  #request: RequestFacts | null = null;
  #contentBytes = 0;

  constructor(candidates: readonly Dialect[], requestBody: RequestBytes | null) {
    this.candidates = candidates;
    this.dialect = candidates[0] ?? null;
    this.requestBody = requestBody;
  }

  get request(): RequestFacts | null {
    return this.#request;
  }

  set request(facts: RequestFacts | null) {
    this.#request = facts;
    this.#contentBytes = facts === null ? 0 : charactersOf(facts);
  }

  /** About: texts count a byte a character. */
  get heldBytes(): number {
    const bodies = (this.requestBody?.heldBytes ?? 0) + (this.#keptBody?.heldBytes ?? 0);
    return this.#contentBytes + bodies + (this.#answer?.heldBytes ?? 0);
  }

  get #answer(): AnswerBytes | null {
    return this.reader ?? this.toolAnswers;
  }

  /** Of a request that was read; empty when it wasn't kept. */
  get keptBytes(): Buffer {
    return this.#keptBody?.bytes ?? EMPTY;
  }

  /** The request was read; its bytes may be wanted once more. */
  keepBody(): void {
    this.#keptBody = this.requestBody;
    this.requestBody = null;
  }

  /** Nothing more is read of the request. */
  releaseBody(): void {
    this.requestBody?.release();
    this.requestBody = null;
    this.#keptBody?.release();
    this.#keptBody = null;
  }

  /** The facts stay, the texts go: of the request those that were to be stored, of the answer all that came and that comes. */
  drop(): void {
    if (this.requestBody !== null || this.#contentBytes > 0) this.requestCut = true;
    this.releaseBody();
    if (this.#request !== null) this.request = { ...this.#request, contents: [] };
    if (this.#answer !== null && this.#answer.heldBytes > 0) this.#answer.drop();
  }
}

/** The request's body on its way in. */
export class RequestIntake implements BodyConsumer {
  readonly #call: OpenCall;
  readonly #open: OpenBytes;

  constructor(call: OpenCall, open: OpenBytes) {
    this.#call = call;
    this.#open = open;
  }

  data(bytes: Buffer): void {
    const body = this.#call.requestBody;
    if (body === null) return;
    body.data(bytes);
    this.#open.update(this.#call);
  }

  pieces(pieces: BodyPieces): void {
    const body = this.#call.requestBody;
    if (body === null) return;
    if (body.pieces === undefined) pieces.each(body);
    else body.pieces(pieces);
    this.#open.update(this.#call);
  }

  gap(): void {
    this.#call.requestBody?.gap();
  }
}

/** The answer's body on its way in. */
export class AnswerIntake implements BodyConsumer {
  readonly #call: OpenCall;
  readonly #reader: AnswerBytes;
  readonly #open: OpenBytes;

  constructor(call: OpenCall, reader: AnswerBytes, open: OpenBytes) {
    this.#call = call;
    this.#reader = reader;
    this.#open = open;
  }

  data(bytes: Buffer, time: Micros): void {
    this.#reader.data(bytes, time);
    this.#open.update(this.#call);
  }

  pieces(pieces: BodyPieces): void {
    if (this.#reader.pieces === undefined) pieces.each(this.#reader);
    else this.#reader.pieces(pieces);
    this.#open.update(this.#call);
  }

  gap(missing: number): void {
    this.#reader.gap(missing);
  }
}
