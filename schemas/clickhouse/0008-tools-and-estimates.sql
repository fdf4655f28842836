-- Tools that MCP servers ran: rows of their own, not calls. Joined to the call that asked for one by tool_call_id, else by tool_name and arguments_hash.
CREATE TABLE IF NOT EXISTS tool_executions
(
    execution_id String COMMENT 'Id of the execution, 32 hex digits: hash of the connection id, the stream offset of the request and the id of the JSON-RPC request.' CODEC(ZSTD(1)),
    connection_id String COMMENT 'Id of the transport connection, 32 hex digits.' CODEC(ZSTD(1)),
    started DateTime64(6, 'UTC') COMMENT 'First byte of the HTTP request, by the clock of the capture.' CODEC(DoubleDelta, ZSTD(1)),
    request_end Nullable(DateTime64(6, 'UTC')) COMMENT 'Last byte of the request. Null: not seen.' CODEC(Delta, ZSTD(1)),
    first_byte Nullable(DateTime64(6, 'UTC')) COMMENT 'First byte of the response. Null: not seen.' CODEC(Delta, ZSTD(1)),
    ended Nullable(DateTime64(6, 'UTC')) COMMENT 'The bytes that completed the result, else the last byte of the response. Null: not seen.' CODEC(Delta, ZSTD(1)),
    duration_ms Nullable(Float64) COMMENT 'From the first byte of the request to the result, milliseconds.' CODEC(Gorilla, ZSTD(1)),
    mcp_session String COMMENT 'Mcp-Session-Id, or the session in the query of the older SSE transport; empty when there is none.' CODEC(ZSTD(1)),
    server LowCardinality(String) COMMENT 'Host header and path of the MCP server.' CODEC(ZSTD(1)),
    protocol_version LowCardinality(String) COMMENT 'MCP-Protocol-Version header.' CODEC(ZSTD(1)),
    rpc_id String COMMENT 'Id of the JSON-RPC request, as JSON text.' CODEC(ZSTD(1)),
    tool_name LowCardinality(String) COMMENT 'Name of the tool.' CODEC(ZSTD(1)),
    tool_call_id String COMMENT 'Id of the tool call of the model, where the client passes it on (_meta); empty otherwise.' CODEC(ZSTD(1)),
    arguments_hash String COMMENT 'First 128 bits of the SHA-256 of the canonical JSON (RFC 8785) of the arguments, 32 hex digits.' CODEC(ZSTD(1)),
    result_hash String COMMENT 'The same of the result without its _meta; empty when there was none.' CODEC(ZSTD(1)),
    outcome LowCardinality(String) COMMENT 'How it ended: ok, tool_error, rpc_error, accepted (the result comes on another connection), http_error, client_abort, upstream_abort, timeout, partial_capture.' CODEC(ZSTD(1)),
    is_error Bool COMMENT 'The tool or the server says that it failed.' CODEC(ZSTD(1)),
    error_code LowCardinality(String) COMMENT 'Code of a JSON-RPC error.' CODEC(ZSTD(1)),
    error_message String COMMENT 'What the tool or the server says about its failure.' CODEC(ZSTD(1)),
    status UInt16 COMMENT 'HTTP status of the response; 0 when none was seen.' CODEC(ZSTD(1)),
    completeness LowCardinality(String) COMMENT 'How much the capture saw: full, head_missing, gap, truncated, tail_missing.' CODEC(ZSTD(1)),
    missing_bytes UInt64 COMMENT 'Bytes of the exchange that the capture missed, as far as known.' CODEC(ZSTD(1)),
    arguments_bytes UInt64 COMMENT 'Bytes of the JSON text of the arguments.' CODEC(ZSTD(1)),
    result_bytes UInt64 COMMENT 'Bytes of the JSON text of the result.' CODEC(ZSTD(1)),
    notifications UInt32 COMMENT 'Messages of the server in the same response that are no results: progress, logs, requests of its own.' CODEC(ZSTD(1)),
    session_id String COMMENT 'Conversation, where a header of the client tells it; empty when not known.' CODEC(ZSTD(1)),
    agent_id LowCardinality(String) COMMENT 'Who asked for it; empty when not known.' CODEC(ZSTD(1)),
    user_id String COMMENT 'User on whose behalf, as the request tells.' CODEC(ZSTD(1)),
    team_id LowCardinality(String) COMMENT 'Team or tenant, as the request tells.' CODEC(ZSTD(1)),
    identity_source LowCardinality(String) COMMENT 'Where agent_id was read from.' CODEC(ZSTD(1)),
    credential LowCardinality(String) COMMENT 'Keyed fingerprint (fp_...) of the credential, never the credential.' CODEC(ZSTD(1)),
    client_name LowCardinality(String) COMMENT 'Client program by its user agent.' CODEC(ZSTD(1)),
    client_version LowCardinality(String) COMMENT 'Version of the client program.' CODEC(ZSTD(1)),
    request_id String COMMENT 'x-request-id or its like, of the request or else of the response.' CODEC(ZSTD(1)),
    traceparent String COMMENT 'W3C traceparent header of the request.' CODEC(ZSTD(1)),
    client_ip LowCardinality(String) COMMENT 'Address of the client.' CODEC(ZSTD(1)),
    client_port UInt16 COMMENT 'Port of the client.' CODEC(ZSTD(1)),
    server_ip LowCardinality(String) COMMENT 'Address of the server.' CODEC(ZSTD(1)),
    server_port UInt16 COMMENT 'Port of the server.' CODEC(ZSTD(1)),
    origin LowCardinality(String) COMMENT 'How it was captured: packets, tls, tap.' CODEC(ZSTD(1)),
    probe LowCardinality(String) COMMENT 'Name of the capturing process.' CODEC(ZSTD(1)),
    network LowCardinality(String) COMMENT 'Label of the network that the addresses belong to.' CODEC(ZSTD(1)),
    arguments_content String COMMENT 'Hash of the stored arguments: contents.hash; empty when they are not stored.' CODEC(ZSTD(1)),
    result_content String COMMENT 'Hash of the stored result: contents.hash; empty when there is none.' CODEC(ZSTD(1)),
    stored DateTime('UTC') DEFAULT now() COMMENT 'When the row was stored. Retention counts from here.' CODEC(Delta, ZSTD(1)),
    INDEX execution_id_bloom execution_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX tool_call_id_bloom tool_call_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX arguments_hash_bloom arguments_hash TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(stored)
PARTITION BY toDate(started)
ORDER BY (started, execution_id)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1
COMMENT 'One row for each tool that an MCP server was asked to run';

-- Token counts may be estimates of ours now, and then the cost is one as well.
ALTER TABLE calls ADD COLUMN IF NOT EXISTS cost_estimated Bool DEFAULT false COMMENT 'True: cost_usd was worked out from token counts that are estimates (usage_source = estimated).' CODEC(ZSTD(1)) AFTER cost_usd;
ALTER TABLE calls COMMENT COLUMN IF EXISTS dialect 'API format: anthropic.messages, openai.chat, bedrock.converse, ollama.chat ...; unknown for what only looks like a call. The README lists them all.';
ALTER TABLE contents COMMENT COLUMN IF EXISTS kind 'message, system, tool (a definition), response, body (a request without a list of messages); arguments and result of an MCP tool.';
