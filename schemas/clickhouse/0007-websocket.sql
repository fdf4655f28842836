-- WebSocket connections (one row each, beside the calls in them) and what prepares a call in one.
ALTER TABLE exchanges
    ADD COLUMN IF NOT EXISTS client_messages UInt64 COMMENT 'WebSocket messages of the client.' CODEC(ZSTD(1)) AFTER upgrade_bytes,
    ADD COLUMN IF NOT EXISTS server_messages UInt64 COMMENT 'WebSocket messages of the server.' CODEC(ZSTD(1)) AFTER client_messages,
    ADD COLUMN IF NOT EXISTS client_message_bytes UInt64 COMMENT 'Payload of the messages of the client as sent (compressed where they are).' CODEC(ZSTD(1)) AFTER server_messages,
    ADD COLUMN IF NOT EXISTS server_message_bytes UInt64 COMMENT 'Payload of the messages of the server as sent (compressed where they are).' CODEC(ZSTD(1)) AFTER client_message_bytes,
    ADD COLUMN IF NOT EXISTS skipped_bytes UInt64 COMMENT 'Bytes of the WebSocket connection that were not understood after a loss.' CODEC(ZSTD(1)) AFTER server_message_bytes,
    ADD COLUMN IF NOT EXISTS close_code UInt16 COMMENT 'Code of the close frame: 1000 normal, 1005 none told; 0 when no close frame was seen.' CODEC(ZSTD(1)) AFTER skipped_bytes,
    ADD COLUMN IF NOT EXISTS purpose LowCardinality(String) COMMENT 'prewarm: prepared a call, which names response_id as its previous_response_id; empty otherwise.' CODEC(ZSTD(1)) AFTER close_code,
    ADD COLUMN IF NOT EXISTS response_id String COMMENT 'Id of the response to a prewarm.' CODEC(ZSTD(1)) AFTER purpose;

ALTER TABLE calls
    COMMENT COLUMN dialect 'API format: anthropic.messages, openai.chat, openai.responses, openai.realtime, gemini.generate_content, unknown.',
    COMMENT COLUMN status 'HTTP status of the response; over WebSocket that of the upgrade, 101, where outcome and error_type tell of failures; 0 when none was seen.',
    COMMENT COLUMN request_bytes 'HTTP body bytes of the request after transfer decoding, before content decoding; over WebSocket the payload of its message as sent.',
    COMMENT COLUMN response_bytes 'HTTP body bytes of the response after transfer decoding, before content decoding; over WebSocket the payload of its messages as sent.';
