-- How a call or another exchange was carried.
ALTER TABLE calls
    ADD COLUMN IF NOT EXISTS protocol LowCardinality(String) COMMENT 'How it was carried: http/1.1, http/1.0, websocket; empty in rows of earlier releases.' CODEC(ZSTD(1)) AFTER path;

ALTER TABLE exchanges
    ADD COLUMN IF NOT EXISTS protocol LowCardinality(String) COMMENT 'How it was carried: http/1.1, http/1.0, websocket; empty in rows of earlier releases.' CODEC(ZSTD(1)) AFTER path;
