-- The twin of ../0014_shorter_answers.sql.
ALTER TABLE budget ADD COLUMN shorten_to BIGINT;
