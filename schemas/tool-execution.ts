/**
 * An execution of a tool by an MCP server, as a client asked for it over HTTP (`tools/call`), as stored: one row of ClickHouse's
 * `tool_executions`. Not a call: the model that asked for it is in the call whose response names the tool. Times are capture
 * times; null = not seen; '' = not told.
 */
import type { CallId, ConnectionId, ContentHash, Micros } from '../services/common/types.ts';
import type { Completeness, IdentitySource } from './call.ts';
import type { Origin } from './frame.ts';

/**
 * How it ended. `ok`: with a result. `tool_error`: the tool says that it failed. `rpc_error`: the server refused (no such tool,
 * wrong arguments). `accepted`: the result comes on another connection (the older SSE transport) and isn't in this row. The
 * others as for calls.
 */
export type ToolOutcome =
  | 'ok'
  | 'tool_error'
  | 'rpc_error'
  | 'accepted'
  | 'http_error'
  | 'client_abort'
  | 'upstream_abort'
  | 'timeout'
  | 'partial_capture';

export interface ToolExecution {
  readonly executionId: CallId;
  readonly connectionId: ConnectionId;
  /** `Mcp-Session-Id`, or the session in the query of the older transport. */
  readonly mcpSession: string;
  /** Host and path of the server. */
  readonly server: string;
  /** `MCP-Protocol-Version`. */
  readonly protocolVersion: string;
  /** Id of the JSON-RPC request, as JSON text. */
  readonly rpcId: string;
  readonly toolName: string;
  /** The model's tool call, where the client tells it with the request (`_meta`). */
  readonly toolCallId: string;
  /** Hash of the canonical JSON of the arguments. */
  readonly argumentsHash: ContentHash;
  /** The same of the result without its `_meta`; '' = no result. */
  readonly resultHash: ContentHash | '';
  readonly outcome: ToolOutcome;
  readonly isError: boolean;
  /** Code of a JSON-RPC error. */
  readonly errorCode: string;
  readonly errorMessage: string;
  readonly status: number;
  readonly completeness: Completeness;
  readonly missingBytes: number;
  readonly started: Micros;
  readonly requestEnd: Micros | null;
  readonly firstByte: Micros | null;
  /** The bytes that completed the result. */
  readonly ended: Micros | null;
  /** From the first byte of the request to the result, milliseconds. */
  readonly durationMs: number | null;
  /** Of their JSON text. */
  readonly argumentsBytes: number;
  readonly resultBytes: number;
  /** Messages of progress before the result. */
  readonly notifications: number;
  readonly sessionId: string;
  readonly agentId: string;
  readonly userId: string;
  readonly teamId: string;
  readonly identitySource: IdentitySource;
  readonly credential: string;
  readonly clientName: string;
  readonly clientVersion: string;
  readonly requestId: string;
  readonly traceparent: string;
  readonly clientIp: string;
  readonly clientPort: number;
  readonly serverIp: string;
  readonly serverPort: number;
  readonly origin: Origin;
  readonly probe: string;
  readonly network: string;
  /** `metadata`: no text of it was kept. */
  readonly captureMode: 'content' | 'metadata';
  /** Secrets that were replaced in its contents, by rule. */
  readonly redactions: Readonly<Record<string, number>>;
  /** Stored contents: the JSON text of the arguments and of the result; '' = none. */
  readonly argumentsContent: ContentHash | '';
  readonly resultContent: ContentHash | '';
}
