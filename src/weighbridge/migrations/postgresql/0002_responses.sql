-- The twin of ../0002_responses.sql.
CREATE TABLE response (
    id TEXT COLLATE "C" PRIMARY KEY,
    key TEXT COLLATE "C" NOT NULL,
    previous TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    input BYTEA NOT NULL,
    document BYTEA NOT NULL
);
CREATE INDEX response_by_age ON response (created_at);
ALTER TABLE key ADD COLUMN store BIGINT NOT NULL DEFAULT 0;
