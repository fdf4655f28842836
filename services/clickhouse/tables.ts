/** The tables that the sink fills: which field of a value stands in which column. Names and types are the migrations'. */
import type { Call, Content, ExchangeRow } from '../../schemas/call.ts';
import type { ProbeReport } from '../../schemas/frame.ts';
import type { ToolExecution } from '../../schemas/tool-execution.ts';

/**
 * How a value is written and read back. A `?` may be null. `time`: µs since the epoch, DateTime64(6). Unsigned integers are
 * clamped to their range and 2^53 − 1: what traffic claims never makes an insert fail.
 */
export type ColumnKind =
  | 'text'
  | 'u16'
  | 'u32'
  | 'u64'
  | 'u64?'
  | 'f64'
  | 'f64?'
  | 'bool'
  | 'bool?'
  | 'time'
  | 'time?'
  | 'texts'
  | 'bools'
  | 'labels'
  | 'counts';

export interface Column<T> {
  readonly name: string;
  readonly kind: ColumnKind;
  /** Field of the value in memory; null for a column that is derived from others. */
  readonly key: (keyof T & string) | null;
  readonly value: (row: T) => unknown;
}

export interface Table<T> {
  readonly name: string;
  readonly columns: readonly Column<T>[];
  readonly idColumn: string;
  /** First column of the sorting key; ids are looked for within a range of it. Null: the id itself is the key. */
  readonly timeColumn: string | null;
  /** Table that rows may be moved to later; sorted by the same id. */
  readonly movedTo?: string;
  /** Rows have a version: to insert one again changes nothing. */
  readonly versioned?: true;
  readonly id: (row: T) => string;
  /** µs since the epoch. */
  readonly time: (row: T) => number;
  /** The row gives way to one with the same id that isn't provisional; it stands in a column of this name. */
  readonly provisional?: (row: T) => boolean;
}

export function columnsOf<T>() {
  return (name: string, kind: ColumnKind, key: keyof T & string): Column<T> => {
    return { name, kind, key, value: (row) => row[key] };
  };
}

/** The earliest known time of a call: its place in the table when its first byte wasn't seen. 0 when nothing is known. */
export function callTime(call: Call): number {
  return call.requestStart ?? call.requestEnd ?? call.firstByte ?? call.firstToken ?? call.responseEnd ?? 0;
}

/** Columns that came later have a default: a stage of an older release may have published the row. */
const callColumn = columnsOf<Call>();

