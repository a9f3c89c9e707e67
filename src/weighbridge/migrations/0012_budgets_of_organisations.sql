-- A budget of a project is that of one organisation's project, as the models that a project may use are. Until here it went
-- by the project's name alone: it becomes the budget of whatever organisation the keys of such a project belong to. Where
-- they belong to several, each has the whole amount for its project, and begins with what all of them have used together;
-- where no key names such a project, it stays that of the project without an organisation.
ALTER TABLE budget ADD COLUMN organisation TEXT;   -- of a project: whose; NULL: nobody's, or for each (`*`): in any
DROP INDEX budget_once;
CREATE UNIQUE INDEX budget_once ON budget (scope, coalesce(organisation, ''), name, unit, period)
    WHERE removed_at IS NULL;
CREATE VIEW project_place AS
    SELECT DISTINCT project, organisation FROM key WHERE project IS NOT NULL;

UPDATE budget SET organisation = (SELECT min(organisation) FROM project_place WHERE project = name)
WHERE scope = 'project' AND name <> '*' AND removed_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM project_place WHERE project = name AND project_place.organisation IS NULL);
INSERT INTO budget (id, scope, name, unit, period, amount, soft, hard, created_at, organisation)
    SELECT id || '-' || row_number() OVER (PARTITION BY id ORDER BY project_place.organisation), scope, name, unit,
           period, amount, soft, hard, created_at, project_place.organisation
    FROM budget JOIN project_place ON project = name
    WHERE scope = 'project' AND name <> '*' AND removed_at IS NULL AND project_place.organisation IS NOT NULL
        AND project_place.organisation IS DISTINCT FROM budget.organisation;
INSERT INTO budget_use (budget, subject, begins, used)
    SELECT budget.id, subject, begins, sum(counted.used)
    FROM (SELECT budget, subject, begins, used FROM budget_use UNION ALL
          SELECT budget, subject, begins, used FROM lease) AS counted
    JOIN budget ON budget.id LIKE counted.budget || '-%' AND budget.scope = 'project'
    GROUP BY 1, 2, 3;

-- For each project by itself: whose use it is says organisation/project from here on, with a stroke or a percent sign in a
-- name written as in an address.
CREATE VIEW project_subject AS
    SELECT project, organisation,
           CASE WHEN organisation IS NULL THEN ''
                ELSE replace(replace(organisation, '%', '%25'), '/', '%2F') || '/' END
           || replace(replace(project, '%', '%25'), '/', '%2F') AS subject
    FROM project_place;
INSERT INTO budget_use (budget, subject, begins, used)
    SELECT budget, project_subject.subject, begins, used
    FROM budget_use JOIN budget ON budget.id = budget_use.budget AND scope = 'project' AND name = '*'
    JOIN project_subject ON project = budget_use.subject AND project_subject.subject <> budget_use.subject
    WHERE true ON CONFLICT (budget, subject, begins) DO UPDATE SET used = budget_use.used + excluded.used;
DELETE FROM budget_use WHERE budget IN (SELECT id FROM budget WHERE scope = 'project' AND name = '*')
    AND subject IN (SELECT project FROM project_subject)
    AND subject NOT IN (SELECT subject FROM project_subject);
INSERT INTO lease (worker, budget, subject, begins, granted, used)
    SELECT worker, budget, project_subject.subject, begins, granted, used
    FROM lease JOIN budget ON budget.id = lease.budget AND scope = 'project' AND name = '*'
    JOIN project_subject ON project = lease.subject AND project_subject.subject <> lease.subject
    WHERE true ON CONFLICT (worker, budget, subject, begins)
    DO UPDATE SET granted = lease.granted + excluded.granted, used = lease.used + excluded.used;
DELETE FROM lease WHERE budget IN (SELECT id FROM budget WHERE scope = 'project' AND name = '*')
    AND subject IN (SELECT project FROM project_subject)
    AND subject NOT IN (SELECT subject FROM project_subject);
DROP VIEW project_subject;
DROP VIEW project_place;

-- What a worker had in advance that was given up as lost with its machine, and counted as used. Should its journal come
-- back, this is taken off again, and what it truly used is counted instead.
CREATE TABLE written_off (
    worker TEXT NOT NULL,
    budget TEXT NOT NULL,
    subject TEXT NOT NULL,
    begins INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (worker, budget, subject, begins)
) STRICT, WITHOUT ROWID;
