-- Archived files whose entries are in the ledger again. What such a file has is archived under another name, if ever.
CREATE TABLE restored (
    file TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