/** One row a call. */
export const CALLS: Table<Call> = {
  name: 'calls',
  idColumn: 'call_id',
  timeColumn: 'request_start',
  movedTo: 'call_hops',
  id: (row) => row.callId,
  time: callTime,
  provisional: (row) => row.provisional,
  columns: [
    callColumn('call_id', 'text', 'callId'),
    callColumn('connection_id', 'text', 'connectionId'),
    { name: 'request_start', kind: 'time', key: 'requestStart', value: callTime },
    { name: 'request_start_known', kind: 'bool', key: null, value: (call) => call.requestStart !== null },
    callColumn('request_end', 'time?', 'requestEnd'),
    callColumn('first_byte', 'time?', 'firstByte'),
    callColumn('first_token', 'time?', 'firstToken'),
    callColumn('response_end', 'time?', 'responseEnd'),
    callColumn('ttft_ms', 'f64?', 'ttftMs'),
    callColumn('ttfb_ms', 'f64?', 'ttfbMs'),
    callColumn('duration_ms', 'f64?', 'durationMs'),
    callColumn('token_gap_p50_ms', 'f64?', 'tokenGapP50Ms'),
    callColumn('token_gap_max_ms', 'f64?', 'tokenGapMaxMs'),
    callColumn('output_tokens_per_second', 'f64?', 'outputTokensPerSecond'),
    callColumn('session_id', 'text', 'sessionId'),
    callColumn('session_source', 'text', 'sessionSource'),
    callColumn('turn_id', 'text', 'turnId'),
    callColumn('call_kind', 'text', 'callKind'),
    callColumn('thread_id', 'text', 'threadId'),
    callColumn('parent_session_id', 'text', 'parentSessionId'),
    callColumn('parent_thread_id', 'text', 'parentThreadId'),
    callColumn('user_message_count', 'u32', 'userMessageCount'),
    callColumn('prompt_hash', 'text', 'promptHash'),
    callColumn('thread_prompt_hash', 'text', 'threadPromptHash'),
    callColumn('opening_hash', 'text', 'openingHash'),
    callColumn('step_id', 'text', 'stepId'),
    callColumn('answer_hash', 'text', 'answerHash'),
    callColumn('answer_text_hash', 'text', 'answerTextHash'),
    callColumn('agent_id', 'text', 'agentId'),
    callColumn('user_id', 'text', 'userId'),
    callColumn('team_id', 'text', 'teamId'),
    callColumn('identity_source', 'text', 'identitySource'),
    callColumn('credential', 'text', 'credential'),
    callColumn('client_name', 'text', 'clientName'),
    callColumn('client_version', 'text', 'clientVersion'),
    callColumn('sdk', 'text', 'sdk'),
    callColumn('dialect', 'text', 'dialect'),
    callColumn('provider', 'text', 'provider'),
    callColumn('requested_model', 'text', 'requestedModel'),
    callColumn('model', 'text', 'model'),
    callColumn('response_id', 'text', 'responseId'),
    callColumn('previous_response_id', 'text', 'previousResponseId'),
    callColumn('streaming', 'bool', 'streaming'),
    callColumn('status', 'u16', 'status'),
    callColumn('outcome', 'text', 'outcome'),
    callColumn('error_type', 'text', 'errorType'),
    callColumn('error_message', 'text', 'errorMessage'),
    callColumn('finish_reason', 'text', 'finishReason'),
    callColumn('finish_reason_raw', 'text', 'finishReasonRaw'),
    callColumn('completeness', 'text', 'completeness'),
    callColumn('missing_bytes', 'u64', 'missingBytes'),
    callColumn('provisional', 'bool', 'provisional'),
    callColumn('input_tokens', 'u64?', 'inputTokens'),
    callColumn('cache_read_tokens', 'u64?', 'cacheReadTokens'),
    callColumn('cache_write_tokens', 'u64?', 'cacheWriteTokens'),
    callColumn('cache_write_5m_tokens', 'u64?', 'cacheWrite5mTokens'),
    callColumn('cache_write_1h_tokens', 'u64?', 'cacheWrite1hTokens'),
    callColumn('output_tokens', 'u64?', 'outputTokens'),
    callColumn('reasoning_tokens', 'u64?', 'reasoningTokens'),
    callColumn('usage_source', 'text', 'usageSource'),
    callColumn('cost_usd', 'f64?', 'costUsd'),
    callColumn('cost_estimated', 'bool', 'costEstimated'),
    callColumn('tool_names', 'texts', 'toolNames'),
    callColumn('tool_call_ids', 'texts', 'toolCallIds'),
    callColumn('tool_arguments', 'texts', 'toolArguments'),
    callColumn('tool_argument_hashes', 'texts', 'toolArgumentHashes'),
    callColumn('tool_prompt_hashes', 'texts', 'toolPromptHashes'),
    callColumn('tool_result_ids', 'texts', 'toolResultIds'),
    callColumn('tool_result_names', 'texts', 'toolResultNames'),
    callColumn('tool_result_hashes', 'texts', 'toolResultHashes'),
    callColumn('tool_result_errors', 'bools', 'toolResultErrors'),
    callColumn('tool_result_agents', 'texts', 'toolResultAgents'),
    callColumn('tool_result_previews', 'texts', 'toolResultPreviews'),
    callColumn('offered_tools', 'texts', 'offeredTools'),
    callColumn('message_count', 'u32', 'messageCount'),
    callColumn('max_output_tokens', 'u64?', 'maxOutputTokens'),
    callColumn('temperature', 'f64?', 'temperature'),
    callColumn('prompt_preview', 'text', 'promptPreview'),
    callColumn('answer_preview', 'text', 'answerPreview'),
    callColumn('request_bytes', 'u64', 'requestBytes'),
    callColumn('response_bytes', 'u64', 'responseBytes'),
    callColumn('client_ip', 'text', 'clientIp'),
    callColumn('client_port', 'u16', 'clientPort'),
    callColumn('server_ip', 'text', 'serverIp'),
    callColumn('server_port', 'u16', 'serverPort'),
    callColumn('host', 'text', 'host'),
    callColumn('method', 'text', 'method'),
    callColumn('path', 'text', 'path'),
    { name: 'protocol', kind: 'text', key: 'protocol', value: (call) => call.protocol ?? '' },
    callColumn('server_software', 'text', 'serverSoftware'),
    callColumn('gateway', 'text', 'gateway'),
    callColumn('request_id', 'text', 'requestId'),
    callColumn('retry_count', 'u16', 'retryCount'),
    callColumn('upstream_request_id', 'text', 'upstreamRequestId'),
    callColumn('traceparent', 'text', 'traceparent'),
    callColumn('origin', 'text', 'origin'),
    callColumn('probe', 'text', 'probe'),
    callColumn('network', 'text', 'network'),
    callColumn('process_id', 'u32', 'processId'),
    callColumn('process_name', 'text', 'processName'),
    callColumn('labels', 'labels', 'labels'),
    { name: 'capture_mode', kind: 'text', key: 'captureMode', value: (call) => call.captureMode ?? 'content' },
    { name: 'redactions', kind: 'counts', key: 'redactions', value: (call) => call.redactions ?? {} },
    callColumn('request_skeleton', 'text', 'requestSkeleton'),
    callColumn('request_parts', 'texts', 'requestParts'),
    callColumn('response_content', 'text', 'responseContent'),
    { name: 'request_headers', kind: 'text', key: 'requestHeaders', value: (call) => call.requestHeaders ?? '' },
    { name: 'response_headers', kind: 'text', key: 'responseHeaders', value: (call) => call.responseHeaders ?? '' },
  ],
};

