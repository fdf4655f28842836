-- Where a call stands in its conversation, and what the tracker makes of the calls (docs/decisions/0015).
ALTER TABLE calls MODIFY SETTING enable_block_number_column = 1, enable_block_offset_column = 1;

ALTER TABLE calls
    ADD COLUMN IF NOT EXISTS call_kind LowCardinality(String) COMMENT 'What the call is for: main (a step of the conversation), subagent, or a side call: title, router, compaction, prewarm, auxiliary. Empty: an API without conversations.' CODEC(ZSTD(1)) AFTER turn_id,
    ADD COLUMN IF NOT EXISTS thread_id String COMMENT 'Line of conversation within the session: the main loop, a subagent. 32 hex digits.' CODEC(ZSTD(1)) AFTER call_kind,
    ADD COLUMN IF NOT EXISTS parent_session_id String COMMENT 'Session that started this one, as the client tells.' CODEC(ZSTD(1)) AFTER thread_id,
    ADD COLUMN IF NOT EXISTS parent_thread_id String COMMENT 'Thread that started this one, as the client tells.' CODEC(ZSTD(1)) AFTER parent_session_id,
    ADD COLUMN IF NOT EXISTS user_message_count UInt32 COMMENT 'Genuine user messages in the request.' CODEC(ZSTD(1)) AFTER parent_thread_id,
    ADD COLUMN IF NOT EXISTS prompt_hash String COMMENT 'Hash of the last genuine user text.' CODEC(ZSTD(1)) AFTER user_message_count,
    ADD COLUMN IF NOT EXISTS thread_prompt_hash String COMMENT 'Hash of the first genuine user text: for a subagent, what its parent asked.' CODEC(ZSTD(1)) AFTER prompt_hash,
    ADD COLUMN IF NOT EXISTS opening_hash String COMMENT 'Hash of the first text in the user''s name, whoever wrote it.' CODEC(ZSTD(1)) AFTER thread_prompt_hash,
    ADD COLUMN IF NOT EXISTS step_id String COMMENT 'Equal for attempts of one request (retries).' CODEC(ZSTD(1)) AFTER opening_hash,
    ADD COLUMN IF NOT EXISTS answer_hash String COMMENT 'Hash of the answer''s text without case, digits and space.' CODEC(ZSTD(1)) AFTER step_id,
    ADD COLUMN IF NOT EXISTS answer_text_hash String COMMENT 'Hash of the answer''s text without space.' CODEC(ZSTD(1)) AFTER answer_hash,
    ADD COLUMN IF NOT EXISTS tool_argument_hashes Array(String) COMMENT 'Hash of each requested tool call''s arguments as canonical JSON; parallel to tool_names.' CODEC(ZSTD(1)) AFTER tool_arguments,
    ADD COLUMN IF NOT EXISTS tool_prompt_hashes Array(String) COMMENT 'Hash of the text that a tool call hands to a subagent; parallel to tool_names.' CODEC(ZSTD(1)) AFTER tool_argument_hashes,
    ADD COLUMN IF NOT EXISTS tool_result_ids Array(String) COMMENT 'Tool call ids of the results that this request brings; parallel to the other tool_result arrays.' CODEC(ZSTD(1)) AFTER tool_prompt_hashes,
    ADD COLUMN IF NOT EXISTS tool_result_names Array(String) COMMENT 'Tool names of these results, where the request tells.' CODEC(ZSTD(1)) AFTER tool_result_ids,
    ADD COLUMN IF NOT EXISTS tool_result_hashes Array(String) COMMENT 'Hash of each result''s text, without what differs at every run.' CODEC(ZSTD(1)) AFTER tool_result_names,
    ADD COLUMN IF NOT EXISTS tool_result_errors Array(Bool) COMMENT 'Whether the result is an error.' CODEC(ZSTD(1)) AFTER tool_result_hashes,
    ADD COLUMN IF NOT EXISTS tool_result_agents Array(String) COMMENT 'Id of the subagent that the result names.' CODEC(ZSTD(1)) AFTER tool_result_errors,
    ADD COLUMN IF NOT EXISTS tool_result_previews Array(String) COMMENT 'Beginning of each result''s text.' CODEC(ZSTD(3)) AFTER tool_result_agents,
    ADD COLUMN IF NOT EXISTS retry_count UInt16 COMMENT 'Which attempt the SDK says this is: 0 is the first.' CODEC(ZSTD(1)) AFTER request_id,
    ADD COLUMN IF NOT EXISTS upstream_request_id String COMMENT 'Request id of the next hop, as a gateway''s answer tells.' CODEC(ZSTD(1)) AFTER retry_count,
    ADD INDEX IF NOT EXISTS stored_minmax stored TYPE minmax GRANULARITY 1,
    ADD INDEX IF NOT EXISTS thread_id_bloom thread_id TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS previous_response_id_bloom previous_response_id TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS parent_session_id_bloom parent_session_id TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS step_id_bloom step_id TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS thread_prompt_hash_bloom thread_prompt_hash TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS tool_prompt_hashes_bloom tool_prompt_hashes TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS opening_hash_bloom opening_hash TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS answer_text_hash_bloom answer_text_hash TYPE bloom_filter(0.01) GRANULARITY 1;

