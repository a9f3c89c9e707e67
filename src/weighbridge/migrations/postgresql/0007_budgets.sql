-- The twin of ../0007_budgets.sql.
CREATE TABLE budget (
    id TEXT COLLATE "C" PRIMARY KEY,
    scope TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    unit TEXT COLLATE "C" NOT NULL,
    period TEXT COLLATE "C" NOT NULL,
    amount BIGINT NOT NULL,
    soft BIGINT,
    hard BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    removed_at BIGINT
);
CREATE UNIQUE INDEX budget_once ON budget (scope, name, unit, period) WHERE removed_at IS NULL;
CREATE TABLE budget_version (version BIGINT NOT NULL);
INSERT INTO budget_version VALUES (0);
CREATE FUNCTION budget_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN UPDATE budget_version SET version = version + 1; RETURN NULL; END $$;
CREATE TRIGGER budget_changed AFTER INSERT OR UPDATE ON budget
    FOR EACH STATEMENT EXECUTE FUNCTION budget_changed();

-- Rows of these two change with each group of entries: room in their pages keeps that off the indexes.
CREATE TABLE budget_use (
    budget TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    begins BIGINT NOT NULL,
    used BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (budget, subject, begins)
) WITH (fillfactor = 50);
CREATE TABLE lease (
    worker TEXT COLLATE "C" NOT NULL,
    budget TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    begins BIGINT NOT NULL,
    granted BIGINT NOT NULL DEFAULT 0,
    used BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (worker, budget, subject, begins)
) WITH (fillfactor = 50);
CREATE INDEX lease_of_budget ON lease (budget, subject, begins);
CREATE TABLE worker (
    id TEXT COLLATE "C" PRIMARY KEY,
    host TEXT COLLATE "C" NOT NULL,
    journal TEXT NOT NULL,
    since BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