const exchangeColumn = columnsOf<ExchangeRow>();

/** One row for each exchange that is no call. */
export const EXCHANGES: Table<ExchangeRow> = {
  name: 'exchanges',
  idColumn: 'exchange_id',
  timeColumn: 'started',
  id: (row) => row.exchangeId,
  time: (row) => row.started,
  provisional: (row) => row.provisional,
  columns: [
    exchangeColumn('exchange_id', 'text', 'exchangeId'),
    exchangeColumn('connection_id', 'text', 'connectionId'),
    exchangeColumn('started', 'time', 'started'),
    exchangeColumn('first_byte', 'time?', 'firstByte'),
    exchangeColumn('ended', 'time?', 'ended'),
    exchangeColumn('method', 'text', 'method'),
    exchangeColumn('host', 'text', 'host'),
    exchangeColumn('path', 'text', 'path'),
    { name: 'protocol', kind: 'text', key: 'protocol', value: (row) => row.protocol ?? '' },
    exchangeColumn('status', 'u16', 'status'),
    exchangeColumn('request_type', 'text', 'requestType'),
    exchangeColumn('response_type', 'text', 'responseType'),
    exchangeColumn('request_bytes', 'u64', 'requestBytes'),
    exchangeColumn('response_bytes', 'u64', 'responseBytes'),
    { name: 'request_messages', kind: 'u32', key: 'requestMessages', value: (row) => row.requestMessages ?? 0 },
    { name: 'response_messages', kind: 'u32', key: 'responseMessages', value: (row) => row.responseMessages ?? 0 },
    { name: 'grpc_status', kind: 'text', key: 'grpcStatus', value: (row) => row.grpcStatus ?? '' },
    exchangeColumn('outcome', 'text', 'outcome'),
    exchangeColumn('completeness', 'text', 'completeness'),
    exchangeColumn('missing_bytes', 'u64', 'missingBytes'),
    exchangeColumn('provisional', 'bool', 'provisional'),
    exchangeColumn('client_name', 'text', 'clientName'),
    exchangeColumn('agent_id', 'text', 'agentId'),
    exchangeColumn('credential', 'text', 'credential'),
    exchangeColumn('client_ip', 'text', 'clientIp'),
    exchangeColumn('client_port', 'u16', 'clientPort'),
    exchangeColumn('server_ip', 'text', 'serverIp'),
    exchangeColumn('server_port', 'u16', 'serverPort'),
    exchangeColumn('upgrade', 'text', 'upgrade'),
    exchangeColumn('upgrade_bytes', 'u64', 'upgradeBytes'),
    exchangeColumn('client_messages', 'u64', 'clientMessages'),
    exchangeColumn('server_messages', 'u64', 'serverMessages'),
    exchangeColumn('client_message_bytes', 'u64', 'clientMessageBytes'),
    exchangeColumn('server_message_bytes', 'u64', 'serverMessageBytes'),
    exchangeColumn('skipped_bytes', 'u64', 'skippedBytes'),
    exchangeColumn('close_code', 'u16', 'closeCode'),
    exchangeColumn('purpose', 'text', 'purpose'),
    exchangeColumn('response_id', 'text', 'responseId'),
    exchangeColumn('origin', 'text', 'origin'),
    exchangeColumn('probe', 'text', 'probe'),
    exchangeColumn('network', 'text', 'network'),
    { name: 'request_headers', kind: 'text', key: 'requestHeaders', value: (row) => row.requestHeaders ?? '' },
    { name: 'response_headers', kind: 'text', key: 'responseHeaders', value: (row) => row.responseHeaders ?? '' },
  ],
};

