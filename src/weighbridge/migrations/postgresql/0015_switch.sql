-- The twin of ../0015_switch.sql.
CREATE TABLE switch_plan (
    id TEXT COLLATE "C" PRIMARY KEY,
    at BIGINT NOT NULL,
    document TEXT NOT NULL
);
CREATE TABLE switch_replay (
    plan TEXT COLLATE "C" NOT NULL,
    case_id TEXT COLLATE "C" NOT NULL,
    arm TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (plan, case_id, arm)
);
CREATE TABLE switch_certificate (
    id TEXT COLLATE "C" PRIMARY KEY,
    plan TEXT COLLATE "C" NOT NULL,
    route TEXT COLLATE "C" NOT NULL,
    issued BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    document TEXT NOT NULL,
    predictor BYTEA NOT NULL
);
CREATE INDEX switch_certificate_by_plan ON switch_certificate (plan, route);
CREATE TABLE switch_rule (
    route TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    certificate TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    tau DOUBLE PRECISION NOT NULL,
    state TEXT NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (route, number)
);
CREATE TRIGGER switch_rule_is_final BEFORE UPDATE OR DELETE ON switch_rule
    FOR EACH ROW EXECUTE FUNCTION append_only('list of rules');
CREATE TABLE switch_shadow (
    certificate TEXT COLLATE "C" NOT NULL,
    receipt TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    shadow_receipt TEXT COLLATE "C",
    propensity DOUBLE PRECISION NOT NULL,
    tau DOUBLE PRECISION NOT NULL,
    arm TEXT COLLATE "C" NOT NULL,
    predicted DOUBLE PRECISION,
    loss DOUBLE PRECISION,
    harm BIGINT,
    PRIMARY KEY (certificate, receipt)
);
CREATE INDEX switch_shadow_by_time ON switch_shadow (certificate, at);
