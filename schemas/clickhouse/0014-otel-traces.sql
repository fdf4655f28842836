-- Made by services/otlp/span-sql.ts: the spans of the view are those that are sent over OTLP (docs/decisions/0017).
CREATE OR REPLACE VIEW otel_traces AS
SELECT 
    CAST(r.started, 'DateTime64(9)') AS Timestamp,
    if(ifNull(t.trace, '') = '', if(match(r.turn_id, '^[0-9a-f]{32}$'), r.turn_id, substring(lower(hex(SHA256(concat('trace ', r.turn_id)))), 1, 32)), t.trace) AS TraceId,
    substring(lower(hex(SHA256(concat('turn ', r.turn_id)))), 1, 16) AS SpanId,
    ifNull(t.parent, '') AS ParentSpanId,
    '' AS TraceState,
    CAST(if(r.agent_id = '', 'invoke_agent', concat('invoke_agent ', r.agent_id)), 'LowCardinality(String)') AS SpanName,
    CAST('Internal', 'LowCardinality(String)') AS SpanKind,
    CAST(multiIf(r.agent_id != '', toString(r.agent_id), r.client_name != '', toString(r.client_name), 'unknown_service'), 'LowCardinality(String)') AS ServiceName,
    CAST(map('service.name', multiIf(r.agent_id != '', toString(r.agent_id), r.client_name != '', toString(r.client_name), 'unknown_service')), 'Map(LowCardinality(String), String)') AS ResourceAttributes,
    'bittern' AS ScopeName,
    'genai-2026.05+1' AS ScopeVersion,
    CAST(mapFilter((k, v) -> v != '', map(
        'gen_ai.operation.name', toString(ifNull('invoke_agent', '')),
        'gen_ai.provider.name', toString(ifNull(if(t.provider = '', 'unknown', t.provider), '')),
        'gen_ai.conversation.id', toString(ifNull(if(t.session_source IN ('header', 'body', 'client_profile'), r.session_id, ''), '')),
        'session.id', toString(ifNull(r.session_id, '')),
        'gen_ai.agent.id', toString(ifNull(r.agent_id, '')),
        'gen_ai.agent.name', toString(ifNull(r.agent_id, '')),
        'bittern.team.id', toString(ifNull(r.team_id, '')),
        'bittern.thread.id', toString(ifNull(r.thread_id, '')),
        'bittern.turn.id', toString(ifNull(r.turn_id, '')),
        'user.id', toString(ifNull(r.user_id, '')),
        'error.type', toString(ifNull(if(r.outcome IN ('error', 'aborted'), r.outcome, ''), '')),
        'openinference.span.kind', toString(ifNull('AGENT', '')),
        'bittern.client.name', toString(ifNull(r.client_name, '')),
        'bittern.turn.ordinal', ifNull(toString(r.ordinal), ''),
        'bittern.turn.outcome', toString(ifNull(r.outcome, '')),
        'bittern.turn.calls', ifNull(toString(r.calls), ''),
        'bittern.turn.retries', ifNull(toString(r.retries), ''),
        'bittern.turn.side_calls', ifNull(toString(r.side_calls), ''),
        'bittern.turn.subagent_calls', ifNull(toString(r.subagent_calls), ''),
        'bittern.turn.tool_calls', ifNull(toString(r.tool_calls), ''),
        'bittern.turn.tool_errors', ifNull(toString(r.tool_errors), ''))), 'Map(LowCardinality(String), String)') AS SpanAttributes,
    toUInt64(greatest(dateDiff('microsecond', r.started, r.ended), 0)) * 1000 AS Duration,
    CAST(if(r.outcome IN ('error', 'aborted'), 'Error', 'Unset'), 'LowCardinality(String)') AS StatusCode,
    if(r.outcome IN ('error', 'aborted'), toString(r.outcome), '') AS StatusMessage,
    CAST([], 'Array(DateTime64(9))') AS `Events.Timestamp`,
    CAST([], 'Array(LowCardinality(String))') AS `Events.Name`,
    CAST([], 'Array(Map(LowCardinality(String), String))') AS `Events.Attributes`,
    CAST([], 'Array(String)') AS `Links.TraceId`,
    CAST([], 'Array(String)') AS `Links.SpanId`,
    CAST([], 'Array(String)') AS `Links.TraceState`,
    CAST([], 'Array(Map(LowCardinality(String), String))') AS `Links.Attributes`
