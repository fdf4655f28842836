-- Hours for dashboards (docs/decisions/0019), search in texts, and views that hide how contents are stored.
ALTER TABLE calls
    ADD INDEX IF NOT EXISTS request_parts_bloom request_parts TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS response_content_bloom response_content TYPE bloom_filter(0.01) GRANULARITY 1;

-- Line breaks stand as \n in JSON text: without the replacement the first word of each line would have an n before it.
ALTER TABLE contents ADD INDEX IF NOT EXISTS text_words lower(replaceAll(text, '\\n', ' ')) TYPE text(tokenizer = 'splitByNonAlpha');

CREATE TABLE IF NOT EXISTS call_hour_rows
(
    hour DateTime('UTC') COMMENT 'Hour in which the calls began.' CODEC(Delta, ZSTD(1)),
    version UInt64 COMMENT 'When the hour was computed, microseconds: rows of one hour and version are one state of it.' CODEC(Delta, ZSTD(1)),
    agent_id LowCardinality(String) COMMENT 'Who made the calls; empty when not known.' CODEC(ZSTD(1)),
    team_id LowCardinality(String) COMMENT 'Team, as the requests tell.' CODEC(ZSTD(1)),
    client_name LowCardinality(String) COMMENT 'Client program.' CODEC(ZSTD(1)),
    provider LowCardinality(String) COMMENT 'Provider.' CODEC(ZSTD(1)),
    model LowCardinality(String) COMMENT 'Model that answered, or else the requested one.' CODEC(ZSTD(1)),
    calls UInt64 COMMENT 'Calls.' CODEC(ZSTD(1)),
    errors UInt64 COMMENT 'Of these, failed on the server''s side: outcome http_error, stream_error, upstream_abort or timeout.' CODEC(ZSTD(1)),
    client_aborts UInt64 COMMENT 'Of these, given up by the client.' CODEC(ZSTD(1)),
    incomplete UInt64 COMMENT 'Of these, not seen whole by the capture.' CODEC(ZSTD(1)),
    streams UInt64 COMMENT 'Of these, answered by a stream.' CODEC(ZSTD(1)),
    unpriced UInt64 COMMENT 'Of these, without a known price: cost_usd is a lower bound.' CODEC(ZSTD(1)),
    tool_requests UInt64 COMMENT 'Tool calls that their answers ask for.' CODEC(ZSTD(1)),
    input_tokens UInt64 COMMENT 'Input tokens, cached included.' CODEC(ZSTD(1)),
    cache_read_tokens UInt64 COMMENT 'Of these, read from a cache.' CODEC(ZSTD(1)),
    cache_write_tokens UInt64 COMMENT 'Input tokens written to a cache.' CODEC(ZSTD(1)),
    output_tokens UInt64 COMMENT 'Output tokens, reasoning included.' CODEC(ZSTD(1)),
    reasoning_tokens UInt64 COMMENT 'Reasoning tokens.' CODEC(ZSTD(1)),
    cost_usd Float64 COMMENT 'Price of the calls whose price is known, US dollars.' CODEC(ZSTD(1)),
    stalls UInt64 COMMENT 'Streams in which nothing came for more than 5 seconds between two tokens.' CODEC(ZSTD(1)),
    ttft AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float64) COMMENT 'Time to first token, milliseconds: quantilesTDigestMerge(0.5, 0.95, 0.99)(ttft).' CODEC(ZSTD(1)),
    duration AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float64) COMMENT 'Duration, milliseconds: quantilesTDigestMerge(0.5, 0.95, 0.99)(duration).' CODEC(ZSTD(1)),
    speed AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float64) COMMENT 'Output tokens per second of streams: quantilesTDigestMerge(0.5, 0.95, 0.99)(speed).' CODEC(ZSTD(1)),
    stored DateTime('UTC') DEFAULT now() COMMENT 'When the row was stored. Retention counts from here.' CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (hour, version, model, provider, agent_id, team_id, client_name)
SETTINGS ttl_only_drop_parts = 1, enable_block_number_column = 1, enable_block_offset_column = 1
COMMENT 'Hours of calls in every state that was computed; read the view call_hours, which has the newest one';