CREATE TABLE IF NOT EXISTS session_rows
(
    session_id String COMMENT 'Conversation: the client''s own id, or a hash of how it began.' CODEC(ZSTD(1)),
    session_source LowCardinality(String) COMMENT 'Where session_id was read from: header, body, client_profile, content.' CODEC(ZSTD(1)),
    parent_session_id String COMMENT 'Session whose tool call started this one.' CODEC(ZSTD(1)),
    agent_id LowCardinality(String) COMMENT 'Who made its calls; empty when not known.' CODEC(ZSTD(1)),
    identity_source LowCardinality(String) COMMENT 'Where agent_id was read from.' CODEC(ZSTD(1)),
    user_id String COMMENT 'User, as the requests tell.' CODEC(ZSTD(1)),
    team_id LowCardinality(String) COMMENT 'Team, as the requests tell.' CODEC(ZSTD(1)),
    client_name LowCardinality(String) COMMENT 'Client program.' CODEC(ZSTD(1)),
    credential LowCardinality(String) COMMENT 'Keyed fingerprint of the credential of its first call.' CODEC(ZSTD(1)),
    started DateTime64(6, 'UTC') COMMENT 'First byte of its first call.' CODEC(Delta, ZSTD(1)),
    ended DateTime64(6, 'UTC') COMMENT 'Last byte of its last call so far.' CODEC(Delta, ZSTD(1)),
    turns UInt32 COMMENT 'Turns of its main threads.' CODEC(ZSTD(1)),
    calls UInt32 COMMENT 'Steps of its main threads; attempts of one step count once.' CODEC(ZSTD(1)),
    retries UInt32 COMMENT 'Further attempts of steps.' CODEC(ZSTD(1)),
    side_calls UInt32 COMMENT 'Calls beside the conversation: titles, routers, compactions.' CODEC(ZSTD(1)),
    subagent_calls UInt32 COMMENT 'Calls of subagents.' CODEC(ZSTD(1)),
    subagents UInt32 COMMENT 'Subagents.' CODEC(ZSTD(1)),
    compactions UInt32 COMMENT 'Times that the history was summed up.' CODEC(ZSTD(1)),
    tool_calls UInt32 COMMENT 'Tool calls, of subagents too.' CODEC(ZSTD(1)),
    tool_errors UInt32 COMMENT 'Tool calls whose result was an error.' CODEC(ZSTD(1)),
    input_tokens UInt64 COMMENT 'Of all calls, cached included.' CODEC(ZSTD(1)),
    cache_read_tokens UInt64 COMMENT 'Of these, read from the cache.' CODEC(ZSTD(1)),
    output_tokens UInt64 COMMENT 'Of all calls, reasoning included.' CODEC(ZSTD(1)),
    cost_usd Float64 COMMENT 'Of all calls whose price is known.' CODEC(ZSTD(1)),
    cost_complete Bool COMMENT 'False: the price of a call is not known, so cost_usd is a lower bound.' CODEC(ZSTD(1)),
    models Array(String) COMMENT 'Models that answered.' CODEC(ZSTD(1)),
    first_prompt String COMMENT 'Beginning of the first genuine user text.' CODEC(ZSTD(3)),
    last_answer String COMMENT 'Beginning of the newest answer of a main thread.' CODEC(ZSTD(3)),
    outcome LowCardinality(String) COMMENT 'How its newest turn stands: open, answered, length, refused, error, aborted.' CODEC(ZSTD(1)),
    ambiguous Bool COMMENT 'True: calls of one thread overlap in time, so it may hold several agents that nothing in the traffic tells apart.' CODEC(ZSTD(1)),
    version UInt64 COMMENT 'Time of the evaluation, microseconds: the newest row of a session counts.' CODEC(Delta, ZSTD(1)),
    stored DateTime('UTC') DEFAULT now() COMMENT 'When the row was stored. Retention counts from here.' CODEC(Delta, ZSTD(1)),
    INDEX started_minmax started TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
ORDER BY session_id
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1
COMMENT 'Sessions as the tracker last saw them; read the view sessions, which has one row each';

CREATE TABLE IF NOT EXISTS turn_rows
(
    turn_id String COMMENT 'Id of the turn, 32 hex digits: calls.turn_id.' CODEC(ZSTD(1)),
    session_id String COMMENT 'Its session.' CODEC(ZSTD(1)),
    thread_id String COMMENT 'Its thread.' CODEC(ZSTD(1)),
    agent_id LowCardinality(String) COMMENT 'Who made its calls.' CODEC(ZSTD(1)),
    user_id String COMMENT 'User, as the requests tell.' CODEC(ZSTD(1)),
    team_id LowCardinality(String) COMMENT 'Team, as the requests tell.' CODEC(ZSTD(1)),
    client_name LowCardinality(String) COMMENT 'Client program.' CODEC(ZSTD(1)),
    ordinal UInt32 COMMENT '1, 2, 3 ... within the thread, by time.' CODEC(ZSTD(1)),
    started DateTime64(6, 'UTC') COMMENT 'First byte of its first call.' CODEC(Delta, ZSTD(1)),
    ended DateTime64(6, 'UTC') COMMENT 'Last byte of its last call so far.' CODEC(Delta, ZSTD(1)),
    outcome LowCardinality(String) COMMENT 'open (the model waits for tools), answered, length, refused, error, aborted.' CODEC(ZSTD(1)),
    calls UInt32 COMMENT 'Steps of the conversation itself; attempts of one step count once.' CODEC(ZSTD(1)),
    retries UInt32 COMMENT 'Further attempts of steps.' CODEC(ZSTD(1)),
    side_calls UInt32 COMMENT 'Calls beside the conversation: titles, routers, compactions.' CODEC(ZSTD(1)),
    subagent_calls UInt32 COMMENT 'Calls of its subagents.' CODEC(ZSTD(1)),
    subagents UInt32 COMMENT 'Subagents that its tool calls started.' CODEC(ZSTD(1)),
    compactions UInt32 COMMENT 'Times that the history was summed up.' CODEC(ZSTD(1)),
    tool_calls UInt32 COMMENT 'Tool calls, of subagents too.' CODEC(ZSTD(1)),
    tool_errors UInt32 COMMENT 'Tool calls whose result was an error.' CODEC(ZSTD(1)),
    input_tokens UInt64 COMMENT 'Of all its calls, cached included; side calls and subagents too.' CODEC(ZSTD(1)),
    cache_read_tokens UInt64 COMMENT 'Of these, read from the cache.' CODEC(ZSTD(1)),
    output_tokens UInt64 COMMENT 'Of all its calls.' CODEC(ZSTD(1)),
    cost_usd Float64 COMMENT 'Of all its calls whose price is known.' CODEC(ZSTD(1)),
    cost_complete Bool COMMENT 'False: the price of a call is not known, so cost_usd is a lower bound.' CODEC(ZSTD(1)),
    models Array(String) COMMENT 'Models that answered.' CODEC(ZSTD(1)),
    prompt_preview String COMMENT 'Beginning of the user text that began it.' CODEC(ZSTD(3)),
    answer_preview String COMMENT 'Beginning of its newest answer.' CODEC(ZSTD(3)),
    version UInt64 COMMENT 'Time of the evaluation, microseconds: the newest row of a turn counts.' CODEC(Delta, ZSTD(1)),
    stored DateTime('UTC') DEFAULT now() COMMENT 'When the row was stored. Retention counts from here.' CODEC(Delta, ZSTD(1)),
    INDEX started_minmax started TYPE minmax GRANULARITY 1,
    INDEX turn_id_bloom turn_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (session_id, turn_id)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1
COMMENT 'Turns as the tracker last saw them; read the view turns, which has one row each';

CREATE TABLE IF NOT EXISTS tool_call_rows
(
    tool_call_id String COMMENT 'Id of the tool call as the API gave it; empty where it gives none.' CODEC(ZSTD(1)),
    call_id String COMMENT 'The call whose answer asked for it.' CODEC(ZSTD(1)),
    position UInt32 COMMENT 'Its place among the tool calls of that answer, from 0.' CODEC(ZSTD(1)),
    session_id String COMMENT 'Its session.' CODEC(ZSTD(1)),
    thread_id String COMMENT 'Its thread.' CODEC(ZSTD(1)),
    turn_id String COMMENT 'Its turn.' CODEC(ZSTD(1)),
    agent_id LowCardinality(String) COMMENT 'Who asked.' CODEC(ZSTD(1)),
    team_id LowCardinality(String) COMMENT 'Team, as the requests tell.' CODEC(ZSTD(1)),
    tool_name LowCardinality(String) COMMENT 'Name of the tool.' CODEC(ZSTD(1)),
    mcp_server LowCardinality(String) COMMENT 'MCP server, where the tool''s name tells it (mcp__SERVER__TOOL).' CODEC(ZSTD(1)),
    arguments String COMMENT 'Arguments as the model wrote them; empty when contents are not kept.' CODEC(ZSTD(3)),
    arguments_hash String COMMENT 'Hash of the arguments as canonical JSON.' CODEC(ZSTD(1)),
    requested DateTime64(6, 'UTC') COMMENT 'End of the answer that asked for it.' CODEC(Delta, ZSTD(1)),
    result_seen Nullable(DateTime64(6, 'UTC')) COMMENT 'First byte of the request that showed the result. Null: none yet.' CODEC(Delta, ZSTD(1)),
    result_call_id String COMMENT 'The call whose request showed the result.' CODEC(ZSTD(1)),
    result_hash String COMMENT 'Hash of the result without what differs at every run.' CODEC(ZSTD(1)),
    result_preview String COMMENT 'Beginning of the result.' CODEC(ZSTD(3)),
    is_error Nullable(Bool) COMMENT 'Whether the result is an error. Null: no result yet.' CODEC(ZSTD(1)),
    duration_ms Nullable(Float64) COMMENT 'From requested to result_seen, milliseconds.' CODEC(ZSTD(1)),
    server_side Bool COMMENT 'Run by the API itself.' CODEC(ZSTD(1)),
    subagent_thread_id String COMMENT 'Thread of the subagent that it started.' CODEC(ZSTD(1)),
    subagent_session_id String COMMENT 'Session of the subagent that it started, where that has one of its own.' CODEC(ZSTD(1)),
    version UInt64 COMMENT 'Time of the evaluation, microseconds: the newest row counts.' CODEC(Delta, ZSTD(1)),
    stored DateTime('UTC') DEFAULT now() COMMENT 'When the row was stored. Retention counts from here.' CODEC(Delta, ZSTD(1)),
    INDEX requested_minmax requested TYPE minmax GRANULARITY 1,
    INDEX tool_call_id_bloom tool_call_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX turn_id_bloom turn_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (session_id, call_id, position)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1
COMMENT 'Tool calls as the tracker last saw them; read the view tool_calls, which has one row each';

CREATE TABLE IF NOT EXISTS finding_rows
(
    finding_id String COMMENT 'Hash of session and fingerprint, 32 hex digits.' CODEC(ZSTD(1)),
    kind LowCardinality(String) COMMENT 'exact_repeat, cycle, retry_storm, stuck_poll, repeated_answer, compaction_loop, context_growth, burn_rate, subagent_fanout, rule.' CODEC(ZSTD(1)),
    rule LowCardinality(String) COMMENT 'Name of the SQL rule, for kind rule; else the kind.' CODEC(ZSTD(1)),
    level LowCardinality(String) COMMENT 'note, alert, critical.' CODEC(ZSTD(1)),
    state LowCardinality(String) COMMENT 'open or resolved.' CODEC(ZSTD(1)),
    fingerprint String COMMENT 'What is the same in all occurrences.' CODEC(ZSTD(1)),
    session_id String COMMENT 'Session; empty for a rule that names none.' CODEC(ZSTD(1)),
    thread_id String COMMENT 'Thread.' CODEC(ZSTD(1)),
    turn_id String COMMENT 'Turn of the newest occurrence.' CODEC(ZSTD(1)),
    agent_id LowCardinality(String) COMMENT 'Agent.' CODEC(ZSTD(1)),
    user_id String COMMENT 'User.' CODEC(ZSTD(1)),
    team_id LowCardinality(String) COMMENT 'Team.' CODEC(ZSTD(1)),
    tool_name LowCardinality(String) COMMENT 'Tool, or tools of a cycle.' CODEC(ZSTD(1)),
    summary String COMMENT 'One sentence, without content of the traffic.' CODEC(ZSTD(1)),
    occurrences UInt32 COMMENT 'How often it happened.' CODEC(ZSTD(1)),
    first_seen DateTime64(6, 'UTC') COMMENT 'Time of the first occurrence.' CODEC(Delta, ZSTD(1)),
    last_seen DateTime64(6, 'UTC') COMMENT 'Time of the newest occurrence.' CODEC(Delta, ZSTD(1)),
    resolved_at Nullable(DateTime64(6, 'UTC')) COMMENT 'When it ended. Null: it is open.' CODEC(Delta, ZSTD(1)),
    wasted_calls UInt32 COMMENT 'Calls beyond the first occurrence.' CODEC(ZSTD(1)),
    wasted_tokens UInt64 COMMENT 'Tokens of these, input and output.' CODEC(ZSTD(1)),
    wasted_cost_usd Float64 COMMENT 'What they cost, as far as prices are known.' CODEC(ZSTD(1)),
    call_ids Array(String) COMMENT 'Evidence in order of time; the first and the last ones when there are many.' CODEC(ZSTD(1)),
    labels Map(LowCardinality(String), String) COMMENT 'What the detector measured, or the columns of the rule''s row.' CODEC(ZSTD(1)),
    version UInt64 COMMENT 'Time of the evaluation, microseconds: the newest row of a finding counts.' CODEC(Delta, ZSTD(1)),
    stored DateTime('UTC') DEFAULT now() COMMENT 'When the row was stored. Retention counts from here.' CODEC(Delta, ZSTD(1)),
    INDEX last_seen_minmax last_seen TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (session_id, finding_id)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1
COMMENT 'Findings as they were last seen; read the view findings, which has one row each';

CREATE TABLE IF NOT EXISTS agent_entries
(
    raw_id String COMMENT 'calls.agent_id as the traffic tells it.' CODEC(ZSTD(1)),
    name String COMMENT 'Name for people.' CODEC(ZSTD(1)),
    owner String COMMENT 'Who answers for it.' CODEC(ZSTD(1)),
    team String COMMENT 'Team.' CODEC(ZSTD(1)),
    environment LowCardinality(String) COMMENT 'production, staging ...' CODEC(ZSTD(1)),
    deleted Bool COMMENT 'True: the entry was taken back.' CODEC(ZSTD(1)),
    version UInt64 COMMENT 'Time of the change, microseconds.' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY raw_id
COMMENT 'Names that people gave to agents; read the view agents';

CREATE TABLE IF NOT EXISTS call_hops
(
    call_id String COMMENT 'A call that is the next hop of another one.' CODEC(ZSTD(1)),
    hop_of String COMMENT 'The call that the client made: calls.call_id.' CODEC(ZSTD(1)),
    evidence LowCardinality(String) COMMENT 'How they were joined: request_id, response_id, traceparent, content.' CODEC(ZSTD(1)),
    request_start DateTime64(6, 'UTC') COMMENT 'First byte of its request.' CODEC(Delta, ZSTD(1)),
    row String COMMENT 'The call''s row as JSON, as it stood in calls.' CODEC(ZSTD(3)),
    stored DateTime('UTC') DEFAULT now() COMMENT 'When the row was stored. Retention counts from here.' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(stored)
ORDER BY call_id
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1
COMMENT 'Second hops of calls that were mirrored twice (client to gateway, gateway to provider): not in calls, so that nothing is counted twice';

CREATE TABLE IF NOT EXISTS tracker_state
(
    name LowCardinality(String) COMMENT 'Which tracker.' CODEC(ZSTD(1)),
    stored_until DateTime('UTC') COMMENT 'Calls that were stored before are tracked.' CODEC(ZSTD(1)),
    version UInt64 COMMENT 'Time of the change, microseconds.' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY name
COMMENT 'How far each tracker has come';

CREATE VIEW IF NOT EXISTS sessions AS SELECT * EXCEPT (version, stored) FROM session_rows FINAL COMMENT 'One row for each conversation';
CREATE VIEW IF NOT EXISTS turns AS SELECT * EXCEPT (version, stored) FROM turn_rows FINAL COMMENT 'One row for each turn: from a genuine user message to the final answer';
CREATE VIEW IF NOT EXISTS tool_calls AS SELECT * EXCEPT (version, stored) FROM tool_call_rows FINAL COMMENT 'One row for each tool call that a model asked for, with its result';
CREATE VIEW IF NOT EXISTS findings AS SELECT * EXCEPT (version, stored) FROM finding_rows FINAL COMMENT 'One row for each thing that a detector or a rule saw';
CREATE VIEW IF NOT EXISTS agents AS
SELECT
    seen.agent_id AS agent_id,
    if(entry.name = '', seen.agent_id, entry.name) AS name,
    entry.owner AS owner,
    if(entry.team = '', seen.team_id, entry.team) AS team,
    entry.environment AS environment,
    seen.client_name AS client_name,
    seen.identity_source AS identity_source,
    seen.first_seen AS first_seen,
    seen.last_seen AS last_seen,
    seen.calls AS calls
FROM
(
    SELECT agent_id, argMax(team_id, request_start) AS team_id, argMax(client_name, request_start) AS client_name, argMax(identity_source, request_start) AS identity_source,
        min(request_start) AS first_seen, max(request_start) AS last_seen, count() AS calls
    FROM calls WHERE agent_id != '' GROUP BY agent_id
) AS seen
LEFT JOIN (SELECT * FROM agent_entries FINAL WHERE NOT deleted) AS entry ON entry.raw_id = seen.agent_id
COMMENT 'Agents that were seen, with the names that people gave them';
