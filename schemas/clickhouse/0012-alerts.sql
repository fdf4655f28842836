-- Who was told of which finding, what is silenced, who is at work, and names of agents inside queries (docs/decisions/0016).
ALTER TABLE finding_rows ADD INDEX IF NOT EXISTS stored_minmax stored TYPE minmax GRANULARITY 1;

CREATE TABLE IF NOT EXISTS alert_delivery_rows
(
    receiver LowCardinality(String) COMMENT 'Receiver, as the configuration names it.' CODEC(ZSTD(1)),
    finding_id String COMMENT 'The finding that it is told of.' CODEC(ZSTD(1)),
    status LowCardinality(String) COMMENT 'waiting, told, retrying, or dropped (it ended before it had to be told: silenced, muted, or given up).' CODEC(ZSTD(1)),
    told_state LowCardinality(String) COMMENT 'State that it was last told: open or resolved; empty: nothing was told yet.' CODEC(ZSTD(1)),
    told_level LowCardinality(String) COMMENT 'Level that it was last told.' CODEC(ZSTD(1)),
    told_occurrences UInt32 COMMENT 'Occurrences that it was last told.' CODEC(ZSTD(1)),
    told_at DateTime64(3, 'UTC') COMMENT 'When it was last told; 1970: never.' CODEC(Delta, ZSTD(1)),
    sequence UInt32 COMMENT 'How often it was told.' CODEC(ZSTD(1)),
    alert_id String COMMENT 'Id of the newest message, as the receiver had it in Bittern-Alert-Id.' CODEC(ZSTD(1)),
    group_key String COMMENT 'Group of alerts that the message was about.' CODEC(ZSTD(1)),
    attempts UInt32 COMMENT 'Failed attempts since it was last told.' CODEC(ZSTD(1)),
    problem String COMMENT 'Why the newest attempt failed.' CODEC(ZSTD(1)),
    version UInt64 COMMENT 'Time of the change, microseconds: the newest row counts.' CODEC(Delta, ZSTD(1)),
    stored DateTime('UTC') DEFAULT now() COMMENT 'When the row was stored. Retention counts from here.' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (receiver, finding_id)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1
COMMENT 'What each receiver was told of each finding; read the view alert_deliveries, which has one row each';

CREATE TABLE IF NOT EXISTS alert_positions
(
    name LowCardinality(String) COMMENT 'Whose position.' CODEC(ZSTD(1)),
    stored_until DateTime('UTC') COMMENT 'Findings that were stored before are known to it.' CODEC(ZSTD(1)),
    version UInt64 COMMENT 'Time of the change, microseconds.' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY name
COMMENT 'How far the alerts have come in the findings';

CREATE TABLE IF NOT EXISTS silence_rows
(
    silence_id String COMMENT 'Id of the silence, 32 hex digits.' CODEC(ZSTD(1)),
    matchers Array(String) COMMENT 'What it silences: all of them must hold, such as agent=ops-*.' CODEC(ZSTD(1)),
    starts DateTime64(3, 'UTC') COMMENT 'From when on.' CODEC(ZSTD(1)),
    ends DateTime64(3, 'UTC') COMMENT 'Until when.' CODEC(ZSTD(1)),
    created_by String COMMENT 'Who made it, as they say.' CODEC(ZSTD(1)),
    comment String COMMENT 'Why.' CODEC(ZSTD(1)),
    version UInt64 COMMENT 'Time of the change, microseconds: the newest row counts.' CODEC(ZSTD(1)),
    stored DateTime('UTC') DEFAULT now() COMMENT 'When the row was stored. Retention counts from here.' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY silence_id
COMMENT 'Silences as they were last changed; read the view silences, which has one row each';

CREATE TABLE IF NOT EXISTS rule_runs
(
    rule LowCardinality(String) COMMENT 'Name of the rule.' CODEC(ZSTD(1)),
    last_run DateTime64(3, 'UTC') COMMENT 'When it ran last.' CODEC(ZSTD(1)),
    duration_ms Float64 COMMENT 'How long that took, milliseconds.' CODEC(ZSTD(1)),
    rows UInt32 COMMENT 'Rows that it returned.' CODEC(ZSTD(1)),
    runs UInt64 COMMENT 'Runs since the process that runs it began to.' CODEC(ZSTD(1)),
    failures UInt64 COMMENT 'Of these, failed ones.' CODEC(ZSTD(1)),
    problem String COMMENT 'Why the last run failed; empty: it did not.' CODEC(ZSTD(1)),
    version UInt64 COMMENT 'Time of the change, microseconds: the newest row counts.' CODEC(ZSTD(1)),
    stored DateTime('UTC') DEFAULT now() COMMENT 'When the row was stored. Retention counts from here.' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY rule
COMMENT 'How the newest run of each rule in SQL went';

CREATE TABLE IF NOT EXISTS leases
(
    name LowCardinality(String) COMMENT 'The work that only one process does at a time.' CODEC(ZSTD(1)),
    holder String COMMENT 'The process that claims it.' CODEC(ZSTD(1)),
    claimed DateTime64(3, 'UTC') COMMENT 'Clock of the server before the row was written.' CODEC(ZSTD(1)),
    until DateTime64(3, 'UTC') COMMENT 'End of the claim.' CODEC(ZSTD(1))
)
ENGINE = MergeTree
ORDER BY name
TTL toDateTime(until) + toIntervalHour(1)
SETTINGS enable_block_number_column = 1
COMMENT 'Claims to work that one process does at a time, in the order in which they came in';

CREATE TABLE IF NOT EXISTS agent_names
(
    raw_id String COMMENT 'calls.agent_id as the traffic tells it.',
    name String COMMENT 'Name for people; empty: none.',
    owner String COMMENT 'Who answers for it.',
    team String COMMENT 'Team.',
    environment String COMMENT 'production, staging ...'
)
ENGINE = Join(ANY, LEFT, raw_id)
SETTINGS join_any_take_last_row = 1
COMMENT 'agent_entries for use inside of queries: joinGet(''agent_names'', ''owner'', agent_id)';

CREATE MATERIALIZED VIEW IF NOT EXISTS agent_names_filled TO agent_names
(
    raw_id String COMMENT 'calls.agent_id as the traffic tells it.',
    name String COMMENT 'Name for people; empty: none.',
    owner String COMMENT 'Who answers for it.',
    team String COMMENT 'Team.',
    environment String COMMENT 'production, staging ...'
)
AS SELECT raw_id, if(deleted, '', name) AS name, if(deleted, '', owner) AS owner, if(deleted, '', team) AS team, if(deleted, '', environment) AS environment
FROM agent_entries
COMMENT 'Fills agent_names';

CREATE VIEW IF NOT EXISTS alert_deliveries AS SELECT * EXCEPT (version, stored) FROM alert_delivery_rows FINAL COMMENT 'What each receiver was told of each finding';
CREATE VIEW IF NOT EXISTS silences AS SELECT * EXCEPT (version, stored) FROM silence_rows FINAL COMMENT 'Silences';

ALTER TABLE alert_deliveries
    COMMENT COLUMN receiver 'Receiver, as the configuration names it.',
    COMMENT COLUMN finding_id 'The finding that it is told of.',
    COMMENT COLUMN status 'waiting, told, retrying, or dropped (it ended before it had to be told: silenced, muted, or given up).',
    COMMENT COLUMN told_state 'State that it was last told: open or resolved; empty: nothing was told yet.',
    COMMENT COLUMN told_level 'Level that it was last told.',
    COMMENT COLUMN told_occurrences 'Occurrences that it was last told.',
    COMMENT COLUMN told_at 'When it was last told; 1970: never.',
    COMMENT COLUMN sequence 'How often it was told.',
    COMMENT COLUMN alert_id 'Id of the newest message, as the receiver had it in Bittern-Alert-Id.',
    COMMENT COLUMN group_key 'Group of alerts that the message was about.',
    COMMENT COLUMN attempts 'Failed attempts since it was last told.',
    COMMENT COLUMN problem 'Why the newest attempt failed.';

ALTER TABLE silences
    COMMENT COLUMN silence_id 'Id of the silence, 32 hex digits.',
    COMMENT COLUMN matchers 'What it silences: all of them must hold, such as agent=ops-*.',
    COMMENT COLUMN starts 'From when on.',
    COMMENT COLUMN ends 'Until when.',
    COMMENT COLUMN created_by 'Who made it, as they say.',
    COMMENT COLUMN comment 'Why.';
