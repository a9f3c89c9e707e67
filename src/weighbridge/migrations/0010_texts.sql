-- Whose prompts and answers are kept, and by whom they can be found to be deleted. The texts are in a file of their own.
ALTER TABLE key ADD COLUMN keep_days INTEGER;      -- how long the texts of its requests are kept; NULL: they are not
ALTER TABLE key ADD COLUMN keep_inputs INTEGER NOT NULL DEFAULT 0;   -- whether those of embeddings and rerank are too
ALTER TABLE response ADD COLUMN end_user TEXT;     -- whom the client named as its own user
ALTER TABLE chat ADD COLUMN end_user TEXT;
CREATE INDEX response_of_user ON response (end_user) WHERE end_user IS NOT NULL;
CREATE INDEX chat_of_user ON chat (end_user) WHERE end_user IS NOT NULL;
