-- The twin of ../0008_rollups.sql. Its triggers run once for each group of entries, and each connection has a part of its
-- own: two that write at once never wait for each other's row. No entry can be there before this step.
CREATE TABLE rollup (
    hour BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    part BIGINT NOT NULL DEFAULT 0,
    requests BIGINT NOT NULL DEFAULT 0, adjustments BIGINT NOT NULL DEFAULT 0, unpriced BIGINT NOT NULL DEFAULT 0,
    prompt_tokens BIGINT NOT NULL DEFAULT 0, completion_tokens BIGINT NOT NULL DEFAULT 0, cached_tokens BIGINT NOT
    NULL DEFAULT 0, written_tokens BIGINT NOT NULL DEFAULT 0, reasoning_tokens BIGINT NOT NULL DEFAULT 0, cost_high
    BIGINT NOT NULL DEFAULT 0, cost_low BIGINT NOT NULL DEFAULT 0,
    saved_high BIGINT NOT NULL DEFAULT 0, saved_low BIGINT NOT NULL DEFAULT 0, saved_unknown BIGINT NOT NULL DEFAULT 0,
    first_bytes BIGINT NOT NULL DEFAULT 0, first_byte BIGINT NOT NULL DEFAULT 0, duration BIGINT NOT NULL DEFAULT 0,
    first_0 BIGINT NOT NULL DEFAULT 0, first_1 BIGINT NOT NULL DEFAULT 0, first_2 BIGINT NOT NULL DEFAULT 0, first_3
    BIGINT NOT NULL DEFAULT 0, first_4 BIGINT NOT NULL DEFAULT 0, first_5 BIGINT NOT NULL DEFAULT 0, first_6 BIGINT
    NOT NULL DEFAULT 0, first_7 BIGINT NOT NULL DEFAULT 0, first_8 BIGINT NOT NULL DEFAULT 0, first_9 BIGINT NOT NULL
    DEFAULT 0, first_10 BIGINT NOT NULL DEFAULT 0, first_11 BIGINT NOT NULL DEFAULT 0, first_12 BIGINT NOT NULL
    DEFAULT 0, first_13 BIGINT NOT NULL DEFAULT 0,
    took_0 BIGINT NOT NULL DEFAULT 0, took_1 BIGINT NOT NULL DEFAULT 0, took_2 BIGINT NOT NULL DEFAULT 0, took_3
    BIGINT NOT NULL DEFAULT 0, took_4 BIGINT NOT NULL DEFAULT 0, took_5 BIGINT NOT NULL DEFAULT 0, took_6 BIGINT NOT
    NULL DEFAULT 0, took_7 BIGINT NOT NULL DEFAULT 0, took_8 BIGINT NOT NULL DEFAULT 0, took_9 BIGINT NOT NULL DEFAULT
    0, took_10 BIGINT NOT NULL DEFAULT 0, took_11 BIGINT NOT NULL DEFAULT 0, took_12 BIGINT NOT NULL DEFAULT 0,
    took_13 BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (hour, kind, part)
) WITH (fillfactor = 50);
CREATE FUNCTION entries_are_summed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO rollup (
        hour, kind, part,
        requests, adjustments, unpriced, prompt_tokens, completion_tokens, cached_tokens, written_tokens,
        reasoning_tokens, cost_high, cost_low, first_bytes, first_byte, duration, first_0, first_1, first_2, first_3,
        first_4, first_5, first_6, first_7, first_8, first_9, first_10, first_11, first_12, first_13, took_0, took_1,
        took_2, took_3, took_4, took_5, took_6, took_7, took_8, took_9, took_10, took_11, took_12, took_13
    ) SELECT
        at / 3600000000, kind, pg_backend_pid(),
        count(*) FILTER (WHERE corrects IS NULL),
        count(*) FILTER (WHERE corrects IS NOT NULL),
        count(*) FILTER (WHERE corrects IS NULL AND prompt_tokens IS NOT NULL AND cost IS NULL),
        coalesce(sum(prompt_tokens), 0),
        coalesce(sum(completion_tokens), 0),
        coalesce(sum(cached_tokens), 0),
        coalesce(sum(written_tokens), 0),
        coalesce(sum(reasoning_tokens), 0),
        coalesce(sum(cost / 1000000), 0),
        coalesce(sum(cost % 1000000), 0),
        count(first_byte) FILTER (WHERE corrects IS NULL),
        coalesce(sum(first_byte) FILTER (WHERE corrects IS NULL), 0),
        coalesce(sum(duration) FILTER (WHERE corrects IS NULL), 0),
        count(*) FILTER (WHERE corrects IS NULL AND first_byte >= 0 AND first_byte < 16000),
        count(*) FILTER (WHERE corrects IS NULL AND first_byte >= 16000 AND first_byte < 32000),
        count(*) FILTER (WHERE corrects IS NULL AND first_byte >= 32000 AND first_byte < 64000),
        count(*) FILTER (WHERE corrects IS NULL AND first_byte >= 64000 AND first_byte < 128000),
        count(*) FILTER (WHERE corrects IS NULL AND first_byte >= 128000 AND first_byte < 256000),
        count(*) FILTER (WHERE corrects IS NULL AND first_byte >= 256000 AND first_byte < 512000),
        count(*) FILTER (WHERE corrects IS NULL AND first_byte >= 512000 AND first_byte < 1024000),
        count(*) FILTER (WHERE corrects IS NULL AND first_byte >= 1024000 AND first_byte < 2048000),
        count(*) FILTER (WHERE corrects IS NULL AND first_byte >= 2048000 AND first_byte < 4096000),
        count(*) FILTER (WHERE corrects IS NULL AND first_byte >= 4096000 AND first_byte < 8192000),
        count(*) FILTER (WHERE corrects IS NULL AND first_byte >= 8192000 AND first_byte < 16384000),
        count(*) FILTER (WHERE corrects IS NULL AND first_byte >= 16384000 AND first_byte < 32768000),
        count(*) FILTER (WHERE corrects IS NULL AND first_byte >= 32768000 AND first_byte < 65536000),
        count(*) FILTER (WHERE corrects IS NULL AND first_byte >= 65536000),
        count(*) FILTER (WHERE corrects IS NULL AND duration >= 0 AND duration < 16000),
        count(*) FILTER (WHERE corrects IS NULL AND duration >= 16000 AND duration < 32000),
        count(*) FILTER (WHERE corrects IS NULL AND duration >= 32000 AND duration < 64000),
        count(*) FILTER (WHERE corrects IS NULL AND duration >= 64000 AND duration < 128000),
        count(*) FILTER (WHERE corrects IS NULL AND duration >= 128000 AND duration < 256000),
        count(*) FILTER (WHERE corrects IS NULL AND duration >= 256000 AND duration < 512000),
        count(*) FILTER (WHERE corrects IS NULL AND duration >= 512000 AND duration < 1024000),
        count(*) FILTER (WHERE corrects IS NULL AND duration >= 1024000 AND duration < 2048000),
        count(*) FILTER (WHERE corrects IS NULL AND duration >= 2048000 AND duration < 4096000),
        count(*) FILTER (WHERE corrects IS NULL AND duration >= 4096000 AND duration < 8192000),
        count(*) FILTER (WHERE corrects IS NULL AND duration >= 8192000 AND duration < 16384000),
        count(*) FILTER (WHERE corrects IS NULL AND duration >= 16384000 AND duration < 32768000),
        count(*) FILTER (WHERE corrects IS NULL AND duration >= 32768000 AND duration < 65536000),
        count(*) FILTER (WHERE corrects IS NULL AND duration >= 65536000)
    FROM added GROUP BY 1, 2
    ON CONFLICT (hour, kind, part) DO UPDATE SET
        requests = rollup.requests + excluded.requests, adjustments = rollup.adjustments + excluded.adjustments,
        unpriced = rollup.unpriced + excluded.unpriced, prompt_tokens = rollup.prompt_tokens + excluded.prompt_tokens,
        completion_tokens = rollup.completion_tokens + excluded.completion_tokens, cached_tokens =
        rollup.cached_tokens + excluded.cached_tokens, written_tokens = rollup.written_tokens +
        excluded.written_tokens, reasoning_tokens = rollup.reasoning_tokens + excluded.reasoning_tokens, cost_high =
        rollup.cost_high + excluded.cost_high, cost_low = rollup.cost_low + excluded.cost_low, first_bytes =
        rollup.first_bytes + excluded.first_bytes, first_byte = rollup.first_byte + excluded.first_byte, duration =
        rollup.duration + excluded.duration, first_0 = rollup.first_0 + excluded.first_0, first_1 = rollup.first_1 +
        excluded.first_1, first_2 = rollup.first_2 + excluded.first_2, first_3 = rollup.first_3 + excluded.first_3,
        first_4 = rollup.first_4 + excluded.first_4, first_5 = rollup.first_5 + excluded.first_5, first_6 =
        rollup.first_6 + excluded.first_6, first_7 = rollup.first_7 + excluded.first_7, first_8 = rollup.first_8 +
        excluded.first_8, first_9 = rollup.first_9 + excluded.first_9, first_10 = rollup.first_10 + excluded.first_10,
        first_11 = rollup.first_11 + excluded.first_11, first_12 = rollup.first_12 + excluded.first_12, first_13 =
        rollup.first_13 + excluded.first_13, took_0 = rollup.took_0 + excluded.took_0, took_1 = rollup.took_1 +
        excluded.took_1, took_2 = rollup.took_2 + excluded.took_2, took_3 = rollup.took_3 + excluded.took_3, took_4 =
        rollup.took_4 + excluded.took_4, took_5 = rollup.took_5 + excluded.took_5, took_6 = rollup.took_6 +
        excluded.took_6, took_7 = rollup.took_7 + excluded.took_7, took_8 = rollup.took_8 + excluded.took_8, took_9 =
        rollup.took_9 + excluded.took_9, took_10 = rollup.took_10 + excluded.took_10, took_11 = rollup.took_11 +
        excluded.took_11, took_12 = rollup.took_12 + excluded.took_12, took_13 = rollup.took_13 + excluded.took_13;
    -- Of answers that were given again: what they cost the first time.
    INSERT INTO rollup (hour, kind, part, saved_high, saved_low, saved_unknown)
    SELECT added.at / 3600000000, added.kind, pg_backend_pid(), coalesce(sum(paid.cost / 1000000), 0),
           coalesce(sum(paid.cost % 1000000), 0), count(*) - count(paid.cost)
    FROM added JOIN kind ON kind.id = added.kind LEFT JOIN entry AS paid ON paid.id = added.upstream_request
    WHERE added.upstream_request >= 'wbr-' AND added.upstream_request < 'wbr.' AND added.corrects IS NULL
        AND kind.price_id = 'cache' AND kind.ending = 'complete'
    GROUP BY 1, 2
    ON CONFLICT (hour, kind, part) DO UPDATE SET saved_high = rollup.saved_high + excluded.saved_high,
        saved_low = rollup.saved_low + excluded.saved_low,
        saved_unknown = rollup.saved_unknown + excluded.saved_unknown;
    RETURN NULL;
