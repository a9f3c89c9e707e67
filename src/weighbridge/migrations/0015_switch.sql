-- Proof before moving: plans of experiments, what came of each replay, what was proven, and what is routed by it. No prompt
-- and no answer is here.
CREATE TABLE switch_plan (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    document TEXT NOT NULL              -- JSON object: see switch/planned.py
) STRICT;
-- A row is written before a replay is sent, with the most that it may cost, and again when its answer is graded.
CREATE TABLE switch_replay (
    plan TEXT NOT NULL,
    case_id TEXT NOT NULL,              -- the receipt of a kept text, or the hash of a line
    arm TEXT NOT NULL,                  -- `reference`, or a candidate's
    at INTEGER NOT NULL,
    document TEXT NOT NULL,             -- JSON object: see switch/replayed.py
    PRIMARY KEY (plan, case_id, arm)
) STRICT, WITHOUT ROWID;
CREATE TABLE switch_certificate (
    id TEXT PRIMARY KEY,
    plan TEXT NOT NULL,
    route TEXT NOT NULL,
    issued INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    document TEXT NOT NULL,             -- JSON object: see switch/verdict.py
    predictor BLOB NOT NULL             -- what losses are predicted by; empty where nothing is
) STRICT;
CREATE INDEX switch_certificate_by_plan ON switch_certificate (plan, route);
-- Append-only: the last row of a route holds.
CREATE TABLE switch_rule (
    route TEXT NOT NULL,
    number INTEGER NOT NULL,            -- 1, 2, 3 of each route, so that of two who change it at once one is first
    certificate TEXT NOT NULL,
    at INTEGER NOT NULL,
    tau REAL NOT NULL,                  -- -Inf: always the reference
    state TEXT NOT NULL,                -- see routing/quality/rule.py
    why TEXT NOT NULL,
    PRIMARY KEY (route, number)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER switch_rule_is_final BEFORE UPDATE ON switch_rule
BEGIN SELECT RAISE(ABORT, 'the list of rules is append-only'); END;
CREATE TRIGGER switch_rule_stays BEFORE DELETE ON switch_rule
BEGIN SELECT RAISE(ABORT, 'the list of rules is append-only'); END;
-- Calls that were moved, and that the reference was asked as well.
CREATE TABLE switch_shadow (
    certificate TEXT NOT NULL,
    receipt TEXT NOT NULL,              -- of the client's answer
    at INTEGER NOT NULL,
    shadow_receipt TEXT,                -- of the reference's; NULL: it gave none
    propensity REAL NOT NULL,           -- how likely it was that this call would be watched
    tau REAL NOT NULL,
    arm TEXT NOT NULL,
    predicted REAL,
    loss REAL,                          -- NULL: not graded
    harm INTEGER,                       -- likewise
    PRIMARY KEY (certificate, receipt)
) STRICT, WITHOUT ROWID;
CREATE INDEX switch_shadow_by_time ON switch_shadow (certificate, at);
