-- Messages, system prompts, tool definitions and responses, once each. Read by lists of hashes: small granules, because each
-- hash of a list reads one.
CREATE TABLE IF NOT EXISTS contents
(
    hash String COMMENT 'First 128 bits of the SHA-256 of the text, 32 hex digits.' CODEC(ZSTD(1)),
    kind LowCardinality(String) COMMENT 'message, system, tool (a definition), response, body (a request without a list of messages).' CODEC(ZSTD(1)),
    text String COMMENT 'The text, byte for byte as it stood in the request or response.' CODEC(ZSTD(3)),
    stored DateTime('UTC') DEFAULT now() COMMENT 'When it was stored last. Renewed while calls use it, so that it outlives the calls.' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(stored)
ORDER BY hash
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1, index_granularity = 64, index_granularity_bytes = 1048576, min_compress_block_size = 16384, max_compress_block_size = 262144
COMMENT 'Pieces of requests and responses, stored once each under the hash of their text';
