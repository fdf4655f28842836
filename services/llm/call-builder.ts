/** Puts the row of a call together from what each part of it told. */
import type { Call } from '../../schemas/call.ts';
import { cutText } from '../common/text.ts';
import type { ContentHash } from '../common/types.ts';
import type { Exchange, Headers, Message } from '../http/exchange.ts';
import { protocolOf } from '../http/protocol.ts';
import { type Attribution, attribute, firstHeader, NO_BODY_IDENTITY } from '../identity/attribution.ts';
import type { IdentityMapping } from '../identity/mapping.ts';
import type { Privacy } from '../privacy/privacy.ts';
import type { Answer } from './answer-reader.ts';
import { type AnswerEnd, completenessOf, missingBytes, outcomeOf } from './completeness.ts';
import type { Pricing } from './cost.ts';
import type { LlmLimits } from './defaults.ts';
import type { Dialect, Usage } from './dialects/dialect.ts';
import { withoutKeys } from './error-text.ts';
import { gatewayOf } from './gateway.ts';
import { exchangeId } from './ids.ts';
import { providerOf } from './provider.ts';
import type { RequestFacts } from './request-facts.ts';
import { placeCall } from './story.ts';

export interface CallParts {
  readonly exchange: Exchange;
  readonly dialect: Dialect;
  /** Null when the request's body wasn't seen. */
  readonly request: RequestFacts | null;
  /** Null when there was no response. */
  readonly answer: Answer | null;
  /** One of our limits cut the request's body. */
  readonly requestCut: boolean;
  readonly responseContent: ContentHash | '';
  /** Our own count of its tokens; null when the API told one, or none was made. */
  readonly estimated: Usage | null;
}

export interface CallOptions {
  readonly identity: IdentityMapping;
  readonly content: boolean;
  readonly privacy: Privacy;
  readonly pricing: Pricing | null;
  readonly limits: LlmLimits;
}

export const NO_HEADERS: Headers = new Map();

const NO_USAGE: Usage = {
  input: null,
  cacheRead: null,
  cacheWrite: null,
  cacheWrite5m: null,
  cacheWrite1h: null,
  output: null,
  reasoning: null,
};

/** Whether the API's own end was reached, with what HTTP knows about a stream that has no end of its own. */
function endOf(parts: CallParts): AnswerEnd {
  const { exchange, answer, requestCut } = parts;
  const whole = exchange.response.state === 'complete' && exchange.response.missingBytes === 0;
  const isCut = answer?.cut ?? false;
  const told = answer?.end === 'yes' || (answer?.end === 'if_closed' && whole);
  return {
    ended: told && !exchange.uncertain,
    // A response that tells of its own failure in an orderly body is no failure of the stream, but one all the same.
    streamError: answer !== null && answer.error !== null,
    refused: answer?.facts?.refused ?? false,
    cut: requestCut || isCut,
  };
}

function seenEnd(message: Message): number | null {
  return message.state === 'none' ? null : message.end;
}

function milliseconds(from: number | null, to: number | null): number | null {
  return from === null || to === null || to < from ? null : (to - from) / 1000;
}

function identityOf(parts: CallParts, options: CallOptions): Attribution {
  const { exchange, request } = parts;
  const head = exchange.requestHead;
  const headers = head?.headers ?? NO_HEADERS;
  const body = request?.fields ?? NO_BODY_IDENTITY;
  return attribute(options.identity, headers, body, head?.credential ?? null, exchange.connection.process);
}

/** Of the request, else of the response. */
function requestIdOf(exchange: Exchange, { requestId }: IdentityMapping): string {
  const { requestHead, responseHead } = exchange;
  const asked = requestHead === null ? '' : firstHeader(requestHead.headers, requestId);
  return asked || (responseHead === null ? '' : firstHeader(responseHead.headers, requestId));
}

