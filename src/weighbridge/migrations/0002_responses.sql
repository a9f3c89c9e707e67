-- Responses that clients may continue (POST /v1/responses with `store`): prompts and answers, in JSON.
-- Kept only for keys that allow it, until they are deleted or too old.
CREATE TABLE response (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL,                  -- who made it, and alone may read it
    previous TEXT,                      -- the response it continues
    created_at INTEGER NOT NULL,
    input BLOB NOT NULL,                -- JSON list of the items that went in, without those of the responses before
    document BLOB NOT NULL              -- the response as its client saw it
) STRICT;
CREATE INDEX response_by_age ON response (created_at);
ALTER TABLE key ADD COLUMN store INTEGER NOT NULL DEFAULT 0;
