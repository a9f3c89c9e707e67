-- What a key asks for where its requests say nothing: see accounts/defaults.py. NULL: nothing.
ALTER TABLE key ADD COLUMN defaults TEXT;   -- JSON object
