-- Bounds to what may be used: by whom, of what, in which time.
CREATE TABLE budget (
    id TEXT PRIMARY KEY,
    scope TEXT NOT NULL,                -- all, organisation, project, key, user, tag
    name TEXT NOT NULL,                 -- whose; '*': each has one of its own; '' for all
    unit TEXT NOT NULL,                 -- usd (1e-12 of them), tokens, requests
    period TEXT NOT NULL,               -- minute, day, week, month, total, at once
    amount INTEGER NOT NULL,
    soft INTEGER,                       -- the percentage at which it is told
    hard INTEGER NOT NULL,              -- 1: what it can't cover is refused
    created_at INTEGER NOT NULL,
    removed_at INTEGER
) STRICT;
CREATE UNIQUE INDEX budget_once ON budget (scope, name, unit, period) WHERE removed_at IS NULL;
-- Goes up with every change of a budget, as key_version does for keys.
CREATE TABLE budget_version (version INTEGER NOT NULL) STRICT;
INSERT INTO budget_version VALUES (0);
CREATE TRIGGER budget_added AFTER INSERT ON budget BEGIN UPDATE budget_version SET version = version + 1; END;
CREATE TRIGGER budget_changed AFTER UPDATE ON budget BEGIN UPDATE budget_version SET version = version + 1; END;

-- What is used of a budget in one of its periods, by all whose leases are closed.
CREATE TABLE budget_use (
    budget TEXT NOT NULL,
    subject TEXT NOT NULL,              -- of a budget for each: which of them
    begins INTEGER NOT NULL,            -- of the period, microseconds since 1970
    used INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (budget, subject, begins)
) STRICT, WITHOUT ROWID;
-- What a worker has of it in advance, so that it need not ask for each request. What is used of it is counted in the
-- transaction that writes the entries: the two can't differ.
CREATE TABLE lease (
    worker TEXT NOT NULL,               -- as in the ids of its entries, digits 13 to 22
    budget TEXT NOT NULL,
    subject TEXT NOT NULL,
    begins INTEGER NOT NULL,
    granted INTEGER NOT NULL DEFAULT 0,
    used INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (worker, budget, subject, begins)
) STRICT, WITHOUT ROWID;
CREATE INDEX lease_of_budget ON lease (budget, subject, begins);
-- Who is at work. A worker that died without a word is found by its journal, and its leases closed.
CREATE TABLE worker (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    journal TEXT NOT NULL,              -- the file in which it notes what is under way
    since INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT;
