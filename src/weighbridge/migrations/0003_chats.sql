-- Chat completions that clients asked to be kept (POST /v1/chat/completions with `store`): prompts and answers, in JSON.
-- Kept only for keys that allow it, until they are deleted or too old.
CREATE TABLE chat (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL,                  -- who made it, and alone may read it
    created_at INTEGER NOT NULL,
    asked_model TEXT NOT NULL,          -- as its client named it
    model TEXT,                         -- as the answer names it
    messages BLOB NOT NULL,             -- JSON list of the messages that went in
    metadata TEXT NOT NULL,             -- JSON object of texts
    document BLOB NOT NULL              -- the answer as its client saw it, whole
) STRICT;
CREATE INDEX chat_by_age ON chat (created_at);
CREATE INDEX chat_of_key ON chat (key, created_at, id);