const executionColumn = columnsOf<ToolExecution>();

/** One row a tool that an MCP server was asked to run. */
export const TOOL_EXECUTIONS: Table<ToolExecution> = {
  name: 'tool_executions',
  idColumn: 'execution_id',
  timeColumn: 'started',
  id: (row) => row.executionId,
  time: (row) => row.started,
  columns: [
    executionColumn('execution_id', 'text', 'executionId'),
    executionColumn('connection_id', 'text', 'connectionId'),
    executionColumn('started', 'time', 'started'),
    executionColumn('request_end', 'time?', 'requestEnd'),
    executionColumn('first_byte', 'time?', 'firstByte'),
    executionColumn('ended', 'time?', 'ended'),
    executionColumn('duration_ms', 'f64?', 'durationMs'),
    executionColumn('mcp_session', 'text', 'mcpSession'),
    executionColumn('server', 'text', 'server'),
    executionColumn('protocol_version', 'text', 'protocolVersion'),
    executionColumn('rpc_id', 'text', 'rpcId'),
    executionColumn('tool_name', 'text', 'toolName'),
    executionColumn('tool_call_id', 'text', 'toolCallId'),
    executionColumn('arguments_hash', 'text', 'argumentsHash'),
    executionColumn('result_hash', 'text', 'resultHash'),
    executionColumn('outcome', 'text', 'outcome'),
    executionColumn('is_error', 'bool', 'isError'),
    executionColumn('error_code', 'text', 'errorCode'),
    executionColumn('error_message', 'text', 'errorMessage'),
    executionColumn('status', 'u16', 'status'),
    executionColumn('completeness', 'text', 'completeness'),
    executionColumn('missing_bytes', 'u64', 'missingBytes'),
    executionColumn('arguments_bytes', 'u64', 'argumentsBytes'),
    executionColumn('result_bytes', 'u64', 'resultBytes'),
    executionColumn('notifications', 'u32', 'notifications'),
    executionColumn('session_id', 'text', 'sessionId'),
    executionColumn('agent_id', 'text', 'agentId'),
    executionColumn('user_id', 'text', 'userId'),
    executionColumn('team_id', 'text', 'teamId'),
    executionColumn('identity_source', 'text', 'identitySource'),
    executionColumn('credential', 'text', 'credential'),
    executionColumn('client_name', 'text', 'clientName'),
    executionColumn('client_version', 'text', 'clientVersion'),
    executionColumn('request_id', 'text', 'requestId'),
    executionColumn('traceparent', 'text', 'traceparent'),
    executionColumn('client_ip', 'text', 'clientIp'),
    executionColumn('client_port', 'u16', 'clientPort'),
    executionColumn('server_ip', 'text', 'serverIp'),
    executionColumn('server_port', 'u16', 'serverPort'),
    executionColumn('origin', 'text', 'origin'),
    executionColumn('probe', 'text', 'probe'),
    executionColumn('network', 'text', 'network'),
    { name: 'capture_mode', kind: 'text', key: 'captureMode', value: (row) => row.captureMode ?? 'content' },
    { name: 'redactions', kind: 'counts', key: 'redactions', value: (row) => row.redactions ?? {} },
    executionColumn('arguments_content', 'text', 'argumentsContent'),
    executionColumn('result_content', 'text', 'resultContent'),
  ],
};