FROM turn_rows AS r FINAL
LEFT JOIN (
    SELECT turn_id, argMin(toString(provider), (request_start, call_id)) AS provider, argMin(toString(client_name), (request_start, call_id)) AS client, argMin(toString(session_source), (request_start, call_id)) AS session_source,
        argMinIf(substring(traceparent, 4, 32), (request_start, call_id), (match(traceparent, '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-|$)')
        AND NOT (startsWith(traceparent, '00') AND length(traceparent) != 55) AND NOT startsWith(traceparent, 'ff')
        AND substring(traceparent, 4, 32) != repeat('0', 32) AND substring(traceparent, 37, 16) != repeat('0', 16))) AS trace, argMinIf(substring(traceparent, 37, 16), (request_start, call_id), (match(traceparent, '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-|$)')
        AND NOT (startsWith(traceparent, '00') AND length(traceparent) != 55) AND NOT startsWith(traceparent, 'ff')
        AND substring(traceparent, 4, 32) != repeat('0', 32) AND substring(traceparent, 37, 16) != repeat('0', 16))) AS parent
    FROM calls WHERE turn_id != '' GROUP BY turn_id
) AS t ON r.turn_id = t.turn_id
UNION ALL
SELECT 
    CAST(r.request_start, 'DateTime64(9)') AS Timestamp,
    multiIf((match(r.traceparent, '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-|$)')
        AND NOT (startsWith(r.traceparent, '00') AND length(r.traceparent) != 55) AND NOT startsWith(r.traceparent, 'ff')
        AND substring(r.traceparent, 4, 32) != repeat('0', 32) AND substring(r.traceparent, 37, 16) != repeat('0', 16)), substring(r.traceparent, 4, 32), r.turn_id = '', r.call_id, if(ifNull(t.trace, '') = '', if(match(r.turn_id, '^[0-9a-f]{32}$'), r.turn_id, substring(lower(hex(SHA256(concat('trace ', r.turn_id)))), 1, 32)), t.trace)) AS TraceId,
    substring(r.call_id, 1, 16) AS SpanId,
    multiIf((match(r.traceparent, '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-|$)')
        AND NOT (startsWith(r.traceparent, '00') AND length(r.traceparent) != 55) AND NOT startsWith(r.traceparent, 'ff')
        AND substring(r.traceparent, 4, 32) != repeat('0', 32) AND substring(r.traceparent, 37, 16) != repeat('0', 16)), substring(r.traceparent, 37, 16), r.turn_id = '', '', substring(lower(hex(SHA256(concat('turn ', r.turn_id)))), 1, 16)) AS ParentSpanId,
    '' AS TraceState,
    CAST(trimRight(concat(multiIf(
        r.dialect = 'gemini.generate_content', 'generate_content',
        match(r.path, '/embed(dings)?$|:(batch)?[eE]mbedContents?$'), 'embeddings',
        match(r.path, '/completions$') AND NOT match(r.path, '/chat/completions$'), 'text_completion',
        'chat'), ' ', if(r.requested_model = '', r.model, r.requested_model))), 'LowCardinality(String)') AS SpanName,
    CAST('Client', 'LowCardinality(String)') AS SpanKind,
    CAST(multiIf(r.agent_id != '', toString(r.agent_id), r.client_name != '', toString(r.client_name), 'unknown_service'), 'LowCardinality(String)') AS ServiceName,
    CAST(map('service.name', multiIf(r.agent_id != '', toString(r.agent_id), r.client_name != '', toString(r.client_name), 'unknown_service')), 'Map(LowCardinality(String), String)') AS ResourceAttributes,
    'bittern' AS ScopeName,
    'genai-2026.05+1' AS ScopeVersion,
    CAST(mapFilter((k, v) -> v != '', map(
        'gen_ai.operation.name', toString(ifNull(multiIf(
        r.dialect = 'gemini.generate_content', 'generate_content',
        match(r.path, '/embed(dings)?$|:(batch)?[eE]mbedContents?$'), 'embeddings',
        match(r.path, '/completions$') AND NOT match(r.path, '/chat/completions$'), 'text_completion',
        'chat'), '')),
        'gen_ai.provider.name', toString(ifNull(if(r.provider = '', 'unknown', r.provider), '')),
        'gen_ai.request.model', toString(ifNull(r.requested_model, '')),
        'gen_ai.response.model', toString(ifNull(r.model, '')),
        'gen_ai.response.id', toString(ifNull(r.response_id, '')),
        'gen_ai.response.finish_reasons', if(empty(if(if(r.finish_reason_raw = '', toString(r.finish_reason), toString(r.finish_reason_raw)) = '', [], [if(r.finish_reason_raw = '', toString(r.finish_reason), toString(r.finish_reason_raw))])), '', toJSONString(if(if(r.finish_reason_raw = '', toString(r.finish_reason), toString(r.finish_reason_raw)) = '', [], [if(r.finish_reason_raw = '', toString(r.finish_reason), toString(r.finish_reason_raw))]))),
        'gen_ai.request.max_tokens', ifNull(toString(r.max_output_tokens), ''),
        'gen_ai.request.temperature', ifNull(toString(r.temperature), ''),
        'gen_ai.request.stream', ifNull(toString(toBool(r.streaming)), ''),
        'gen_ai.response.time_to_first_chunk', ifNull(toString(r.ttft_ms / 1000), ''),
        'ttft_ms', ifNull(toString(r.ttft_ms), ''),
        'langfuse.observation.completion_start_time', toString(ifNull(if(isNull(r.first_token), '', formatDateTime(assumeNotNull(r.first_token), '%Y-%m-%dT%H:%i:%S.%fZ', 'UTC')), '')),
        'gen_ai.usage.input_tokens', ifNull(toString(r.input_tokens), ''),
        'gen_ai.usage.output_tokens', ifNull(toString(r.output_tokens), ''),
        'gen_ai.usage.cache_read.input_tokens', ifNull(toString(r.cache_read_tokens), ''),
        'gen_ai.usage.cache_creation.input_tokens', ifNull(toString(r.cache_write_tokens), ''),
        'gen_ai.usage.cache_creation_input_tokens', ifNull(toString(r.cache_write_tokens), ''),
        'gen_ai.usage.reasoning.output_tokens', ifNull(toString(r.reasoning_tokens), ''),
        'langfuse.observation.usage_details', toString(ifNull(if(isNull(r.input_tokens) AND isNull(r.output_tokens), '', concat(
            '{"input":', toString(greatest(0, toInt64(ifNull(r.input_tokens, 0)) - toInt64(ifNull(r.cache_read_tokens, 0)) - toInt64(ifNull(r.cache_write_tokens, 0)))),
            ',"input_cached_tokens":', toString(toInt64(ifNull(r.cache_read_tokens, 0))), ',"input_cache_creation":', toString(toInt64(ifNull(r.cache_write_tokens, 0))),
            ',"output":', toString(greatest(0, toInt64(ifNull(r.output_tokens, 0)) - toInt64(ifNull(r.reasoning_tokens, 0)))),
            ',"output_reasoning_tokens":', toString(toInt64(ifNull(r.reasoning_tokens, 0))), '}')), '')),
        'gen_ai.usage.cost', ifNull(toString(r.cost_usd), ''),
        'gen_ai.conversation.id', toString(ifNull(if(r.session_source IN ('header', 'body', 'client_profile'), r.session_id, ''), '')),
        'session.id', toString(ifNull(r.session_id, '')),
        'gen_ai.agent.id', toString(ifNull(r.agent_id, '')),
        'gen_ai.agent.name', toString(ifNull(r.agent_id, '')),
        'bittern.team.id', toString(ifNull(r.team_id, '')),
        'bittern.thread.id', toString(ifNull(r.thread_id, '')),
        'bittern.turn.id', toString(ifNull(r.turn_id, '')),
        'user.id', toString(ifNull(r.user_id, '')),
        'error.type', toString(ifNull(if(r.outcome IN ('http_error', 'stream_error', 'client_abort', 'upstream_abort', 'timeout'), multiIf(r.error_type != '', r.error_type, r.status >= 400, toString(r.status), r.outcome), ''), '')),
        'server.address', toString(ifNull(if(r.host = '', r.server_ip, replaceRegexpOne(r.host, ':[0-9]+$', '')), '')),
        'server.port', ifNull(toString(nullIf(r.server_port, 0)), ''),
        'client.address', toString(ifNull(r.client_ip, '')),
        'http.response.status_code', ifNull(toString(nullIf(r.status, 0)), ''),
        'openai.api.type', toString(ifNull(transform(r.dialect, ['openai.chat', 'openai.responses'], ['chat_completions', 'responses'], ''), '')),
        'openinference.span.kind', toString(ifNull(if(multiIf(
        r.dialect = 'gemini.generate_content', 'generate_content',
        match(r.path, '/embed(dings)?$|:(batch)?[eE]mbedContents?$'), 'embeddings',
        match(r.path, '/completions$') AND NOT match(r.path, '/chat/completions$'), 'text_completion',
        'chat') = 'embeddings', 'EMBEDDING', 'LLM'), '')),
        'llm.model_name', toString(ifNull(if(r.model = '', r.requested_model, r.model), '')),
        'llm.token_count.prompt', ifNull(toString(r.input_tokens), ''),
        'llm.token_count.completion', ifNull(toString(r.output_tokens), ''),
        'bittern.call.id', toString(ifNull(r.call_id, '')),
        'bittern.call.kind', toString(ifNull(r.call_kind, '')),
        'bittern.call.outcome', toString(ifNull(r.outcome, '')),
        'bittern.call.completeness', toString(ifNull(r.completeness, '')),
        'bittern.call.missing_bytes', ifNull(toString(nullIf(r.missing_bytes, 0)), ''),
        'bittern.client.name', toString(ifNull(r.client_name, '')),
        'bittern.client.version', toString(ifNull(r.client_version, '')),
        'bittern.request.id', toString(ifNull(r.request_id, '')))), 'Map(LowCardinality(String), String)') AS SpanAttributes,
    toUInt64(greatest(dateDiff('microsecond', r.request_start, coalesce(r.response_end, r.request_start + toIntervalMicrosecond(round(r.duration_ms * 1000)), r.first_token, r.first_byte, r.request_end, r.request_start)), 0)) * 1000 AS Duration,
    CAST(if(r.outcome IN ('http_error', 'stream_error', 'client_abort', 'upstream_abort', 'timeout'), 'Error', 'Unset'), 'LowCardinality(String)') AS StatusCode,
    if(r.outcome IN ('http_error', 'stream_error', 'client_abort', 'upstream_abort', 'timeout'), toString(r.outcome), '') AS StatusMessage,
    CAST([], 'Array(DateTime64(9))') AS `Events.Timestamp`,
    CAST([], 'Array(LowCardinality(String))') AS `Events.Name`,
    CAST([], 'Array(Map(LowCardinality(String), String))') AS `Events.Attributes`,
    CAST(if(r.turn_id != '' AND (match(r.traceparent, '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-|$)')
        AND NOT (startsWith(r.traceparent, '00') AND length(r.traceparent) != 55) AND NOT startsWith(r.traceparent, 'ff')
        AND substring(r.traceparent, 4, 32) != repeat('0', 32) AND substring(r.traceparent, 37, 16) != repeat('0', 16)), [if(ifNull(t.trace, '') = '', if(match(r.turn_id, '^[0-9a-f]{32}$'), r.turn_id, substring(lower(hex(SHA256(concat('trace ', r.turn_id)))), 1, 32)), t.trace)], []), 'Array(String)') AS `Links.TraceId`,
    CAST(if(r.turn_id != '' AND (match(r.traceparent, '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-|$)')
        AND NOT (startsWith(r.traceparent, '00') AND length(r.traceparent) != 55) AND NOT startsWith(r.traceparent, 'ff')
        AND substring(r.traceparent, 4, 32) != repeat('0', 32) AND substring(r.traceparent, 37, 16) != repeat('0', 16)), [substring(lower(hex(SHA256(concat('turn ', r.turn_id)))), 1, 16)], []), 'Array(String)') AS `Links.SpanId`,
    CAST(if(r.turn_id != '' AND (match(r.traceparent, '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-|$)')
        AND NOT (startsWith(r.traceparent, '00') AND length(r.traceparent) != 55) AND NOT startsWith(r.traceparent, 'ff')
        AND substring(r.traceparent, 4, 32) != repeat('0', 32) AND substring(r.traceparent, 37, 16) != repeat('0', 16)), [''], []), 'Array(String)') AS `Links.TraceState`,
    CAST(if(r.turn_id != '' AND (match(r.traceparent, '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-|$)')
        AND NOT (startsWith(r.traceparent, '00') AND length(r.traceparent) != 55) AND NOT startsWith(r.traceparent, 'ff')
        AND substring(r.traceparent, 4, 32) != repeat('0', 32) AND substring(r.traceparent, 37, 16) != repeat('0', 16)), [map()], []), 'Array(Map(LowCardinality(String), String))') AS `Links.Attributes`
