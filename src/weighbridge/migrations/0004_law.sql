-- The law of a request: to whom a key belongs, what its requests are marked with, and which policy decided by which facts.
ALTER TABLE key ADD COLUMN organisation TEXT;
ALTER TABLE key ADD COLUMN team TEXT;
ALTER TABLE key ADD COLUMN tags TEXT;   -- JSON list: what every request of this key is marked with; NULL: nothing

-- Every policy that was ever in force here, as it was read, by the SHA-256 of its text.
CREATE TABLE policy (
    hash TEXT PRIMARY KEY,
    text TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- Since when a worker obeys which. A worker's name is in the ids of its entries, digits 13 to 22.
CREATE TABLE policy_in_force (
    worker TEXT NOT NULL,
    since INTEGER NOT NULL,
    policy TEXT REFERENCES policy (hash),   -- NULL: none
    PRIMARY KEY (worker, since)
) STRICT, WITHOUT ROWID;
-- What was known of the endpoints that a request was sent to, when it was: JSON list of objects.
CREATE TABLE facts (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
) STRICT;
ALTER TABLE kind ADD COLUMN organisation TEXT;
ALTER TABLE kind ADD COLUMN team TEXT;
ALTER TABLE kind ADD COLUMN tags TEXT;       -- JSON list, sorted; NULL: none
ALTER TABLE kind ADD COLUMN key_tags TEXT;   -- JSON list, sorted: those of them that the key put there; NULL: none
ALTER TABLE kind ADD COLUMN policy TEXT;     -- the hash of the one that decided; NULL: none was in force
ALTER TABLE kind ADD COLUMN rule TEXT;       -- the rule of it that let the request pass, or kept it out
ALTER TABLE kind ADD COLUMN facts INTEGER;   -- of the endpoints it was sent to; NULL: none, or no policy

DROP VIEW receipt;
CREATE VIEW receipt AS
    SELECT entry.id, at, key, asked_model, model, provider, upstream_model, upstream_request, ending, status, error,
           streamed, prompt_tokens, completion_tokens, cached_tokens, written_tokens, reasoning_tokens, counted_by,
           cost, price_id, price_source, price_since, first_byte, duration, answered, attempts,
           organisation, team, tags, key_tags, policy, rule, facts.text AS facts
    FROM entry JOIN kind ON kind.id = entry.kind LEFT JOIN facts ON facts.id = kind.facts;
CREATE TRIGGER policy_is_final BEFORE UPDATE ON policy BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER policy_stays BEFORE DELETE ON policy BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER force_is_final BEFORE UPDATE ON policy_in_force BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER force_stays BEFORE DELETE ON policy_in_force BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER facts_are_final BEFORE UPDATE ON facts BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER facts_stay BEFORE DELETE ON facts BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
