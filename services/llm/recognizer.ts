/**
 * Finds the LLM calls among the exchanges. One serves all connections; what is known of an open exchange is in its state.
 *
 * A POST to a path of a dialect is a call if its body has the shape of one; so is one that failed or whose body was lost,
 * since nothing else tells. A JSON POST that asks an MCP server to run tools is as many tool executions. Any other JSON POST is a call if both its body and its answer look like one. A response whose
 * request was never seen is a call if it has the shape of a dialect's answer.
 */
import type { Content, Observation } from '../../schemas/call.ts';
import { contentHash } from '../common/hash.ts';
import type { ContentHash } from '../common/types.ts';
import type {
  BodyConsumer,
  ConnectionInfo,
  Exchange,
  ExchangeHandler,
  Headers,
  Message,
  Tunnel,
  TunnelSniffer,
} from '../http/exchange.ts';
import type { IdentityMapping } from '../identity/mapping.ts';
import { type Privacy, plainPrivacy } from '../privacy/privacy.ts';
import { addCounts } from '../privacy/redactor.ts';
import { SocketSniffer } from '../websocket/sniffer.ts';
import { type Answer, AnswerReader } from './answer-reader.ts';
import { buildCall } from './call-builder.ts';
import { Pricing } from './cost.ts';
import type { LlmLimits } from './defaults.ts';
import type { Dialect, Usage } from './dialects/dialect.ts';
import { dialectsOfPath, UNKNOWN_DIALECT } from './dialects/registry.ts';
import { withoutKeys } from './error-text.ts';
import { UsageEstimator } from './estimate/estimate.ts';
import { buildExchangeRow } from './exchange-row.ts';
import { errorTypeOfHeaders, usageOfHeaders } from './head-facts.ts';
import { RpcAnswers } from './mcp/answer.ts';
import { buildExecution } from './mcp/execution.ts';
import { readToolCalls } from './mcp/request.ts';
import { boundaryOf, MultipartBody } from './multipart.ts';
import { OpenBytes } from './open-bytes.ts';
import { AnswerIntake, OpenCall, RequestIntake } from './open-call.ts';
import { BodyBuffers, RequestBody, type RequestBytes } from './request-body.ts';
import { RequestCaches, readRequest } from './request-facts.ts';
import { joinSocket, openSocket, resumeSocket } from './socket/open-socket.ts';
import type { CallHost } from './socket/virtual-call.ts';

export interface RecognizerOptions {
  readonly identity: IdentityMapping;
  /** Whether exchanges that are no calls are observed (metadata only). */
  readonly exchanges: boolean;
  /** Whether texts are observed: bodies, previews, tool arguments. */
  readonly content: boolean;
  /** What of them, and in what form. Left out: all, as they are. */
  readonly privacy?: Privacy;
  readonly pricing: boolean;
  /** Whether the tokens of calls that report none are counted by us. Left out: false. */
  readonly estimateUsage?: boolean;
  readonly limits: LlmLimits;
}

export interface RecognizerStats {
  calls: number;
  exchanges: number;
  toolExecutions: number;
  contents: number;
  contentBytes: number;
  /** Open exchanges that had to let go of their bodies, since all together held more than `openBytesMax`. */
  droppedOpen: number;
  droppedOpenBytes: number;
}

/** The length of the decoded body, where the head tells it; else 0. */
function lengthHint(headers: Headers): number {
  if (headers.has('content-encoding')) return 0;
  const length = Number(headers.get('content-length') ?? 0);
  return Number.isSafeInteger(length) && length >= 0 ? length : 0;
}

/** A body of which something wasn't seen or couldn't be read says nothing against its being a call. */
function isPartial(message: Message): boolean {
  return message.state !== 'complete' || message.missingBytes > 0 || message.undecoded !== '';
}