FROM calls AS r
LEFT JOIN (
    SELECT turn_id, argMin(substring(traceparent, 4, 32), (request_start, call_id)) AS trace
    FROM calls WHERE turn_id != '' AND traceparent != '' AND (match(traceparent, '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-|$)')
        AND NOT (startsWith(traceparent, '00') AND length(traceparent) != 55) AND NOT startsWith(traceparent, 'ff')
        AND substring(traceparent, 4, 32) != repeat('0', 32) AND substring(traceparent, 37, 16) != repeat('0', 16)) GROUP BY turn_id
) AS t ON r.turn_id = t.turn_id
UNION ALL
SELECT 
    CAST(r.requested, 'DateTime64(9)') AS Timestamp,
    if(r.turn_id = '', if(match(r.call_id, '^[0-9a-f]{32}$'), r.call_id, substring(lower(hex(SHA256(concat('trace ', r.call_id)))), 1, 32)), if(ifNull(t.trace, '') = '', if(match(r.turn_id, '^[0-9a-f]{32}$'), r.turn_id, substring(lower(hex(SHA256(concat('trace ', r.turn_id)))), 1, 32)), t.trace)) AS TraceId,
    substring(lower(hex(SHA256(concat('tool ', r.call_id, ':', toString(r.position))))), 1, 16) AS SpanId,
    if(r.turn_id = '', substring(r.call_id, 1, 16), substring(lower(hex(SHA256(concat('turn ', r.turn_id)))), 1, 16)) AS ParentSpanId,
    '' AS TraceState,
    CAST(trimRight(concat('execute_tool ', r.tool_name)), 'LowCardinality(String)') AS SpanName,
    CAST('Internal', 'LowCardinality(String)') AS SpanKind,
    CAST(multiIf(r.agent_id != '', toString(r.agent_id), t.client != '', toString(t.client), 'unknown_service'), 'LowCardinality(String)') AS ServiceName,
    CAST(map('service.name', multiIf(r.agent_id != '', toString(r.agent_id), t.client != '', toString(t.client), 'unknown_service')), 'Map(LowCardinality(String), String)') AS ResourceAttributes,
    'bittern' AS ScopeName,
    'genai-2026.05+1' AS ScopeVersion,
    CAST(mapFilter((k, v) -> v != '', map(
        'gen_ai.operation.name', toString(ifNull('execute_tool', '')),
        'gen_ai.tool.name', toString(ifNull(r.tool_name, '')),
        'gen_ai.tool.call.id', toString(ifNull(r.tool_call_id, '')),
        'gen_ai.tool.type', toString(ifNull(if(r.server_side, 'extension', 'function'), '')),
        'gen_ai.conversation.id', toString(ifNull(if(t.session_source IN ('header', 'body', 'client_profile'), r.session_id, ''), '')),
        'session.id', toString(ifNull(r.session_id, '')),
        'gen_ai.agent.id', toString(ifNull(r.agent_id, '')),
        'gen_ai.agent.name', toString(ifNull(r.agent_id, '')),
        'bittern.team.id', toString(ifNull(r.team_id, '')),
        'bittern.thread.id', toString(ifNull(r.thread_id, '')),
        'bittern.turn.id', toString(ifNull(r.turn_id, '')),
        'error.type', toString(ifNull(if(r.is_error, 'tool_error', ''), '')),
        'openinference.span.kind', toString(ifNull('TOOL', '')),
        'tool.name', toString(ifNull(r.tool_name, '')),
        'bittern.call.id', toString(ifNull(r.call_id, '')),
        'bittern.tool.result_call.id', toString(ifNull(r.result_call_id, '')),
        'bittern.tool.result_seen', ifNull(toString(toBool(isNotNull(r.result_seen))), ''),
        'bittern.tool.mcp_server', toString(ifNull(r.mcp_server, '')),
        'bittern.tool.arguments_hash', toString(ifNull(r.arguments_hash, '')),
        'bittern.subagent.thread.id', toString(ifNull(r.subagent_thread_id, '')),
        'bittern.subagent.session.id', toString(ifNull(r.subagent_session_id, '')))), 'Map(LowCardinality(String), String)') AS SpanAttributes,
    toUInt64(greatest(dateDiff('microsecond', r.requested, coalesce(r.result_seen, r.requested)), 0)) * 1000 AS Duration,
    CAST(if(ifNull(r.is_error, false), 'Error', 'Unset'), 'LowCardinality(String)') AS StatusCode,
    if(ifNull(r.is_error, false), 'the result is an error', '') AS StatusMessage,
    CAST([], 'Array(DateTime64(9))') AS `Events.Timestamp`,
    CAST([], 'Array(LowCardinality(String))') AS `Events.Name`,
    CAST([], 'Array(Map(LowCardinality(String), String))') AS `Events.Attributes`,
    CAST(if(true, [multiIf(ifNull(c.trace, '') != '', c.trace, r.turn_id = '', r.call_id, if(ifNull(t.trace, '') = '', if(match(r.turn_id, '^[0-9a-f]{32}$'), r.turn_id, substring(lower(hex(SHA256(concat('trace ', r.turn_id)))), 1, 32)), t.trace))], []), 'Array(String)') AS `Links.TraceId`,
    CAST(if(true, [substring(r.call_id, 1, 16)], []), 'Array(String)') AS `Links.SpanId`,
    CAST(if(true, [''], []), 'Array(String)') AS `Links.TraceState`,
    CAST(if(true, [map()], []), 'Array(Map(LowCardinality(String), String))') AS `Links.Attributes`
