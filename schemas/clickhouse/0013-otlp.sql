-- How far spans, metrics and logs were sent over OTLP (docs/decisions/0017), and indexes to find what was told since.
CREATE TABLE IF NOT EXISTS otlp_state
(
    exporter LowCardinality(String) COMMENT 'Which exporter: otlp.name.' CODEC(ZSTD(1)),
    source LowCardinality(String) COMMENT 'Of what: turn, call, tool, finding, metrics.' CODEC(ZSTD(1)),
    done_until DateTime64(6, 'UTC') COMMENT 'What was ready before is sent.' CODEC(ZSTD(1)),
    version UInt64 COMMENT 'Time of the change, microseconds.' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (exporter, source)
COMMENT 'How far each OTLP exporter has come';

ALTER TABLE turn_rows ADD INDEX IF NOT EXISTS version_minmax version TYPE minmax GRANULARITY 1;
ALTER TABLE tool_call_rows ADD INDEX IF NOT EXISTS version_minmax version TYPE minmax GRANULARITY 1;
ALTER TABLE finding_rows ADD INDEX IF NOT EXISTS version_minmax version TYPE minmax GRANULARITY 1;