function timesOf(parts: CallParts, outputTokens: number | null) {
  const { exchange, answer } = parts;
  const { request, response } = exchange;
  const requestEnd = seenEnd(request);
  const responseEnd = seenEnd(response);
  const firstToken = answer?.timing?.first ?? null;
  const gaps = answer?.timing?.gaps() ?? null;
  const streamMs = milliseconds(firstToken, responseEnd);
  // One piece has no pace.
  const paced = outputTokens !== null && gaps !== null && streamMs !== null && streamMs > 0;
  return {
    requestEnd,
    firstToken,
    responseEnd,
    ttftMs: milliseconds(requestEnd, firstToken),
    ttfbMs: milliseconds(requestEnd, response.start),
    durationMs: milliseconds(request.start, responseEnd ?? requestEnd),
    gapP50Ms: gaps?.p50Ms ?? null,
    gapMaxMs: gaps?.maxMs ?? null,
    outputTokensPerSecond: paced ? (outputTokens * 1000) / streamMs : null,
  };
}

function outcomeOfCall(parts: CallParts, limits: LlmLimits) {
  const { exchange, answer } = parts;
  const end = endOf(parts);
  const error = answer?.error ?? null;
  return {
    outcome: outcomeOf(exchange, end),
    completeness: completenessOf(exchange, end),
    errorType: error === null ? '' : cutText(error.type, limits.previewCharsMax),
    errorMessage: error === null ? '' : withoutKeys(error.message, limits.errorCharsMax),
  };
}

/** By the model that answered, else by the one that was asked for. */
function costOf(parts: CallParts, pricing: Pricing | null, provider: string, requestedModel: string): number | null {
  const facts = parts.answer?.facts;
  const usage = parts.estimated ?? facts?.usage ?? null;
  if (pricing === null || usage === null) return null;
  const { request, response } = parts.exchange;
  const time = request.start ?? response.start ?? 0;
  const byModel = pricing.costUsd(provider, facts?.model ?? '', usage, time);
  return byModel ?? pricing.costUsd(provider, requestedModel, usage, time);
}

