ALTER TABLE calls ADD COLUMN IF NOT EXISTS
    provisional Bool DEFAULT false COMMENT 'The call lasted longer than reassembler.holdMsMax and is stored as far as it was seen. Its row is replaced when it ends; it stays when the process that read it died before.'
    AFTER missing_bytes;

ALTER TABLE exchanges ADD COLUMN IF NOT EXISTS
    provisional Bool DEFAULT false COMMENT 'The exchange lasted longer than reassembler.holdMsMax and is stored as far as it was seen. Its row is replaced when it ends; it stays when the process that read it died before.'
    AFTER missing_bytes;
