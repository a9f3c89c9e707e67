-- Keys: what opens the gateway. Only a hash of each is here.
CREATE TABLE key (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,          -- SHA-256 of the whole key
    hint TEXT NOT NULL,                 -- its last four characters, to tell keys apart
    models TEXT,                        -- JSON list of allowed models; NULL: all
    created_at INTEGER NOT NULL,        -- microseconds since 1970, UTC (all times here)
    expires_at INTEGER,
    disabled_at INTEGER
) STRICT;

-- Goes up with every change of a key, so that a worker can tell cheaply whether to read them again.
CREATE TABLE key_version (version INTEGER NOT NULL) STRICT;
INSERT INTO key_version VALUES (0);
CREATE TRIGGER key_added AFTER INSERT ON key BEGIN UPDATE key_version SET version = version + 1; END;
CREATE TRIGGER key_changed AFTER UPDATE ON key BEGIN UPDATE key_version SET version = version + 1; END;
CREATE TRIGGER key_gone AFTER DELETE ON key BEGIN UPDATE key_version SET version = version + 1; END;

-- The ledger: append-only, one row for each request and its ending. Ids sort by time.
-- What many entries have in common is written once, as their kind; the view `receipt` puts both together.
CREATE TABLE kind (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,          -- JSON list of all that follows: NULLs are alike here, as UNIQUE has them not
    key TEXT NOT NULL,
    asked_model TEXT,
    model TEXT,
    provider TEXT,
    upstream_model TEXT,
    ending TEXT NOT NULL,
    status INTEGER NOT NULL,
    error TEXT,
    streamed INTEGER NOT NULL,
    counted_by TEXT,                    -- NULL: no endpoint began to work on it
    price_id TEXT,
    price_source TEXT,
    price_since TEXT
) STRICT;
CREATE TABLE entry (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    upstream_request TEXT,
    prompt_tokens INTEGER,              -- NULL: no endpoint began to work on it
    completion_tokens INTEGER,
    cached_tokens INTEGER,
    written_tokens INTEGER,
    reasoning_tokens INTEGER,
    cost INTEGER,                       -- in 1e-12 US dollars; NULL: price unknown
    first_byte INTEGER,                 -- microseconds
    duration INTEGER NOT NULL,          -- microseconds
    answered INTEGER,                   -- microseconds the one endpoint tried took to begin its answer
    attempts TEXT                       -- where it was not so simple: JSON list of [provider, model, error, microseconds]
) STRICT, WITHOUT ROWID;
CREATE VIEW receipt AS
    SELECT entry.id, at, key, asked_model, model, provider, upstream_model, upstream_request, ending, status, error,
           streamed, prompt_tokens, completion_tokens, cached_tokens, written_tokens, reasoning_tokens, counted_by,
           cost, price_id, price_source, price_since, first_byte, duration, answered, attempts
    FROM entry JOIN kind ON kind.id = entry.kind;
CREATE TRIGGER entry_is_final BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER entry_stays BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER kind_is_final BEFORE UPDATE ON kind BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER kind_stays BEFORE DELETE ON kind BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
