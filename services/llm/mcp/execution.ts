/** Puts the rows of tool executions together. */
import type { Content } from '../../../schemas/call.ts';
import type { ToolExecution, ToolOutcome } from '../../../schemas/tool-execution.ts';
import { contentHash } from '../../common/hash.ts';
import { asArray, asObject, asString, type JsonObject } from '../../common/json.ts';
import type { ContentHash } from '../../common/types.ts';
import type { Exchange, Headers } from '../../http/exchange.ts';
import { attribute, firstHeader, NO_BODY_IDENTITY } from '../../identity/attribution.ts';
import type { IdentityMapping } from '../../identity/mapping.ts';
import type { Privacy, StoredContent } from '../../privacy/privacy.ts';
import { addCounts } from '../../privacy/redactor.ts';
import { NO_HEADERS } from '../call-builder.ts';
import { completenessOf, missingBytes, outcomeOf } from '../completeness.ts';
import type { LlmLimits } from '../defaults.ts';
import { withoutKeys } from '../error-text.ts';
import { executionId } from '../ids.ts';
import { canonicalHash } from '../json/canonical.ts';
import type { RpcAnswer, RpcAnswers } from './answer.ts';
import type { ToolCallRequest } from './request.ts';

export interface ExecutionOptions {
  readonly identity: IdentityMapping;
  readonly content: boolean;
  readonly privacy: Privacy;
  readonly limits: LlmLimits;
}

export interface Executed {
  readonly execution: ToolExecution;
  readonly contents: readonly Content[];
}

interface Result {
  readonly answer: RpcAnswer | null;
  /** Without `_meta`, which has no part in what the tool said. */
  readonly value: JsonObject | null;
  readonly error: JsonObject | null;
  readonly isError: boolean;
}

function resultOf(answer: RpcAnswer | null): Result {
  const told = asObject(answer?.message.result);
  const error = asObject(answer?.message.error);
  const { _meta, ...value } = told ?? {};
  return { answer, value: told === null ? null : value, error, isError: error !== null || told?.isError === true };
}

function outcomeOfTool(exchange: Exchange, { answer, error, isError }: Result, cut: boolean): ToolOutcome {
  if (error !== null) return 'rpc_error';
  if (answer !== null) return isError ? 'tool_error' : 'ok';
  const status = exchange.responseHead?.status ?? 0;
  if (status === 202 && exchange.response.state === 'complete') return 'accepted';
  const outcome = outcomeOf(exchange, { ended: false, streamError: false, refused: false, cut });
  return outcome === 'refused' || outcome === 'stream_error' ? 'partial_capture' : outcome;
}

/** What the tool or the server says about its failure. */
function errorMessageOf({ error, value, isError }: Result): string {
  if (error !== null) return asString(error.message);
  if (!isError) return '';
  return asArray(value?.content)
    .map((item) => asString(asObject(item)?.text))
    .join('\n');
}

/** The older transport names the session in the query of the place that its messages are sent to. */
function mcpSessionOf(request: Headers, response: Headers, target: string): string {
  const header = request.get('mcp-session-id') ?? response.get('mcp-session-id') ?? '';
  return header || (/[?&]session_?id=([^&#]{1,200})/i.exec(target)?.[1] ?? '');
}

interface Part {
  /** As it is stored. */
  readonly content: StoredContent;
  /** Of what it was on the wire. */
  readonly bytes: number;
}

function partOf(kind: 'arguments' | 'result', value: unknown, { content, privacy }: ExecutionOptions): Part {
  const text = JSON.stringify(value);
  const part = { kind, hash: contentHash(text), text };
  return { content: content ? privacy.content(part) : { ...part, counts: {} }, bytes: Buffer.byteLength(text) };
}

function who(exchange: Exchange, { identity }: ExecutionOptions) {
  const { connection, requestHead, responseHead } = exchange;
  const headers = requestHead?.headers ?? NO_HEADERS;
  const told = attribute(identity, headers, NO_BODY_IDENTITY, requestHead?.credential ?? null, connection.process);
  const answered = responseHead === null ? '' : firstHeader(responseHead.headers, identity.requestId);
  return {
    sessionId: told.sessionId,
    agentId: told.agentId,
    userId: told.userId,
    teamId: told.teamId,
    identitySource: told.identitySource,
    credential: told.credential,
    clientName: told.client.name,
    clientVersion: told.client.version,
    requestId: firstHeader(headers, identity.requestId) || answered,
    traceparent: headers.get('traceparent') ?? '',
    clientIp: connection.client.address,
    clientPort: connection.client.port,
    serverIp: connection.server.address,
    serverPort: connection.server.port,
    origin: connection.origin,
    probe: connection.probe,
    network: connection.network,
  };
}

/** `answers`: null when there was no response. */
export function buildExecution(
  exchange: Exchange,
  request: ToolCallRequest,
  answers: RpcAnswers | null,
  options: ExecutionOptions,
): Executed {
  const { connection, requestHead, responseHead } = exchange;
  const headers = requestHead?.headers ?? NO_HEADERS;
  const result = resultOf(answers?.answers.get(request.rpcId) ?? null);
  const cut = answers?.cut ?? false;
  const end = { ended: result.answer !== null, streamError: false, refused: false, cut };
  const started = exchange.request.start ?? 0;
  const ended = result.answer?.time ?? exchange.response.end;
  const asked = partOf('arguments', request.arguments, options);
  const got = result.value === null ? null : partOf('result', result.value, options);
  const counts: Record<string, number> = {};
  const stored: Content[] = [];
  for (const { content } of options.content ? [asked, ...(got === null ? [] : [got])] : []) {
    stored.push({ kind: content.kind, hash: content.hash, text: content.text });
    addCounts(counts, content.counts);
  }
  const told = (part: Part | null): ContentHash | '' => (options.content && part !== null ? part.content.hash : '');
  const execution: ToolExecution = {
    executionId: executionId(connection.id, exchange.offset, request.rpcId),
    connectionId: connection.id,
    mcpSession: mcpSessionOf(headers, responseHead?.headers ?? NO_HEADERS, requestHead?.target ?? ''),
    server: (headers.get('host') ?? '') + (requestHead?.path ?? ''),
    protocolVersion: headers.get('mcp-protocol-version') ?? '',
    rpcId: request.rpcId,
    toolName: request.toolName,
    toolCallId: request.toolCallId,
    argumentsHash: canonicalHash(request.arguments),
    resultHash: result.value === null ? '' : canonicalHash(result.value),
    outcome: outcomeOfTool(exchange, result, cut),
    isError: result.isError,
    errorCode: typeof result.error?.code === 'number' ? String(result.error.code) : '',
    errorMessage: options.content ? withoutKeys(errorMessageOf(result), options.limits.errorCharsMax) : '',
    status: responseHead?.status ?? 0,
    completeness: completenessOf(exchange, end),
    missingBytes: missingBytes(exchange),
    started,
    requestEnd: exchange.request.end,
    firstByte: exchange.response.start,
    ended,
    durationMs: ended === null || ended < started ? null : (ended - started) / 1000,
    argumentsBytes: asked.bytes,
    resultBytes: got?.bytes ?? 0,
    notifications: answers?.notifications ?? 0,
    ...who(exchange, options),
    captureMode: options.content ? 'content' : 'metadata',
    redactions: {},
    argumentsContent: told(asked),
    resultContent: told(got),
  };
  const subject = { agentId: execution.agentId, host: headers.get('host') ?? '', path: requestHead?.path ?? '' };
  return options.privacy.execution(execution, stored, counts, subject);
}