/** One literal with every column: the row of each call has the same shape, and spreading it together cost more than all else here. */
export function buildCall(parts: CallParts, options: CallOptions): Call {
  const { exchange, dialect, request, answer } = parts;
  const { connection, requestHead, responseHead } = exchange;
  const fields = request?.fields ?? null;
  const facts = answer?.facts ?? null;
  const usage = parts.estimated ?? facts?.usage ?? NO_USAGE;
  const told = usage.input !== null || usage.output !== null;
  const usageSource = !told ? 'none' : parts.estimated === null ? 'reported' : 'estimated';
  const who = identityOf(parts, options);
  const placed = options.privacy.place(placeCall(parts, who, options.content));
  const { story } = placed;
  const result = outcomeOfCall(parts, options.limits);
  const time = timesOf(parts, usage.output);
  const toolCalls = facts?.toolCalls ?? [];
  const host = requestHead?.headers.get('host') ?? '';
  const path = requestHead?.path ?? '';
  const provider = providerOf(host, responseHead?.headers ?? null, dialect.vendor, path);
  const requestedModel = fields?.model || dialect.request.fields({}, path).model;
  const heads = options.privacy.heads({ agentId: placed.agentId, host, path }, requestHead, responseHead);
  const costUsd = costOf(parts, options.pricing, provider, requestedModel);
  return {
    callId: exchangeId(exchange),
    connectionId: connection.id,
    sessionId: placed.sessionId,
    sessionSource: placed.sessionSource,
    turnId: placed.turnId,
    callKind: story.callKind,
    threadId: story.threadId,
    parentSessionId: story.parentSessionId,
    parentThreadId: story.parentThreadId,
    userMessageCount: story.userMessageCount,
    promptHash: story.promptHash,
    threadPromptHash: story.threadPromptHash,
    openingHash: story.openingHash,
    stepId: story.stepId,
    answerHash: story.answerHash,
    answerTextHash: story.answerTextHash,
    agentId: placed.agentId,
    userId: who.userId,
    teamId: who.teamId,
    identitySource: placed.identitySource,
    credential: who.credential,
    clientName: who.client.name,
    clientVersion: who.client.version,
    sdk: who.client.sdk,
    dialect: dialect.name,
    provider,
    requestedModel,
    model: facts?.model ?? '',
    responseId: facts?.responseId ?? '',
    previousResponseId: fields?.previousResponseId ?? '',
    streaming: answer?.streamed === true || (fields?.streaming ?? false),
    status: responseHead?.status ?? 0,
    outcome: result.outcome,
    errorType: result.errorType,
    errorMessage: result.errorMessage,
    finishReason: facts?.finishReason ?? '',
    finishReasonRaw: facts?.finishReasonRaw ?? '',
    completeness: result.completeness,
    provisional: false,
    missingBytes: missingBytes(exchange),
    requestStart: exchange.request.start,
    requestEnd: time.requestEnd,
    firstByte: exchange.response.start,
    firstToken: time.firstToken,
    responseEnd: time.responseEnd,
    ttftMs: time.ttftMs,
    ttfbMs: time.ttfbMs,
    durationMs: time.durationMs,
    tokenGapP50Ms: time.gapP50Ms,
    tokenGapMaxMs: time.gapMaxMs,
    outputTokensPerSecond: time.outputTokensPerSecond,
    inputTokens: usage.input,
    cacheReadTokens: usage.cacheRead,
    cacheWriteTokens: usage.cacheWrite,
    cacheWrite5mTokens: usage.cacheWrite5m,
    cacheWrite1hTokens: usage.cacheWrite1h,
    outputTokens: usage.output,
    reasoningTokens: usage.reasoning,
    usageSource,
    costUsd,
    costEstimated: costUsd !== null && usageSource === 'estimated',
    toolNames: toolCalls.map((call) => call.name),
    toolCallIds: toolCalls.map((call) => call.id),
    toolArguments: toolCalls.map((call) => (options.content ? call.arguments : '')),
    toolArgumentHashes: story.toolArgumentHashes,
    toolPromptHashes: story.toolPromptHashes,
    toolResultIds: story.toolResultIds,
    toolResultNames: story.toolResultNames,
    toolResultHashes: story.toolResultHashes,
    toolResultErrors: story.toolResultErrors,
    toolResultAgents: story.toolResultAgents,
    toolResultPreviews: story.toolResultPreviews,
    offeredTools: request?.offeredTools ?? [],
    messageCount: request?.messageCount ?? 0,
    maxOutputTokens: fields?.maxOutputTokens ?? null,
    temperature: fields?.temperature ?? null,
    promptPreview: request?.promptPreview ?? '',
    answerPreview: options.content ? options.privacy.preview(facts?.text ?? '', options.limits.previewCharsMax) : '',
    requestBytes: exchange.request.bodyBytes,
    responseBytes: exchange.response.bodyBytes,
    clientIp: connection.client.address,
    clientPort: connection.client.port,
    serverIp: connection.server.address,
    serverPort: connection.server.port,
    host,
    method: requestHead?.method ?? '',
    path,
    protocol: protocolOf(exchange),
    serverSoftware: responseHead?.headers.get('server') ?? '',
    gateway: gatewayOf(responseHead?.headers),
    requestId: requestIdOf(exchange, options.identity),
    retryCount: story.retryCount,
    upstreamRequestId: story.upstreamRequestId,
    traceparent: requestHead?.headers.get('traceparent') ?? '',
    origin: connection.origin,
    probe: connection.probe,
    network: connection.network,
    processId: connection.process?.pid ?? 0,
    processName: connection.process?.name ?? '',
    labels: connection.labels,
    captureMode: options.content ? 'content' : 'metadata',
    redactions: {},
    requestSkeleton: request?.skeleton ?? '',
    requestParts: request?.partHashes ?? [],
    responseContent: parts.responseContent,
    requestHeaders: heads.requestHeaders,
    responseHeaders: heads.responseHeaders,
  };
}