FROM tool_call_rows AS r FINAL
LEFT JOIN (
    SELECT turn_id, argMin(toString(provider), (request_start, call_id)) AS provider, argMin(toString(client_name), (request_start, call_id)) AS client, argMin(toString(session_source), (request_start, call_id)) AS session_source,
        argMinIf(substring(traceparent, 4, 32), (request_start, call_id), (match(traceparent, '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-|$)')
        AND NOT (startsWith(traceparent, '00') AND length(traceparent) != 55) AND NOT startsWith(traceparent, 'ff')
        AND substring(traceparent, 4, 32) != repeat('0', 32) AND substring(traceparent, 37, 16) != repeat('0', 16))) AS trace, argMinIf(substring(traceparent, 37, 16), (request_start, call_id), (match(traceparent, '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-|$)')
        AND NOT (startsWith(traceparent, '00') AND length(traceparent) != 55) AND NOT startsWith(traceparent, 'ff')
        AND substring(traceparent, 4, 32) != repeat('0', 32) AND substring(traceparent, 37, 16) != repeat('0', 16))) AS parent
    FROM calls WHERE turn_id != '' GROUP BY turn_id
) AS t ON r.turn_id = t.turn_id
LEFT JOIN (
    SELECT call_id, substring(traceparent, 4, 32) AS trace
    FROM calls WHERE traceparent != '' AND (match(traceparent, '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-|$)')
        AND NOT (startsWith(traceparent, '00') AND length(traceparent) != 55) AND NOT startsWith(traceparent, 'ff')
        AND substring(traceparent, 4, 32) != repeat('0', 32) AND substring(traceparent, 37, 16) != repeat('0', 16))
) AS c ON r.call_id = c.call_id
COMMENT 'Turns, calls and tool calls as spans, in the layout of the table that the OpenTelemetry Collector''s ClickHouse exporter makes';

