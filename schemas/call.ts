/**
 * A call: an exchange that is an LLM API call, as stored. One of these is one row of ClickHouse's `calls` (columns are
 * these names in snake_case). Times are capture times; null = not seen or not knowable; '' = not told.
 */

import type { CallId, ConnectionId, ContentHash, Micros } from '../services/common/types.ts';
import type { Origin } from './frame.ts';
import type { CallStory } from './story.ts';
import type { ToolExecution } from './tool-execution.ts';

export type UsageSource = 'reported' | 'estimated' | 'none';

/**
 * How it ended. `ok`: the API's own end was reached. `http_error`: status >= 400. `stream_error`: an error event inside a 200.
 * `refused`: the model or a safety filter refused. `client_abort` / `upstream_abort`: that side closed first. `timeout`: went
 * silent. `partial_capture`: what was captured doesn't tell.
 */
export type Outcome =
  | 'ok'
  | 'http_error'
  | 'stream_error'
  | 'refused'
  | 'client_abort'
  | 'upstream_abort'
  | 'timeout'
  | 'partial_capture';

/**
 * How much of it the capture saw. `full`: all of it. `head_missing`: joined in the middle, the request (or its beginning) wasn't
 * seen. `gap`: bytes inside are missing. `truncated`: cut by snap length or one of our limits. `tail_missing`: the capture
 * ended first, or saw neither HTTP's end nor a close. A call that the client or server aborted is `full` when all that was sent was seen.
 */
export type Completeness = 'full' | 'head_missing' | 'gap' | 'truncated' | 'tail_missing';

/** Normalised finish reason; '' while unknown. The API's own word is in `finishReasonRaw`. */
export type FinishReason =
  | ''
  | 'stop'
  | 'length'
  | 'tool_calls'
  | 'content_filter'
  | 'refusal'
  | 'pause'
  | 'error'
  | 'other';

/** Where an identity was read from, in order of trust. */
export type IdentitySource =
  | ''
  | 'header'
  | 'body'
  | 'client_profile'
  | 'process'
  | 'credential'
  | 'content'
  | 'address';

/** A tool call that the model asked for in this call's response. */
export interface RequestedToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON text as the model wrote it (for APIs with JSON objects: their JSON text). */
  readonly arguments: string;
}

export interface Call extends CallStory {
  readonly callId: CallId;
  readonly connectionId: ConnectionId;
  sessionId: string;
  sessionSource: IdentitySource;
  turnId: string;
  agentId: string;
  userId: string;
  teamId: string;
  /** Where agentId came from. */
  identitySource: IdentitySource;
  /** `fp_…` fingerprint, never the credential. */
  credential: string;
  clientName: string;
  clientVersion: string;
  /** SDK and version from the user agent or SDK headers, e.g. `openai-python/1.99.0`. */
  sdk: string;
  /** Name of the API format, as the registry of dialects has it, or `unknown`. */
  dialect: string;
  /** `openai`, `anthropic`, `gcp.gemini`, … as OpenTelemetry names them; by host and dialect. */
  provider: string;
  requestedModel: string;
  model: string;
  responseId: string;
  previousResponseId: string;
  streaming: boolean;
  status: number;
  outcome: Outcome;
  errorType: string;
  errorMessage: string;
  finishReason: FinishReason;
  finishReasonRaw: string;
  completeness: Completeness;
  missingBytes: number;
  /** The exchange lasts so long that it was told of before its end; the whole one follows under the same id, unless its process dies. */
  provisional: boolean;

  requestStart: Micros | null;
  requestEnd: Micros | null;
  firstByte: Micros | null;
  firstToken: Micros | null;
  responseEnd: Micros | null;
  /** firstToken − requestEnd, milliseconds with µs resolution. Null for non-streaming calls. */
  ttftMs: number | null;
  /** firstByte − requestEnd. */
  ttfbMs: number | null;
  /** responseEnd (or the last byte seen) − requestStart. */
  durationMs: number | null;
  /** Gaps between consecutive content events of a stream. */
  tokenGapP50Ms: number | null;
  tokenGapMaxMs: number | null;
  outputTokensPerSecond: number | null;

  /** Total, cached included. */
  inputTokens: number | null;
  cacheReadTokens: number | null;
  cacheWriteTokens: number | null;
  cacheWrite5mTokens: number | null;
  cacheWrite1hTokens: number | null;
  /** Reasoning included. */
  outputTokens: number | null;
  reasoningTokens: number | null;
  usageSource: UsageSource;
  costUsd: number | null;
  /** The cost is of token counts that are estimates. */
  costEstimated: boolean;