export class CallRecognizer implements ExchangeHandler, CallHost {
  readonly #options: RecognizerOptions;
  readonly #privacy: Privacy;
  readonly #emit: (observation: Observation) => void;
  readonly #open = new Map<Exchange, OpenCall>();
  readonly #openBytes: OpenBytes;
  readonly #buffers = new BodyBuffers();
  readonly #counts = { calls: 0, exchanges: 0, toolExecutions: 0, contents: 0, contentBytes: 0 };
  readonly #caches: RequestCaches;
  readonly #pricing: Pricing | null;
  readonly #estimator: UsageEstimator | null;

  constructor(options: RecognizerOptions, emit: (observation: Observation) => void) {
    this.#options = options;
    this.#emit = emit;
    this.#privacy = options.privacy ?? plainPrivacy(options.content);
    this.#caches = new RequestCaches(options.limits, this.#privacy);
    this.#openBytes = new OpenBytes(options.limits.openBytesMax);
    this.#pricing = options.pricing ? new Pricing() : null;
    this.#estimator = options.estimateUsage === true ? new UsageEstimator() : null;
  }

  get stats(): RecognizerStats {
    const { dropped, droppedBytes } = this.#openBytes;
    return { ...this.#counts, droppedOpen: dropped, droppedOpenBytes: droppedBytes };
  }

  /** Bytes held, about: bodies and new contents of open exchanges, and the cache of earlier requests. */
  get heldBytes(): number {
    return this.#openBytes.bytes + (this.#caches.prefixes?.bytes ?? 0);
  }

  onRequest(exchange: Exchange): BodyConsumer | null {
    const head = exchange.requestHead;
    if (head === null || head.method !== 'POST') return null;
    const candidates = dialectsOfPath(head.path);
    const type = head.headers.get('content-type') ?? '';
    if (candidates.length === 0 && !type.includes('json') && !head.partial) return null;
    return this.#begin(exchange, candidates, this.#requestBody(head.headers, type));
  }

  /** An exchange of which it is known that it is a call, if it has the shape of one. */
  beginCall(exchange: Exchange, dialect: Dialect): BodyConsumer {
    const { requestBytesMax } = this.#options.limits;
    return this.#begin(exchange, [dialect], new RequestBody(this.#buffers, requestBytesMax, 0));
  }

  #begin(exchange: Exchange, candidates: readonly Dialect[], requestBody: RequestBytes): BodyConsumer {
    const open = new OpenCall(candidates, requestBody);
    this.#open.set(exchange, open);
    return new RequestIntake(open, this.#openBytes);
  }

  onUpgrade(exchange: Exchange, client: number, server: number): Tunnel | null {
    return openSocket(exchange, client, server, this);
  }

  sniffer(): TunnelSniffer {
    return new SocketSniffer();
  }

  onJoin(connection: ConnectionInfo, client: number, server: number, version: '1.1' | '2'): Tunnel {
    return joinSocket(connection, client, server, version, this);
  }

  onResume(connection: ConnectionInfo, client: number, server: number, state: Buffer): Tunnel | null {
    return resumeSocket(connection, client, server, state, this);
  }

  #requestBody(headers: Headers, type: string): RequestBytes {
    const boundary = boundaryOf(type);
    if (boundary !== '') return new MultipartBody(boundary);
    const { requestBytesMax, hintBytesMax } = this.#options.limits;
    return new RequestBody(this.#buffers, requestBytesMax, Math.min(lengthHint(headers), hintBytesMax));
  }

  onRequestEnd(exchange: Exchange): void {
    const open = this.#open.get(exchange);
    if (open?.requestBody == null) return;
    // Read now, so that only what is new of it is held while the answer streams.
    this.#readByPath(exchange, open);
    if (open.dialect === null && !open.request!.isCall) {
      open.toolCalls = readToolCalls(open.requestBody.bytes);
      open.request = null;
      if (open.toolCalls.length === 0) this.#close(exchange, open);
      else open.releaseBody();
      return;
    }
    if (open.dialect !== null) {
      if (this.#estimator !== null && open.dialect.stored === undefined && !isPartial(exchange.request))
        open.keepBody();
      else open.releaseBody();
    }
    this.#openBytes.update(open);
  }

  /** Where several dialects share a path, the body decides; a body that is none of theirs is read as that of the likeliest. */
  #readByPath(exchange: Exchange, open: OpenCall): void {
    const { candidates } = open;
    for (const dialect of candidates) {
      this.#readRequest(exchange, open, dialect);
      open.dialect = dialect;
      if (open.request?.isCall) return;
    }
    if (candidates.length === 1) return;
    open.dialect = candidates[0] ?? null;
    this.#readRequest(exchange, open, open.dialect ?? UNKNOWN_DIALECT);
  }

  #readRequest(exchange: Exchange, open: OpenCall, dialect: Dialect): void {
    const body = open.requestBody;
    if (body === null) return;
    const path = exchange.requestHead?.path ?? '';
    const host = exchange.requestHead?.headers.get('host') ?? '';
    const cacheKey = ` ${exchange.connection.client.address} ${host}${path}`;
    const { content, limits } = this.#options;
    open.requestCut = body.droppedBytes > 0;
    const kept = content && (dialect.stored !== 'none' || body.isDescription);
    open.request = readRequest(body.bytes, dialect, path, kept, cacheKey, this.#caches, limits);
  }

  onResponse(exchange: Exchange): BodyConsumer | null {
    const head = exchange.responseHead;
    if (head === null) return null;
    let open = this.#open.get(exchange);
    const contentType = head.headers.get('content-type') ?? '';
    if (open === undefined) {
      const isData = contentType.includes('json') || /event-?stream/.test(contentType);
      if (exchange.requestHead !== null || !isData || head.status >= 400) return null;
      open = new OpenCall([], null);
      this.#open.set(exchange, open);
    }
    if (open.toolCalls.length > 0) {
      const wanted = new Set(open.toolCalls.map(({ rpcId }) => rpcId));
      open.toolAnswers = new RpcAnswers(wanted, contentType, lengthHint(head.headers), this.#options.limits);
      return new AnswerIntake(open, open.toolAnswers, this.#openBytes);
    }
    open.reader = new AnswerReader({
      dialect: open.dialect,
      status: head.status,
      contentType,
      contentLength: lengthHint(head.headers),
      headUsage: usageOfHeaders(head.headers),
      headErrorType: errorTypeOfHeaders(head.headers),
      limits: this.#options.limits,
    });
    return new AnswerIntake(open, open.reader, this.#openBytes);
  }

  /** While it is uncertain whether the exchange is a call nothing is told of it. */
  onProvisional(exchange: Exchange): void {
    const open = this.#open.get(exchange);
    if (exchange.request.state !== 'complete' && exchange.requestHead !== null) return;
    exchange.end = 'limit';
    if (open === undefined) this.#emitExchange(exchange, true);
    else {
      const answer = open.reader?.peek() ?? null;
      const dialect = this.#dialectOf(exchange, open, answer);
      if (dialect !== null) this.#emitCall(exchange, open, dialect, answer, null, true);
    }
    exchange.end = null;
  }

  onEnd(exchange: Exchange): void {
    const open = this.#open.get(exchange);
    if (open !== undefined && open.toolCalls.length > 0) {
      this.#close(exchange, open);
      this.#emitExecutions(exchange, open);
      return;
    }
    if (open !== undefined) {
      const answer = open.reader?.finish() ?? null;
      const dialect = this.#dialectOf(exchange, open, answer);
      const estimated = dialect === null ? null : this.#estimate(exchange, open, dialect, answer);
      this.#close(exchange, open);
      if (dialect !== null) {
        this.#emitCall(exchange, open, dialect, answer, estimated);
        return;
      }
    }
    this.#counts.exchanges++;
    this.#emitExchange(exchange, false);
  }

  #emitExchange(exchange: Exchange, provisional: boolean): void {
    if (!this.#options.exchanges) return;
    const row = this.#privacy.exchange(buildExchangeRow(exchange, this.#options.identity, this.#privacy));
    this.#emit({ type: 'exchange', exchange: provisional ? { ...row, provisional } : row });
  }

  #close(exchange: Exchange, open: OpenCall): void {
    open.releaseBody();
    this.#openBytes.close(open);
    this.#open.delete(exchange);
  }

  /** The dialect of the call that this exchange is; null when it is none. */
  #dialectOf(exchange: Exchange, open: OpenCall, answer: Answer | null): Dialect | null {
    if (open.dialect !== null) {
      if (open.requestBody !== null) this.#readByPath(exchange, open);
      const failed = (exchange.responseHead?.status ?? 0) >= 400;
      const unseen = failed || open.requestCut || isPartial(exchange.request);
      return open.request?.isCall || unseen ? open.dialect : null;
    }
    const found = answer?.dialect ?? null;
    if (found === null || answer?.facts == null) return null;
    if (exchange.requestHead === null) return found === UNKNOWN_DIALECT ? null : found;
    if (found !== UNKNOWN_DIALECT || open.request === null) this.#readRequest(exchange, open, found);
    return open.request?.isCall || (open.requestCut && open.request === null) ? found : null;
  }

  /** Only of a call that was answered, and whose server told no count at all. */
  #estimate(exchange: Exchange, open: OpenCall, dialect: Dialect, answer: Answer | null): Usage | null {
    if (this.#estimator === null || answer === null || open.keptBytes.length === 0) return null;
    if ((exchange.responseHead?.status ?? 0) >= 400) return null;
    const { facts, text } = answer;
    if (facts?.usage != null && (facts.usage.input !== null || facts.usage.output !== null)) return null;
    const model = facts?.model || open.request?.fields.model || '';
    return this.#estimator.estimate(dialect, model, open.keptBytes, facts, text);
  }

  #emitCall(
    exchange: Exchange,
    open: OpenCall,
    dialect: Dialect,
    answer: Answer | null,
    estimated: Usage | null,
    provisional = false,
  ): void {
    const { request, requestCut } = open;
    const contents: Content[] = request === null ? [] : [...request.contents];
    const kept = dialect.stored === undefined || (exchange.responseHead?.status ?? 0) >= 400;
    const redactions = { ...request?.redactions };
    const responseContent = kept ? this.#responseContent(exchange, answer, contents, redactions) : '';
    const { identity, content, limits } = this.#options;
    const parts = { exchange, dialect, request, answer, requestCut, responseContent, estimated };
    const built = buildCall(parts, { identity, content, privacy: this.#privacy, pricing: this.#pricing, limits });
    const { call, contents: stored } = this.#privacy.call(built, contents, redactions);
    for (const { hash, text } of stored) {
      this.#caches.emitted.add(hash);
      this.#counts.contentBytes += text.length;
    }
    this.#counts.contents += stored.length;
    if (!provisional) this.#counts.calls++;
    this.#emit({ type: 'call', call: provisional ? { ...call, provisional } : call, contents: stored });
  }

  #emitExecutions(exchange: Exchange, { toolCalls, toolAnswers }: OpenCall): void {
    toolAnswers?.finish();
    const options = { ...this.#options, privacy: this.#privacy };
    for (const toolCall of toolCalls) {
      const { execution, contents } = buildExecution(exchange, toolCall, toolAnswers, options);
      this.#counts.toolExecutions++;
      this.#emit({ type: 'tool_execution', execution, contents });
    }
  }

  #responseContent(
    exchange: Exchange,
    answer: Answer | null,
    contents: Content[],
    redactions: Record<string, number>,
  ): ContentHash | '' {
    if (!this.#options.content || answer === null || answer.text === '') return '';
    const failed = (exchange.responseHead?.status ?? 0) >= 400;
    const text = failed ? withoutKeys(answer.text, this.#options.limits.errorBytesMax) : answer.text;
    const { counts, ...content } = this.#privacy.content({ kind: 'response', hash: contentHash(text), text });
    addCounts(redactions, counts);
    contents.push(content);
    return content.hash;
  }
}
