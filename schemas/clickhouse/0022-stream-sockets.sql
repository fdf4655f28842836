-- A WebSocket may be a stream of HTTP/2, whose calls have a protocol of their own and the status of the stream's answer.
ALTER TABLE calls
    COMMENT COLUMN protocol 'What carried it: http/1.0, http/1.1, h2, websocket, websocket/h2 (on a stream of HTTP/2); empty for rows of older releases.',
    COMMENT COLUMN status 'HTTP status of the response; over WebSocket that of the upgrade, 101, or of the stream, 200, where outcome and error_type tell of failures; 0 when none was seen.';
ALTER TABLE exchanges
    COMMENT COLUMN protocol 'What carried it: http/1.0, http/1.1, h2, websocket, websocket/h2 (on a stream of HTTP/2); empty for rows of older releases, and for a WebSocket whose upgrade was not seen.',
    COMMENT COLUMN skipped_bytes 'Bytes of the WebSocket connection that were not understood, after a loss or a join in its middle.';
