-- The twin of ../0005_defaults.sql.
ALTER TABLE key ADD COLUMN defaults TEXT;
