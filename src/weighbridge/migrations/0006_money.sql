-- Who is behind a request, what was put right, and what did not pass through us.
ALTER TABLE key RENAME COLUMN team TO project;
ALTER TABLE kind RENAME COLUMN team TO project;
ALTER TABLE kind ADD COLUMN imported TEXT;    -- where the usage was taken over from; NULL: it is of our own requests
ALTER TABLE entry ADD COLUMN end_user TEXT;   -- whom the client named as its own user
ALTER TABLE entry ADD COLUMN corrects TEXT;   -- the entry that this one puts right: its figures are to be added to that one's

DROP VIEW receipt;
CREATE VIEW receipt AS
    SELECT entry.id, at, key, asked_model, model, provider, upstream_model, upstream_request, ending, status, error,
           streamed, prompt_tokens, completion_tokens, cached_tokens, written_tokens, reasoning_tokens, counted_by,
           cost, price_id, price_source, price_since, first_byte, duration, answered, attempts,
           organisation, project, tags, key_tags, policy, rule, facts.text AS facts, end_user, corrects, imported
    FROM entry JOIN kind ON kind.id = entry.kind LEFT JOIN facts ON facts.id = kind.facts;
