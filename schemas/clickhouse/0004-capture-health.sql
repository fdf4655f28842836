-- What the capture saw and what it missed.
CREATE TABLE IF NOT EXISTS probe_reports
(
    report_id String COMMENT 'Hash of the report, 32 hex digits: a replay stores it once.' CODEC(ZSTD(1)),
    probe LowCardinality(String) COMMENT 'Name of the capturing process.' CODEC(ZSTD(1)),
    source LowCardinality(String) COMMENT 'File name, - or live:eth0.' CODEC(ZSTD(1)),
    from_time DateTime64(6, 'UTC') COMMENT 'Clock of the capture at the report\'s first packet; 1970 when there was none.' CODEC(DoubleDelta, ZSTD(1)),
    to_time DateTime64(6, 'UTC') COMMENT 'Clock of the capture at the report\'s last packet.' CODEC(Delta, ZSTD(1)),
    packets UInt64 COMMENT 'Packets seen.' CODEC(ZSTD(1)),
    bytes UInt64 COMMENT 'Bytes of these packets on the wire.' CODEC(ZSTD(1)),
    connections UInt64 COMMENT 'Connections that began.' CODEC(ZSTD(1)),
    frames UInt64 COMMENT 'Frames published.' CODEC(ZSTD(1)),
    payload_bytes UInt64 COMMENT 'Payload bytes of these frames.' CODEC(ZSTD(1)),
    retransmitted_bytes UInt64 COMMENT 'Bytes that were seen more than once.' CODEC(ZSTD(1)),
    notes Array(String) COMMENT 'Sentences for people: a truncated file, an unknown link type, a child that died.' CODEC(ZSTD(1)),
    stored DateTime('UTC') DEFAULT now() COMMENT 'When the row was stored. Retention counts from here.' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(stored)
ORDER BY (from_time, report_id)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1
COMMENT 'What each probe saw between two reports';

CREATE TABLE IF NOT EXISTS capture_health
(
    health_id String COMMENT 'Hash of the row, 32 hex digits: a replay stores it once.' CODEC(ZSTD(1)),
    stage LowCardinality(String) COMMENT 'Who counted it: probe, frames, http, llm, sink.' CODEC(ZSTD(1)),
    probe LowCardinality(String) COMMENT 'Name of the capturing process.' CODEC(ZSTD(1)),
    source LowCardinality(String) COMMENT 'File name, - or live:eth0.' CODEC(ZSTD(1)),
    from_time DateTime64(6, 'UTC') COMMENT 'Begin of the time that the counts cover, by the clock of the capture.' CODEC(DoubleDelta, ZSTD(1)),
    to_time DateTime64(6, 'UTC') COMMENT 'End of that time.' CODEC(Delta, ZSTD(1)),
    reason LowCardinality(String) COMMENT 'Why something was not passed on: gap, snap, memory, kernel, malformed, unsupported, not_http, out_of_window ...' CODEC(ZSTD(1)),
    packets UInt64 COMMENT 'Packets (frames, records) concerned.' CODEC(ZSTD(1)),
    bytes UInt64 COMMENT 'Bytes concerned, as far as known.' CODEC(ZSTD(1)),
    stored DateTime('UTC') DEFAULT now() COMMENT 'When the row was stored. Retention counts from here.' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(stored)
ORDER BY (from_time, health_id)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1
COMMENT 'What was lost, skipped or unreadable, counted by reason where it happened';
