-- HTTP exchanges that are no LLM calls: metadata only, never bodies.
CREATE TABLE IF NOT EXISTS exchanges
(
    exchange_id String COMMENT 'Id of the exchange, 32 hex digits: hash of the connection id and the stream offset of the request.' CODEC(ZSTD(1)),
    connection_id String COMMENT 'Id of the transport connection, 32 hex digits.' CODEC(ZSTD(1)),
    started DateTime64(6, 'UTC') COMMENT 'First byte that was seen, by the clock of the capture.' CODEC(DoubleDelta, ZSTD(1)),
    first_byte Nullable(DateTime64(6, 'UTC')) COMMENT 'First byte of the response. Null: not seen.' CODEC(Delta, ZSTD(1)),
    ended Nullable(DateTime64(6, 'UTC')) COMMENT 'Last byte of the response. Null: not seen.' CODEC(Delta, ZSTD(1)),
    method LowCardinality(String) COMMENT 'HTTP method; empty when the request was not seen.' CODEC(ZSTD(1)),
    host LowCardinality(String) COMMENT 'Host header of the request.' CODEC(ZSTD(1)),
    path String COMMENT 'Path of the request, without query.' CODEC(ZSTD(1)),
    status UInt16 COMMENT 'HTTP status; 0 when no response was seen.' CODEC(ZSTD(1)),
    request_type LowCardinality(String) COMMENT 'Content type of the request.' CODEC(ZSTD(1)),
    response_type LowCardinality(String) COMMENT 'Content type of the response.' CODEC(ZSTD(1)),
    request_bytes UInt64 COMMENT 'HTTP body bytes of the request after transfer decoding.' CODEC(ZSTD(1)),
    response_bytes UInt64 COMMENT 'HTTP body bytes of the response after transfer decoding.' CODEC(ZSTD(1)),
    outcome LowCardinality(String) COMMENT 'Why it ended: complete, client_close, server_close, timeout, capture_end, gap, limit.' CODEC(ZSTD(1)),
    completeness LowCardinality(String) COMMENT 'How much the capture saw: full, head_missing, gap, truncated, tail_missing.' CODEC(ZSTD(1)),
    missing_bytes UInt64 COMMENT 'Bytes of the exchange that the capture missed, as far as known.' CODEC(ZSTD(1)),
    client_name LowCardinality(String) COMMENT 'Client program by its user agent.' CODEC(ZSTD(1)),
    agent_id LowCardinality(String) COMMENT 'Who made it; empty when not known.' CODEC(ZSTD(1)),
    credential LowCardinality(String) COMMENT 'Keyed fingerprint (fp_...) of the credential, never the credential.' CODEC(ZSTD(1)),
    client_ip LowCardinality(String) COMMENT 'Address of the client.' CODEC(ZSTD(1)),
    client_port UInt16 COMMENT 'Port of the client.' CODEC(ZSTD(1)),
    server_ip LowCardinality(String) COMMENT 'Address of the server.' CODEC(ZSTD(1)),
    server_port UInt16 COMMENT 'Port of the server.' CODEC(ZSTD(1)),
    upgrade LowCardinality(String) COMMENT 'Protocol that the connection changed to (101, CONNECT); empty otherwise.' CODEC(ZSTD(1)),
    upgrade_bytes UInt64 COMMENT 'Bytes of that protocol, both directions.' CODEC(ZSTD(1)),
    origin LowCardinality(String) COMMENT 'How it was captured: packets, tls, tap.' CODEC(ZSTD(1)),
    probe LowCardinality(String) COMMENT 'Name of the capturing process.' CODEC(ZSTD(1)),
    network LowCardinality(String) COMMENT 'Label of the network that the addresses belong to.' CODEC(ZSTD(1)),
    stored DateTime('UTC') DEFAULT now() COMMENT 'When the row was stored. Retention counts from here.' CODEC(Delta, ZSTD(1)),
    INDEX exchange_id_bloom exchange_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(stored)
PARTITION BY toDate(started)
ORDER BY (started, exchange_id)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1
COMMENT 'One row for each HTTP exchange that is not an LLM call';
