-- The twin of ../0009_administration.sql.
CREATE TABLE admin (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT NOT NULL,
    hash BYTEA NOT NULL UNIQUE,
    hint TEXT NOT NULL,
    role TEXT NOT NULL,
    organisation TEXT COLLATE "C",
    project TEXT COLLATE "C",
    makes_keys BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    disabled_at BIGINT
);

ALTER TABLE key ADD COLUMN member TEXT COLLATE "C";
ALTER TABLE key ADD COLUMN former_hash BYTEA;
ALTER TABLE key ADD COLUMN former_until BIGINT;
CREATE UNIQUE INDEX key_by_former_hash ON key (former_hash);
CREATE INDEX key_by_age ON key (created_at, id);

CREATE TABLE organisation (
    name TEXT COLLATE "C" PRIMARY KEY,
    models TEXT,
    created_at BIGINT NOT NULL
);
CREATE TABLE project (
    organisation TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    models TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (organisation, name)
);
CREATE TRIGGER organisation_changed AFTER INSERT OR UPDATE ON organisation
    FOR EACH STATEMENT EXECUTE FUNCTION key_changed();
CREATE TRIGGER project_changed AFTER INSERT OR UPDATE ON project
    FOR EACH STATEMENT EXECUTE FUNCTION key_changed();

CREATE TABLE idempotent (
    admin TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    request TEXT COLLATE "C" NOT NULL,
    made TEXT COLLATE "C" NOT NULL,
    salt BYTEA NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (admin, name)
);

CREATE TABLE audit_log (
    id BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    address TEXT COLLATE "C",
    action TEXT COLLATE "C" NOT NULL,
    target TEXT COLLATE "C" NOT NULL,
    organisation TEXT COLLATE "C",
    project TEXT COLLATE "C",
    before TEXT,
    after TEXT,
    hash TEXT COLLATE "C" NOT NULL
);
CREATE INDEX audit_log_by_target ON audit_log USING hash (target);
CREATE TABLE audit_log_head (
    length BIGINT NOT NULL,
    hash TEXT COLLATE "C" NOT NULL
);
INSERT INTO audit_log_head VALUES (0, '');
CREATE TRIGGER audit_log_is_final BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION append_only('audit log');
CREATE TRIGGER audit_log_is_kept BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION append_only('audit log');

CREATE TABLE alert (
    id TEXT COLLATE "C" PRIMARY KEY,
    mark TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    payload TEXT NOT NULL,
    tries BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    delivered_at BIGINT,
    given_up_at BIGINT,
    trouble TEXT,
    UNIQUE (mark)
);
CREATE INDEX alert_by_next ON alert (delivered_at, given_up_at, next_at);
CREATE TABLE left_alone (
    endpoint TEXT COLLATE "C" NOT NULL,
    worker TEXT COLLATE "C" NOT NULL,
    since BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (endpoint, worker)
);
INSERT INTO left_alone VALUES ('', '', 0, 0);
CREATE TABLE price_seen (
    endpoint TEXT COLLATE "C" PRIMARY KEY,
    price TEXT NOT NULL
);