CREATE OR REPLACE VIEW otel_traces_trace_id_ts AS
SELECT TraceId, toDateTime(min(Timestamp)) AS Start, toDateTime(max(Timestamp)) AS End FROM otel_traces GROUP BY TraceId
COMMENT 'From when to when each trace lasts';

ALTER TABLE otel_traces
    COMMENT COLUMN `Timestamp` 'Start of the span.',
    COMMENT COLUMN `TraceId` 'Trace, 32 hex digits: the application''s own where a request carried traceparent, else the turn''s id.',
    COMMENT COLUMN `SpanId` 'Span, 16 hex digits.',
    COMMENT COLUMN `ParentSpanId` 'Its parent; empty: none.',
    COMMENT COLUMN `TraceState` 'Empty.',
    COMMENT COLUMN `SpanName` 'invoke_agent AGENT (turn), chat MODEL and its like (call), execute_tool TOOL.',
    COMMENT COLUMN `SpanKind` 'Client (calls) or Internal.',
    COMMENT COLUMN `ServiceName` 'Agent, else client program.',
    COMMENT COLUMN `ResourceAttributes` 'service.name.',
    COMMENT COLUMN `ScopeName` 'bittern.',
    COMMENT COLUMN `ScopeVersion` 'Version of the mapping.',
    COMMENT COLUMN `SpanAttributes` 'Attributes by the GenAI semantic conventions: docs/opentelemetry.md.',
    COMMENT COLUMN `Duration` 'Nanoseconds.',
    COMMENT COLUMN `StatusCode` 'Error or Unset.',
    COMMENT COLUMN `StatusMessage` 'How it ended, for Error.',
    COMMENT COLUMN `Events.Timestamp` 'None.',
    COMMENT COLUMN `Events.Name` 'None.',
    COMMENT COLUMN `Events.Attributes` 'None.',
    COMMENT COLUMN `Links.TraceId` 'Of a call in the trace of an application: its turn. Of a tool call: the call that asked for it.',
    COMMENT COLUMN `Links.SpanId` 'The span there.',
    COMMENT COLUMN `Links.TraceState` 'Empty.',
    COMMENT COLUMN `Links.Attributes` 'Empty.';

ALTER TABLE otel_traces_trace_id_ts
    COMMENT COLUMN `TraceId` 'Trace.',
    COMMENT COLUMN `Start` 'Start of its first span.',
    COMMENT COLUMN `End` 'Start of its last span.';
