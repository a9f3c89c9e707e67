-- The twin of ../0010_texts.sql.
ALTER TABLE key ADD COLUMN keep_days BIGINT;
ALTER TABLE key ADD COLUMN keep_inputs BIGINT NOT NULL DEFAULT 0;
ALTER TABLE response ADD COLUMN end_user TEXT COLLATE "C";
ALTER TABLE chat ADD COLUMN end_user TEXT COLLATE "C";
CREATE INDEX response_of_user ON response (end_user) WHERE end_user IS NOT NULL;
CREATE INDEX chat_of_user ON chat (end_user) WHERE end_user IS NOT NULL;
