-- The twin of ../0006_money.sql.
DROP VIEW receipt;
ALTER TABLE key RENAME COLUMN team TO project;
ALTER TABLE kind RENAME COLUMN team TO project;
ALTER TABLE kind ADD COLUMN imported TEXT COLLATE "C";
ALTER TABLE entry ADD COLUMN end_user TEXT COLLATE "C";
ALTER TABLE entry ADD COLUMN corrects TEXT COLLATE "C";

CREATE VIEW receipt AS
    SELECT entry.id, at, key, asked_model, model, provider, upstream_model, upstream_request, ending, status, error,
           streamed, prompt_tokens, completion_tokens, cached_tokens, written_tokens, reasoning_tokens, counted_by,
           cost, price_id, price_source, price_since, first_byte, duration, answered, attempts,
           organisation, project, tags, key_tags, policy, rule, facts.text AS facts, end_user, corrects, imported
    FROM entry JOIN kind ON kind.id = entry.kind LEFT JOIN facts ON facts.id = kind.facts;