CREATE TABLE IF NOT EXISTS call_hour_versions
(
    hour DateTime('UTC') COMMENT 'Hour.' CODEC(Delta, ZSTD(1)),
    version UInt64 COMMENT 'State whose rows are all in call_hour_rows; the newest counts.' CODEC(Delta, ZSTD(1)),
    stored DateTime('UTC') DEFAULT now() COMMENT 'When the row was stored. Retention counts from here.' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY hour
SETTINGS ttl_only_drop_parts = 1
COMMENT 'Which state of each hour is whole';

CREATE VIEW IF NOT EXISTS call_hours
(
    hour DateTime('UTC') COMMENT 'Hour in which the calls began.',
    agent_id LowCardinality(String) COMMENT 'Who made the calls; empty when not known.',
    team_id LowCardinality(String) COMMENT 'Team, as the requests tell.',
    client_name LowCardinality(String) COMMENT 'Client program.',
    provider LowCardinality(String) COMMENT 'Provider.',
    model LowCardinality(String) COMMENT 'Model that answered, or else the requested one.',
    calls UInt64 COMMENT 'Calls.',
    errors UInt64 COMMENT 'Of these, failed on the server''s side: outcome http_error, stream_error, upstream_abort or timeout.',
    client_aborts UInt64 COMMENT 'Of these, given up by the client.',
    incomplete UInt64 COMMENT 'Of these, not seen whole by the capture.',
    streams UInt64 COMMENT 'Of these, answered by a stream.',
    unpriced UInt64 COMMENT 'Of these, without a known price: cost_usd is a lower bound.',
    tool_requests UInt64 COMMENT 'Tool calls that their answers ask for.',
    input_tokens UInt64 COMMENT 'Input tokens, cached included.',
    cache_read_tokens UInt64 COMMENT 'Of these, read from a cache.',
    cache_write_tokens UInt64 COMMENT 'Input tokens written to a cache.',
    output_tokens UInt64 COMMENT 'Output tokens, reasoning included.',
    reasoning_tokens UInt64 COMMENT 'Reasoning tokens.',
    cost_usd Float64 COMMENT 'Price of the calls whose price is known, US dollars.',
    stalls UInt64 COMMENT 'Streams in which nothing came for more than 5 seconds between two tokens.',
    ttft AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float64) COMMENT 'Time to first token, milliseconds: quantilesTDigestMerge(0.5, 0.95, 0.99)(ttft).',
    duration AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float64) COMMENT 'Duration, milliseconds: quantilesTDigestMerge(0.5, 0.95, 0.99)(duration).',
    speed AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float64) COMMENT 'Output tokens per second of streams: quantilesTDigestMerge(0.5, 0.95, 0.99)(speed).'
) AS
SELECT hour, agent_id, team_id, client_name, provider, model, calls, errors, client_aborts, incomplete, streams, unpriced, tool_requests,
    input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost_usd, stalls, ttft, duration, speed
FROM call_hour_rows
WHERE (hour, version) IN (SELECT hour, max(version) FROM call_hour_versions GROUP BY hour)
COMMENT 'Calls by hour, agent, team, client, provider and model, for dashboards over long times: at most a minute behind calls';

CREATE VIEW IF NOT EXISTS request_of AS
WITH texts AS (SELECT groupArray(hash) AS hashes, groupArray(text) AS bodies FROM contents WHERE hash IN (SELECT arrayJoin(request_parts) FROM calls WHERE call_id = {call_id:String}))
SELECT call_id, arrayStringConcat(arrayMap(
    (between, part) -> concat(between, if(part = '', '', bodies[indexOf(hashes, part)])),
    splitByChar('\0', request_skeleton), arrayPushBack(request_parts, ''))) AS request
FROM calls, texts WHERE call_id = {call_id:String}
COMMENT 'The request of a call, byte for byte as it was sent: SELECT request FROM request_of(call_id = ''…'')';

CREATE VIEW IF NOT EXISTS response_of AS
SELECT text AS response FROM contents WHERE hash IN (SELECT response_content FROM calls WHERE call_id = {call_id:String} AND response_content != '') LIMIT 1
COMMENT 'The response of a call as it is stored: SELECT response FROM response_of(call_id = ''…'')';

CREATE VIEW IF NOT EXISTS answers_with AS
SELECT call_id, request_start, session_id, agent_id, model, prompt_preview, answer_preview FROM calls
WHERE response_content IN (SELECT hash FROM contents WHERE kind = 'response' AND hasAllTokens(lower(replaceAll(text, '\\n', ' ')), lower({words:String})))
COMMENT 'Calls whose answer holds all of these words, in any order: SELECT * FROM answers_with(words = ''…'')';

-- The hint makes the bloom filter leave out granules; the set is what is cheap to compare with.
CREATE VIEW IF NOT EXISTS requests_with AS
WITH found AS (SELECT hash FROM contents WHERE kind IN ('message', 'system', 'body') AND hasAllTokens(lower(replaceAll(text, '\\n', ' ')), lower({words:String})))
SELECT call_id, request_start, session_id, agent_id, model, prompt_preview, answer_preview FROM calls
WHERE indexHint(hasAny(request_parts, (SELECT groupArray(hash) FROM found))) AND arrayExists(part -> part IN (SELECT hash FROM found), request_parts)
COMMENT 'Calls with a message or system prompt that holds all of these words; every later call of the conversation is one: SELECT * FROM requests_with(words = ''…'')';
