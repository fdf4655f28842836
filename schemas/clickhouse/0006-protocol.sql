-- What carried it, and what gRPC tells about itself. Rows from before this release say nothing.
ALTER TABLE calls ADD COLUMN IF NOT EXISTS protocol LowCardinality(String) DEFAULT '' COMMENT 'What carried it: http/1.0, http/1.1, h2, websocket; empty for rows of older releases.' CODEC(ZSTD(1)) AFTER path;
ALTER TABLE exchanges ADD COLUMN IF NOT EXISTS protocol LowCardinality(String) DEFAULT '' COMMENT 'What carried it: http/1.0, http/1.1, h2, websocket; empty for rows of older releases.' CODEC(ZSTD(1)) AFTER path;
ALTER TABLE exchanges ADD COLUMN IF NOT EXISTS request_messages UInt32 DEFAULT 0 COMMENT 'gRPC: whole messages of the request; 0 otherwise.' CODEC(ZSTD(1)) AFTER response_bytes;
ALTER TABLE exchanges ADD COLUMN IF NOT EXISTS response_messages UInt32 DEFAULT 0 COMMENT 'gRPC: whole messages of the response; 0 otherwise.' CODEC(ZSTD(1)) AFTER request_messages;
ALTER TABLE exchanges ADD COLUMN IF NOT EXISTS grpc_status LowCardinality(String) DEFAULT '' COMMENT 'gRPC: status code that ended it, as sent; empty when there was none or it was not seen.' CODEC(ZSTD(1)) AFTER response_messages;