const contentColumn = columnsOf<Content>();

/** One row a piece of content. */
export const CONTENTS: Table<Content> = {
  name: 'contents',
  idColumn: 'hash',
  timeColumn: null,
  id: (row) => row.hash,
  time: () => 0,
  columns: [
    contentColumn('hash', 'text', 'hash'),
    contentColumn('kind', 'text', 'kind'),
    contentColumn('text', 'text', 'text'),
  ],
};

export interface StoredReport extends ProbeReport {
  readonly reportId: string;
}

const reportColumn = columnsOf<StoredReport>();

/** One row a report of a probe. */
export const PROBE_REPORTS: Table<StoredReport> = {
  name: 'probe_reports',
  idColumn: 'report_id',
  timeColumn: 'from_time',
  id: (row) => row.reportId,
  time: (row) => row.from,
  columns: [
    reportColumn('report_id', 'text', 'reportId'),
    reportColumn('probe', 'text', 'probe'),
    reportColumn('source', 'text', 'source'),
    reportColumn('from_time', 'time', 'from'),
    reportColumn('to_time', 'time', 'to'),
    reportColumn('packets', 'u64', 'packets'),
    reportColumn('bytes', 'u64', 'bytes'),
    reportColumn('connections', 'u64', 'connections'),
    reportColumn('frames', 'u64', 'frames'),
    reportColumn('payload_bytes', 'u64', 'payloadBytes'),
    reportColumn('retransmitted_bytes', 'u64', 'retransmittedBytes'),
    reportColumn('notes', 'texts', 'notes'),
  ],
};

/** Counts of one reason in one stage, over a time. */
export interface HealthRow {
  readonly healthId: string;
  readonly stage: string;
  readonly probe: string;
  readonly source: string;
  /** µs, capture clock. */
  readonly from: number;
  readonly to: number;
  readonly reason: string;
  readonly packets: number;
  readonly bytes: number;
}

const healthColumn = columnsOf<HealthRow>();

/** One row a reason of a report. */
export const CAPTURE_HEALTH: Table<HealthRow> = {
  name: 'capture_health',
  idColumn: 'health_id',
  timeColumn: 'from_time',
  id: (row) => row.healthId,
  time: (row) => row.from,
  columns: [
    healthColumn('health_id', 'text', 'healthId'),
    healthColumn('stage', 'text', 'stage'),
    healthColumn('probe', 'text', 'probe'),
    healthColumn('source', 'text', 'source'),
    healthColumn('from_time', 'time', 'from'),
    healthColumn('to_time', 'time', 'to'),
    healthColumn('reason', 'text', 'reason'),
    healthColumn('packets', 'u64', 'packets'),
    healthColumn('bytes', 'u64', 'bytes'),
  ],
};

export interface DeadLetter {
  readonly tableName: string;
  readonly rowId: string;
  readonly reason: string;
  readonly row: string;
}

const deadColumn = columnsOf<DeadLetter>();

/** One row that the server refused. */
export const DEAD_LETTERS: Table<DeadLetter> = {
  name: 'dead_letters',
  idColumn: 'row_id',
  timeColumn: null,
  id: (row) => row.rowId,
  time: () => 0,
  columns: [
    deadColumn('table_name', 'text', 'tableName'),
    deadColumn('row_id', 'text', 'rowId'),
    deadColumn('reason', 'text', 'reason'),
    deadColumn('row', 'text', 'row'),
  ],
};
