-- How much of a call is kept, and what was taken out of it (docs/privacy.md).
ALTER TABLE calls
    ADD COLUMN IF NOT EXISTS capture_mode LowCardinality(String) DEFAULT 'content' COMMENT 'content; metadata: no text of it was kept, only hashes and sizes.' CODEC(ZSTD(1)) AFTER labels,
    ADD COLUMN IF NOT EXISTS redactions Map(LowCardinality(String), UInt32) COMMENT 'Secrets that were replaced in the stored request and answer, by rule.' CODEC(ZSTD(1)) AFTER capture_mode;
ALTER TABLE tool_executions
    ADD COLUMN IF NOT EXISTS capture_mode LowCardinality(String) DEFAULT 'content' COMMENT 'content; metadata: no text of it was kept, only hashes and sizes.' CODEC(ZSTD(1)) AFTER network,
    ADD COLUMN IF NOT EXISTS redactions Map(LowCardinality(String), UInt32) COMMENT 'Secrets that were replaced in the stored arguments and result, by rule.' CODEC(ZSTD(1)) AFTER capture_mode;

-- Hashes of texts are put under a key: equal for equal texts on one installation, and of no use for guessing.
ALTER TABLE tool_executions
    COMMENT COLUMN IF EXISTS arguments_hash 'Keyed hash of the canonical JSON (RFC 8785) of the arguments, 32 hex digits: equal for equal arguments.',
    COMMENT COLUMN IF EXISTS result_hash 'The same of the result without its _meta; empty when there was none.';
ALTER TABLE calls
    COMMENT COLUMN IF EXISTS prompt_hash 'Keyed hash of the last genuine user text.',
    COMMENT COLUMN IF EXISTS thread_prompt_hash 'Keyed hash of the first genuine user text: for a subagent, what its parent asked.',
    COMMENT COLUMN IF EXISTS opening_hash 'Keyed hash of the first text in the user''s name, whoever wrote it.',
    COMMENT COLUMN IF EXISTS answer_hash 'Keyed hash of the answer''s text without case, digits and space.',
    COMMENT COLUMN IF EXISTS answer_text_hash 'Keyed hash of the answer''s text without space.';