  /** Tool calls that the response asks for, in order: parallel arrays. */
  toolNames: string[];
  toolCallIds: string[];
  toolArguments: string[];
  /** Names of the tools that the request offered. */
  offeredTools: string[];
  /** Messages (or input items, contents) in the request. */
  messageCount: number;
  maxOutputTokens: number | null;
  temperature: number | null;
  /** Beginning of the last genuine user text and of the answer's text; at most 300 characters each. */
  promptPreview: string;
  answerPreview: string;

  /** HTTP body bytes after transfer decoding, before content decoding. Over a WebSocket: payload of its messages as sent. */
  requestBytes: number;
  responseBytes: number;
  clientIp: string;
  clientPort: number;
  serverIp: string;
  serverPort: number;
  host: string;
  method: string;
  path: string;
  /** What carried it: `http/1.0`, `http/1.1`, `h2`, `websocket`. */
  readonly protocol: string;
  /** `server` response header. */
  serverSoftware: string;
  /** Gateway that headers of the response name: `litellm`, `kong`, `envoy`, …; `''`: none does. */
  gateway: string;
  /** `x-request-id` and its like, of the request or else of the response. */
  requestId: string;
  traceparent: string;
  origin: Origin;
  probe: string;
  network: string;
  processId: number;
  processName: string;
  labels: Readonly<Record<string, string>>;

  /** `metadata`: no text of it was kept. */
  captureMode: 'content' | 'metadata';
  /** Secrets that were replaced in what the row refers to, by rule. */
  redactions: Readonly<Record<string, number>>;
  /** How to put the request together again: see `docs/schema.md`. Skeleton: the request text with every stored part replaced by NUL. */
  requestSkeleton: string;
  requestParts: ContentHash[];
  /** The response as stored content: raw JSON body, or for a stream the message put together from its events. '' = none. */
  responseContent: ContentHash | '';
  /** A line `name: value` for each field, credentials and what is unknown hidden (services/privacy/headers). '' = none. */
  requestHeaders: string;
  responseHeaders: string;
}

/** A piece of content, stored once by its hash. */
export interface Content {
  readonly hash: ContentHash;
  /** `message`, `system`, `tool` (a definition), `response`, `body` (a request that has no list of messages); `arguments` and `result` of an MCP tool. */
  readonly kind: 'message' | 'system' | 'tool' | 'response' | 'body' | 'arguments' | 'result';
  readonly text: string;
}

/** An exchange that isn't an LLM call: metadata only. One row of ClickHouse's `exchanges`. */
export interface ExchangeRow {
  readonly exchangeId: CallId;
  readonly connectionId: ConnectionId;
  readonly started: Micros;
  readonly firstByte: Micros | null;
  readonly ended: Micros | null;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  /** As of a call. */
  readonly protocol: string;
  readonly status: number;
  readonly requestType: string;
  readonly responseType: string;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** gRPC: whole messages of each side, and the status code as sent; 0 and '' otherwise. */
  readonly requestMessages: number;
  readonly responseMessages: number;
  readonly grpcStatus: string;
  /** `ExchangeEnd` of the HTTP layer. */
  readonly outcome: string;
  readonly completeness: Completeness;
  readonly missingBytes: number;
  /** The exchange lasts so long that it was told of before its end; the whole one follows under the same id, unless its process dies. */
  readonly provisional: boolean;
  readonly clientName: string;
  readonly agentId: string;
  readonly credential: string;
  readonly clientIp: string;
  readonly clientPort: number;
  readonly serverIp: string;
  readonly serverPort: number;
  readonly upgrade: string;
  readonly upgradeBytes: number;
  /** Of a WebSocket connection: messages of each side with their payload as sent, bytes not understood, code of the close frame. */
  readonly clientMessages: number;
  readonly serverMessages: number;
  readonly clientMessageBytes: number;
  readonly serverMessageBytes: number;
  readonly skippedBytes: number;
  readonly closeCode: number;
  /** `prewarm`: it only prepared a call, which names its `responseId`. */
  readonly purpose: string;
  readonly responseId: string;
  readonly origin: Origin;
  readonly probe: string;
  readonly network: string;
  /** As of a call. */
  readonly requestHeaders: string;
  readonly responseHeaders: string;
}

/** What the recogniser makes: one call or tool execution with the contents that it brings, or one other exchange. */
export type Observation =
  | { readonly type: 'call'; readonly call: Call; readonly contents: readonly Content[] }
  | { readonly type: 'tool_execution'; readonly execution: ToolExecution; readonly contents: readonly Content[] }
  | { readonly type: 'exchange'; readonly exchange: ExchangeRow };

/** Contents that go before a call which would be too large a record with them (services/reassembler/fit.ts). */
export interface ContentsRecord {
  readonly type: 'contents';
  readonly contents: readonly Content[];
}

/** What the reassembler publishes. */
export type ObservationRecord = Observation | ContentsRecord;
