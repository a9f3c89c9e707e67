-- Who may change what, what was changed, and whom we tell.

-- Admin keys: they open the admin API, and no model. Only a hash of each is here.
CREATE TABLE admin (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,          -- SHA-256 of the whole key
    hint TEXT NOT NULL,                 -- its last four characters
    role TEXT NOT NULL,                 -- owner, admin, auditor, member
    organisation TEXT,                  -- what it may see and change; NULL: every organisation
    project TEXT,                       -- likewise
    makes_keys INTEGER NOT NULL,        -- a member's: whether it may make keys for itself
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    disabled_at INTEGER
) STRICT;

ALTER TABLE key ADD COLUMN member TEXT;           -- the admin key of the member whose key it is; NULL: nobody's
ALTER TABLE key ADD COLUMN former_hash BLOB;      -- the key that a rotation has replaced
ALTER TABLE key ADD COLUMN former_until INTEGER;  -- until when that one opens as well
CREATE UNIQUE INDEX key_by_former_hash ON key (former_hash);
CREATE INDEX key_by_age ON key (created_at, id);

-- Organisations and projects that something is set for; to be named by a key they need not be here.
CREATE TABLE organisation (
    name TEXT PRIMARY KEY,
    models TEXT,                        -- JSON list of models that its keys may ask for; NULL: all
    created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE project (
    organisation TEXT NOT NULL,         -- '': of no organisation
    name TEXT NOT NULL,
    models TEXT,                        -- likewise
    created_at INTEGER NOT NULL,
    PRIMARY KEY (organisation, name)
) STRICT;
CREATE TRIGGER organisation_added AFTER INSERT ON organisation
BEGIN UPDATE key_version SET version = version + 1; END;
CREATE TRIGGER organisation_changed AFTER UPDATE ON organisation
BEGIN UPDATE key_version SET version = version + 1; END;
CREATE TRIGGER project_added AFTER INSERT ON project BEGIN UPDATE key_version SET version = version + 1; END;
CREATE TRIGGER project_changed AFTER UPDATE ON project BEGIN UPDATE key_version SET version = version + 1; END;

-- Creations that a client may ask for twice and get once. The secret that was given out is not here: it is derived anew
-- from the admin key that asks and the salt.
CREATE TABLE idempotent (
    admin TEXT NOT NULL,                -- whose
    name TEXT NOT NULL,                 -- the Idempotency-Key
    request TEXT NOT NULL,              -- SHA-256 of the path and body
    made TEXT NOT NULL,                 -- the id of what was made
    salt BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (admin, name)
) STRICT;

-- Every change that was made by somebody: see audit_log.py. Append-only, and chained by hashes.
CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY,             -- 1, 2, 3, without gaps
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,                -- an admin key's id, or cli:<user of the system>, or gateway
    address TEXT,                       -- from where, over HTTP
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    organisation TEXT,                  -- whose the target is
    project TEXT,
    before TEXT,                        -- JSON object; NULL: it was not there
    after TEXT,                         -- likewise
    hash TEXT NOT NULL                  -- SHA-256 of the hash before and all of this
) STRICT;
CREATE INDEX audit_log_by_target ON audit_log (target);
CREATE TABLE audit_log_head (
    length INTEGER NOT NULL,
    hash TEXT NOT NULL                  -- of the last row
) STRICT;
INSERT INTO audit_log_head VALUES (0, '');
CREATE TRIGGER audit_log_is_final BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_log_stays BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- Alerts, from when they are told until some time after they were delivered.
CREATE TABLE alert (
    id TEXT PRIMARY KEY,
    mark TEXT NOT NULL UNIQUE,          -- what makes it the event it is: each is told once
    type TEXT NOT NULL,
    at INTEGER NOT NULL,
    payload TEXT NOT NULL,              -- the body, as it is sent and signed
    tries INTEGER NOT NULL,
    next_at INTEGER NOT NULL,           -- when to try; while somebody tries, when another may
    delivered_at INTEGER,
    given_up_at INTEGER,
    trouble TEXT                        -- what the last try came to
) STRICT;
CREATE INDEX alert_by_next ON alert (delivered_at, given_up_at, next_at);
-- Which worker leaves which endpoint alone just now.
CREATE TABLE left_alone (
    endpoint TEXT NOT NULL,
    worker TEXT NOT NULL,
    since INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,           -- a worker that has not said so for long is gone
    PRIMARY KEY (endpoint, worker)
) STRICT;
INSERT INTO left_alone VALUES ('', '', 0, 0);  -- to be locked: workers take turns
-- The price of each endpoint as it was seen last, to tell when it changes.
CREATE TABLE price_seen (
    endpoint TEXT PRIMARY KEY,
    price TEXT NOT NULL                 -- JSON object
) STRICT;
