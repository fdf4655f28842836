-- Rows that the server refused, untouched, with its reason: nothing is thrown away in silence.
CREATE TABLE IF NOT EXISTS dead_letters
(
    table_name LowCardinality(String) COMMENT 'Table that the row was meant for.' CODEC(ZSTD(1)),
    row_id String COMMENT 'Id of the row in that table.' CODEC(ZSTD(1)),
    reason String COMMENT 'Why the server refused it.' CODEC(ZSTD(1)),
    row String COMMENT 'The row as JSON text, cut at 1,000,000 characters.' CODEC(ZSTD(3)),
    stored DateTime('UTC') DEFAULT now() COMMENT 'When it was put here. Retention counts from here.' CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (table_name, stored)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1
COMMENT 'Rows that the server refused, with its reason';