END $$;
CREATE TRIGGER entries_are_summed AFTER INSERT ON entry REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION entries_are_summed();

CREATE TABLE archive (
    file TEXT COLLATE "C" PRIMARY KEY,
    sha256 TEXT COLLATE "C" NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    prompt_tokens BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    cost_high BIGINT NOT NULL,
    cost_low BIGINT NOT NULL,
    verified_at BIGINT NOT NULL,
    dropped_at BIGINT
);
CREATE TRIGGER archive_stays BEFORE DELETE ON archive FOR EACH ROW EXECUTE FUNCTION append_only('ledger');
CREATE TRIGGER archive_is_kept BEFORE TRUNCATE ON archive FOR EACH STATEMENT EXECUTE FUNCTION append_only('ledger');
CREATE TRIGGER archive_is_final BEFORE UPDATE ON archive FOR EACH ROW
    WHEN (
        OLD.dropped_at IS NOT NULL OR NEW.dropped_at IS NULL OR NEW.file <> OLD.file OR NEW.sha256 <> OLD.sha256
        OR NEW.since <> OLD.since OR NEW.until <> OLD.until OR NEW.entries <> OLD.entries
    ) EXECUTE FUNCTION append_only('ledger');
DROP TRIGGER entry_stays ON entry;
CREATE FUNCTION entry_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM archive WHERE dropped_at IS NULL AND since <= OLD.at AND OLD.at < until) THEN
        RAISE EXCEPTION 'the ledger is append-only';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER entry_stays BEFORE DELETE ON entry FOR EACH ROW EXECUTE FUNCTION entry_stays();
