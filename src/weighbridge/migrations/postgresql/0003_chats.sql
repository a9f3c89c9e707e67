-- The twin of ../0003_chats.sql.
CREATE TABLE chat (
    id TEXT COLLATE "C" PRIMARY KEY,
    key TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    asked_model TEXT NOT NULL,
    model TEXT,
    messages BYTEA NOT NULL,
    metadata TEXT NOT NULL,
    document BYTEA NOT NULL
);
CREATE INDEX chat_by_age ON chat (created_at);
CREATE INDEX chat_of_key ON chat (key, created_at, id);
