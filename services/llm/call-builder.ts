/** Puts the row of a call together from what each part of it told. */
import type { Call } from '../../schemas/call.ts';
import type { ContentHash } from '../common/types.ts';
import type { Exchange, Headers, Message } from '../http/exchange.ts';
import { attribute, firstHeader } from '../identity/attribution.ts';
import type { IdentityMapping } from '../identity/mapping.ts';
import type { Answer } from './answer-reader.ts';
import { type AnswerEnd, completenessOf, missingBytes, outcomeOf } from './completeness.ts';
import type { Pricing } from './cost.ts';
import type { LlmLimits } from './defaults.ts';
import type { Dialect, RequestFields, Usage } from './dialects/dialect.ts';
import { withoutKeys } from './error-text.ts';
import { callId } from './hash.ts';
import { cutText } from './json/text.ts';
import { providerOf } from './provider.ts';
import type { RequestFacts } from './request-facts.ts';

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
}

export interface CallOptions {
  readonly identity: IdentityMapping;
  readonly content: boolean;
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

function identityFields(parts: CallParts, options: CallOptions) {
  const { exchange, request } = parts;
  const head = exchange.requestHead;
  const headers = head?.headers ?? NO_HEADERS;
  const body = request?.fields ?? { agentId: '', sessionId: '', userId: '' };
  const who = attribute(options.identity, headers, body, head?.credential ?? null, exchange.connection.process);
  const { client, ...rest } = who;
  const response = exchange.responseHead?.headers ?? NO_HEADERS;
  return {
    ...rest,
    turnId: '',
    clientName: client.name,
    clientVersion: client.version,
    sdk: client.sdk,
    requestId: firstHeader(headers, options.identity.requestId) || firstHeader(response, options.identity.requestId),
    traceparent: headers.get('traceparent') ?? '',
  };
}

function timeFields(parts: CallParts, outputTokens: number | null) {
  const { exchange, answer } = parts;
  const { request, response } = exchange;
  const requestEnd = seenEnd(request);
  const responseEnd = seenEnd(response);
  const firstToken = answer?.timing?.first ?? null;
  const gaps = answer?.timing?.gaps() ?? null;
  const streamMs = milliseconds(firstToken, responseEnd);
  const paced = outputTokens !== null && gaps !== null && streamMs !== null && streamMs > 0;
  return {
    requestStart: request.start,
    requestEnd,
    firstByte: response.start,
    firstToken,
    responseEnd,
    ttftMs: milliseconds(requestEnd, firstToken),
    ttfbMs: milliseconds(requestEnd, response.start),
    durationMs: milliseconds(request.start, responseEnd ?? requestEnd),
    tokenGapP50Ms: gaps?.p50Ms ?? null,
    tokenGapMaxMs: gaps?.maxMs ?? null,
    outputTokensPerSecond: paced ? (outputTokens * 1000) / streamMs : null,
  };
}

function usageFields(usage: Usage) {
  const told = usage.input !== null || usage.output !== null;
  return {
    inputTokens: usage.input,
    cacheReadTokens: usage.cacheRead,
    cacheWriteTokens: usage.cacheWrite,
    cacheWrite5mTokens: usage.cacheWrite5m,
    cacheWrite1hTokens: usage.cacheWrite1h,
    outputTokens: usage.output,
    reasoningTokens: usage.reasoning,
    usageSource: told ? ('reported' as const) : ('none' as const),
  };
}

function placeFields(exchange: Exchange) {
  const { connection, requestHead, responseHead } = exchange;
  return {
    requestBytes: exchange.request.bodyBytes,
    responseBytes: exchange.response.bodyBytes,
    clientIp: connection.client.address,
    clientPort: connection.client.port,
    serverIp: connection.server.address,
    serverPort: connection.server.port,
    host: requestHead?.headers.get('host') ?? '',
    method: requestHead?.method ?? '',
    path: requestHead?.path ?? '',
    serverSoftware: responseHead?.headers.get('server') ?? '',
    origin: connection.origin,
    probe: connection.probe,
    network: connection.network,
    processId: connection.process?.pid ?? 0,
    processName: connection.process?.name ?? '',
    labels: connection.labels,
  };
}

function outcomeFields(parts: CallParts, limits: LlmLimits) {
  const { exchange, answer } = parts;
  const end = endOf(parts);
  const outcome = outcomeOf(exchange, end);
  const facts = answer?.facts ?? null;
  const error = answer?.error ?? null;
  return {
    status: exchange.responseHead?.status ?? 0,
    outcome,
    errorType: cutText(error?.type ?? '', limits.previewCharsMax),
    errorMessage: cutText(withoutKeys(error?.message ?? '', limits.errorCharsMax), limits.errorCharsMax),
    finishReason: facts?.finishReason ?? ('' as const),
    finishReasonRaw: facts?.finishReasonRaw ?? '',
    completeness: completenessOf(exchange, end),
    missingBytes: missingBytes(exchange),
  };
}

function contentFields(parts: CallParts, options: CallOptions) {
  const { request, answer, responseContent } = parts;
  const toolCalls = answer?.facts?.toolCalls ?? [];
  const text = answer?.facts?.text ?? '';
  return {
    toolNames: toolCalls.map((call) => call.name),
    toolCallIds: toolCalls.map((call) => call.id),
    toolArguments: toolCalls.map((call) => (options.content ? call.arguments : '')),
    offeredTools: request?.offeredTools ?? [],
    messageCount: request?.messageCount ?? 0,
    promptPreview: request?.promptPreview ?? '',
    answerPreview: options.content ? cutText(text, options.limits.previewCharsMax) : '',
    requestSkeleton: request?.skeleton ?? '',
    requestParts: request?.partHashes ?? [],
    responseContent,
  };
}

function isStreaming(fields: RequestFields | null, answer: Answer | null): boolean {
  return answer?.streamed === true || (fields?.streaming ?? false);
}

export function buildCall(parts: CallParts, options: CallOptions): Call {
  const { exchange, dialect, request, answer } = parts;
  const fields = request?.fields ?? null;
  const facts = answer?.facts ?? null;
  const usage = facts?.usage ?? NO_USAGE;
  const place = placeFields(exchange);
  const provider = providerOf(place.host, exchange.responseHead?.headers ?? null, dialect.vendor);
  const model = facts?.model ?? '';
  const requestedModel = fields?.model || dialect.request.fields({}, place.path).model;
  const time = exchange.request.start ?? exchange.response.start ?? 0;
  const side = exchange.requestHead === null ? 'server' : 'client';
  const price = (name: string) => options.pricing?.costUsd(provider, name, usage, time) ?? null;
  return {
    callId: callId(exchange.connection.id, side, exchange.offset),
    connectionId: exchange.connection.id,
    ...identityFields(parts, options),
    dialect: dialect.name,
    provider,
    requestedModel,
    model,
    responseId: facts?.responseId ?? '',
    previousResponseId: fields?.previousResponseId ?? '',
    streaming: isStreaming(fields, answer),
    ...outcomeFields(parts, options.limits),
    ...timeFields(parts, usage.output),
    ...usageFields(usage),
    costUsd: price(model) ?? price(requestedModel),
    maxOutputTokens: fields?.maxOutputTokens ?? null,
    temperature: fields?.temperature ?? null,
    ...contentFields(parts, options),
    ...place,
  };
}
