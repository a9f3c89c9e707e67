-- What a question of usage reads: sums over the entries of an hour and a kind, kept by a trigger in the transaction
-- that writes the entries, so that whoever writes an entry, by whatever way, writes its sums as well. They outlive
-- entries that were archived.
CREATE TABLE rollup (
    hour INTEGER NOT NULL,                      -- since 1970: at / 3,600,000,000
    kind INTEGER NOT NULL,
    part INTEGER NOT NULL DEFAULT 0,            -- where several write at once each has its own; a sum is over all parts
    requests INTEGER NOT NULL DEFAULT 0,        -- an entry that puts another right is none
    adjustments INTEGER NOT NULL DEFAULT 0,     -- and is counted here
    unpriced INTEGER NOT NULL DEFAULT 0,        -- requests that something was used for, at a price that is not known
    prompt_tokens INTEGER NOT NULL DEFAULT 0,
    completion_tokens INTEGER NOT NULL DEFAULT 0,
    cached_tokens INTEGER NOT NULL DEFAULT 0,
    written_tokens INTEGER NOT NULL DEFAULT 0,
    reasoning_tokens INTEGER NOT NULL DEFAULT 0,
    cost_high INTEGER NOT NULL DEFAULT 0,       -- cost / 1,000,000 of each entry, as a sum of costs may be too large
    cost_low INTEGER NOT NULL DEFAULT 0,        -- cost % 1,000,000
    saved_high INTEGER NOT NULL DEFAULT 0,      -- what answers that were given again had cost, in the same way
    saved_low INTEGER NOT NULL DEFAULT 0,
    saved_unknown INTEGER NOT NULL DEFAULT 0,   -- answers given again of which that is not known
    first_bytes INTEGER NOT NULL DEFAULT 0,     -- requests of which a byte was answered
    first_byte INTEGER NOT NULL DEFAULT 0,      -- microseconds until then, in sum
    duration INTEGER NOT NULL DEFAULT 0,        -- microseconds, in sum
    -- How many requests had their first byte, and took, less than 16 ms, 16 to 32 ms, and so on to 65.536 s or more.
    first_0 INTEGER NOT NULL DEFAULT 0, first_1 INTEGER NOT NULL DEFAULT 0, first_2 INTEGER NOT NULL DEFAULT 0,
    first_3 INTEGER NOT NULL DEFAULT 0, first_4 INTEGER NOT NULL DEFAULT 0, first_5 INTEGER NOT NULL DEFAULT 0,
    first_6 INTEGER NOT NULL DEFAULT 0, first_7 INTEGER NOT NULL DEFAULT 0, first_8 INTEGER NOT NULL DEFAULT 0,
    first_9 INTEGER NOT NULL DEFAULT 0, first_10 INTEGER NOT NULL DEFAULT 0, first_11 INTEGER NOT NULL DEFAULT 0,
    first_12 INTEGER NOT NULL DEFAULT 0, first_13 INTEGER NOT NULL DEFAULT 0,
    took_0 INTEGER NOT NULL DEFAULT 0, took_1 INTEGER NOT NULL DEFAULT 0, took_2 INTEGER NOT NULL DEFAULT 0,
    took_3 INTEGER NOT NULL DEFAULT 0, took_4 INTEGER NOT NULL DEFAULT 0, took_5 INTEGER NOT NULL DEFAULT 0,
    took_6 INTEGER NOT NULL DEFAULT 0, took_7 INTEGER NOT NULL DEFAULT 0, took_8 INTEGER NOT NULL DEFAULT 0,
    took_9 INTEGER NOT NULL DEFAULT 0, took_10 INTEGER NOT NULL DEFAULT 0, took_11 INTEGER NOT NULL DEFAULT 0,
    took_12 INTEGER NOT NULL DEFAULT 0, took_13 INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (hour, kind, part)
) STRICT, WITHOUT ROWID;

INSERT INTO rollup (
    hour, kind, requests, unpriced, prompt_tokens, completion_tokens, cached_tokens, written_tokens, reasoning_tokens,
    cost_high, cost_low, first_bytes, first_byte, duration, first_0, first_1, first_2, first_3, first_4, first_5,
    first_6, first_7, first_8, first_9, first_10, first_11, first_12, first_13, took_0, took_1, took_2, took_3,
    took_4, took_5, took_6, took_7, took_8, took_9, took_10, took_11, took_12, took_13
) SELECT
    at / 3600000000, kind,
    count(*),
    sum(prompt_tokens IS NOT NULL AND cost IS NULL),
    sum(coalesce(prompt_tokens, 0)),
    sum(coalesce(completion_tokens, 0)),
    sum(coalesce(cached_tokens, 0)),
    sum(coalesce(written_tokens, 0)),
    sum(coalesce(reasoning_tokens, 0)),
    sum(coalesce(cost / 1000000, 0)),
    sum(coalesce(cost % 1000000, 0)),
    sum(first_byte IS NOT NULL),
    sum(coalesce(first_byte, 0)),
    sum(duration),
    sum(coalesce(first_byte BETWEEN 0 AND 15999, 0)),
    sum(coalesce(first_byte BETWEEN 16000 AND 31999, 0)),
    sum(coalesce(first_byte BETWEEN 32000 AND 63999, 0)),
    sum(coalesce(first_byte BETWEEN 64000 AND 127999, 0)),
    sum(coalesce(first_byte BETWEEN 128000 AND 255999, 0)),
    sum(coalesce(first_byte BETWEEN 256000 AND 511999, 0)),
    sum(coalesce(first_byte BETWEEN 512000 AND 1023999, 0)),
    sum(coalesce(first_byte BETWEEN 1024000 AND 2047999, 0)),
    sum(coalesce(first_byte BETWEEN 2048000 AND 4095999, 0)),
    sum(coalesce(first_byte BETWEEN 4096000 AND 8191999, 0)),
    sum(coalesce(first_byte BETWEEN 8192000 AND 16383999, 0)),
    sum(coalesce(first_byte BETWEEN 16384000 AND 32767999, 0)),
    sum(coalesce(first_byte BETWEEN 32768000 AND 65535999, 0)),
    sum(coalesce(first_byte >= 65536000, 0)),
    sum(duration BETWEEN 0 AND 15999),
    sum(duration BETWEEN 16000 AND 31999),
    sum(duration BETWEEN 32000 AND 63999),
    sum(duration BETWEEN 64000 AND 127999),
    sum(duration BETWEEN 128000 AND 255999),
    sum(duration BETWEEN 256000 AND 511999),
    sum(duration BETWEEN 512000 AND 1023999),
    sum(duration BETWEEN 1024000 AND 2047999),
    sum(duration BETWEEN 2048000 AND 4095999),
    sum(duration BETWEEN 4096000 AND 8191999),
    sum(duration BETWEEN 8192000 AND 16383999),
    sum(duration BETWEEN 16384000 AND 32767999),
    sum(duration BETWEEN 32768000 AND 65535999),
    sum(duration >= 65536000)
FROM entry WHERE corrects IS NULL GROUP BY 1, 2;
INSERT INTO rollup (
    hour, kind, adjustments, prompt_tokens, completion_tokens, cached_tokens, written_tokens, reasoning_tokens,
    cost_high, cost_low
) SELECT
    at / 3600000000, kind,
    count(*),
    sum(coalesce(prompt_tokens, 0)),
    sum(coalesce(completion_tokens, 0)),
    sum(coalesce(cached_tokens, 0)),
    sum(coalesce(written_tokens, 0)),
    sum(coalesce(reasoning_tokens, 0)),
    sum(coalesce(cost / 1000000, 0)),
    sum(coalesce(cost % 1000000, 0))
FROM entry WHERE corrects IS NOT NULL GROUP BY 1, 2
ON CONFLICT (hour, kind, part) DO UPDATE SET
    adjustments = rollup.adjustments + excluded.adjustments, prompt_tokens = rollup.prompt_tokens +
    excluded.prompt_tokens, completion_tokens = rollup.completion_tokens + excluded.completion_tokens, cached_tokens =
    rollup.cached_tokens + excluded.cached_tokens, written_tokens = rollup.written_tokens + excluded.written_tokens,
    reasoning_tokens = rollup.reasoning_tokens + excluded.reasoning_tokens, cost_high = rollup.cost_high +
    excluded.cost_high, cost_low = rollup.cost_low + excluded.cost_low;
UPDATE rollup SET (saved_high, saved_low, saved_unknown) = (
    SELECT coalesce(sum(paid.cost / 1000000), 0), coalesce(sum(paid.cost % 1000000), 0), count(*) - count(paid.cost)
    FROM entry LEFT JOIN entry AS paid ON paid.id = entry.upstream_request
    WHERE entry.kind = rollup.kind AND entry.at / 3600000000 = rollup.hour
) WHERE kind IN (SELECT id FROM kind WHERE price_id = 'cache' AND ending = 'complete');

CREATE TRIGGER entry_is_summed AFTER INSERT ON entry WHEN NEW.corrects IS NULL BEGIN
    INSERT INTO rollup (
        hour, kind, requests, unpriced, prompt_tokens, completion_tokens, cached_tokens, written_tokens,
        reasoning_tokens, cost_high, cost_low, first_bytes, first_byte, duration, first_0, first_1, first_2, first_3,
        first_4, first_5, first_6, first_7, first_8, first_9, first_10, first_11, first_12, first_13, took_0, took_1,
        took_2, took_3, took_4, took_5, took_6, took_7, took_8, took_9, took_10, took_11, took_12, took_13
    ) VALUES (
        NEW.at / 3600000000, NEW.kind,
        1,
        NEW.prompt_tokens IS NOT NULL AND NEW.cost IS NULL,
        coalesce(NEW.prompt_tokens, 0),
        coalesce(NEW.completion_tokens, 0),
        coalesce(NEW.cached_tokens, 0),
        coalesce(NEW.written_tokens, 0),
        coalesce(NEW.reasoning_tokens, 0),
        coalesce(NEW.cost / 1000000, 0),
        coalesce(NEW.cost % 1000000, 0),
        NEW.first_byte IS NOT NULL,
        coalesce(NEW.first_byte, 0),
        NEW.duration,
        coalesce(NEW.first_byte BETWEEN 0 AND 15999, 0),
        coalesce(NEW.first_byte BETWEEN 16000 AND 31999, 0),
        coalesce(NEW.first_byte BETWEEN 32000 AND 63999, 0),
        coalesce(NEW.first_byte BETWEEN 64000 AND 127999, 0),
        coalesce(NEW.first_byte BETWEEN 128000 AND 255999, 0),
        coalesce(NEW.first_byte BETWEEN 256000 AND 511999, 0),
        coalesce(NEW.first_byte BETWEEN 512000 AND 1023999, 0),
        coalesce(NEW.first_byte BETWEEN 1024000 AND 2047999, 0),
        coalesce(NEW.first_byte BETWEEN 2048000 AND 4095999, 0),
        coalesce(NEW.first_byte BETWEEN 4096000 AND 8191999, 0),
        coalesce(NEW.first_byte BETWEEN 8192000 AND 16383999, 0),
        coalesce(NEW.first_byte BETWEEN 16384000 AND 32767999, 0),
        coalesce(NEW.first_byte BETWEEN 32768000 AND 65535999, 0),
        coalesce(NEW.first_byte >= 65536000, 0),
        NEW.duration BETWEEN 0 AND 15999,
        NEW.duration BETWEEN 16000 AND 31999,
        NEW.duration BETWEEN 32000 AND 63999,
        NEW.duration BETWEEN 64000 AND 127999,
        NEW.duration BETWEEN 128000 AND 255999,
        NEW.duration BETWEEN 256000 AND 511999,
        NEW.duration BETWEEN 512000 AND 1023999,
        NEW.duration BETWEEN 1024000 AND 2047999,
        NEW.duration BETWEEN 2048000 AND 4095999,
        NEW.duration BETWEEN 4096000 AND 8191999,
        NEW.duration BETWEEN 8192000 AND 16383999,
        NEW.duration BETWEEN 16384000 AND 32767999,
        NEW.duration BETWEEN 32768000 AND 65535999,
        NEW.duration >= 65536000
    ) ON CONFLICT (hour, kind, part) DO UPDATE SET
        requests = rollup.requests + excluded.requests, unpriced = rollup.unpriced + excluded.unpriced, prompt_tokens
        = rollup.prompt_tokens + excluded.prompt_tokens, completion_tokens = rollup.completion_tokens +
        excluded.completion_tokens, cached_tokens = rollup.cached_tokens + excluded.cached_tokens, written_tokens =
        rollup.written_tokens + excluded.written_tokens, reasoning_tokens = rollup.reasoning_tokens +
        excluded.reasoning_tokens, cost_high = rollup.cost_high + excluded.cost_high, cost_low = rollup.cost_low +
        excluded.cost_low, first_bytes = rollup.first_bytes + excluded.first_bytes, first_byte = rollup.first_byte +
        excluded.first_byte, duration = rollup.duration + excluded.duration, first_0 = rollup.first_0 +
        excluded.first_0, first_1 = rollup.first_1 + excluded.first_1, first_2 = rollup.first_2 + excluded.first_2,
        first_3 = rollup.first_3 + excluded.first_3, first_4 = rollup.first_4 + excluded.first_4, first_5 =
        rollup.first_5 + excluded.first_5, first_6 = rollup.first_6 + excluded.first_6, first_7 = rollup.first_7 +
        excluded.first_7, first_8 = rollup.first_8 + excluded.first_8, first_9 = rollup.first_9 + excluded.first_9,
        first_10 = rollup.first_10 + excluded.first_10, first_11 = rollup.first_11 + excluded.first_11, first_12 =
        rollup.first_12 + excluded.first_12, first_13 = rollup.first_13 + excluded.first_13, took_0 = rollup.took_0 +
        excluded.took_0, took_1 = rollup.took_1 + excluded.took_1, took_2 = rollup.took_2 + excluded.took_2, took_3 =
        rollup.took_3 + excluded.took_3, took_4 = rollup.took_4 + excluded.took_4, took_5 = rollup.took_5 +
        excluded.took_5, took_6 = rollup.took_6 + excluded.took_6, took_7 = rollup.took_7 + excluded.took_7, took_8 =
        rollup.took_8 + excluded.took_8, took_9 = rollup.took_9 + excluded.took_9, took_10 = rollup.took_10 +
        excluded.took_10, took_11 = rollup.took_11 + excluded.took_11, took_12 = rollup.took_12 + excluded.took_12,
        took_13 = rollup.took_13 + excluded.took_13;
END;
CREATE TRIGGER adjustment_is_summed AFTER INSERT ON entry WHEN NEW.corrects IS NOT NULL BEGIN
    INSERT INTO rollup (
        hour, kind, adjustments, prompt_tokens, completion_tokens, cached_tokens, written_tokens, reasoning_tokens,
        cost_high, cost_low
    ) VALUES (
        NEW.at / 3600000000, NEW.kind,
        1,
        coalesce(NEW.prompt_tokens, 0),
        coalesce(NEW.completion_tokens, 0),
        coalesce(NEW.cached_tokens, 0),
        coalesce(NEW.written_tokens, 0),
        coalesce(NEW.reasoning_tokens, 0),
        coalesce(NEW.cost / 1000000, 0),
        coalesce(NEW.cost % 1000000, 0)
    ) ON CONFLICT (hour, kind, part) DO UPDATE SET
        adjustments = rollup.adjustments + excluded.adjustments, prompt_tokens = rollup.prompt_tokens +
        excluded.prompt_tokens, completion_tokens = rollup.completion_tokens + excluded.completion_tokens,
        cached_tokens = rollup.cached_tokens + excluded.cached_tokens, written_tokens = rollup.written_tokens +
        excluded.written_tokens, reasoning_tokens = rollup.reasoning_tokens + excluded.reasoning_tokens, cost_high =
        rollup.cost_high + excluded.cost_high, cost_low = rollup.cost_low + excluded.cost_low;
END;
-- Of an answer that was given again: what it cost the first time.
CREATE TRIGGER entry_given_again AFTER INSERT ON entry
WHEN NEW.upstream_request >= 'wbr-' AND NEW.upstream_request < 'wbr.'
    AND (SELECT price_id = 'cache' AND ending = 'complete' FROM kind WHERE id = NEW.kind)
BEGIN
    INSERT INTO rollup (hour, kind, saved_high, saved_low, saved_unknown)
    SELECT NEW.at / 3600000000, NEW.kind, coalesce(sum(cost / 1000000), 0), coalesce(sum(cost % 1000000), 0),
           1 - count(cost)
    FROM entry WHERE id = NEW.upstream_request
    ON CONFLICT (hour, kind, part) DO UPDATE SET saved_high = rollup.saved_high + excluded.saved_high,
        saved_low = rollup.saved_low + excluded.saved_low,
        saved_unknown = rollup.saved_unknown + excluded.saved_unknown;
END;

-- What was written to a Parquet file, read back and found the same, before it was dropped here.
CREATE TABLE archive (
    file TEXT PRIMARY KEY,                      -- its name
    sha256 TEXT NOT NULL,
    since INTEGER NOT NULL,                     -- of entries from this time, a full hour
    until INTEGER NOT NULL,                     -- to before this one
    entries INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cost_high INTEGER NOT NULL,                 -- as in rollup
    cost_low INTEGER NOT NULL,
    verified_at INTEGER NOT NULL,
    dropped_at INTEGER                          -- NULL: its entries may be dropped; no others may, ever
) STRICT, WITHOUT ROWID;
CREATE TRIGGER archive_stays BEFORE DELETE ON archive BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER archive_is_final BEFORE UPDATE ON archive
WHEN OLD.dropped_at IS NOT NULL OR NEW.dropped_at IS NULL OR NEW.file <> OLD.file OR NEW.sha256 <> OLD.sha256
    OR NEW.since <> OLD.since OR NEW.until <> OLD.until OR NEW.entries <> OLD.entries
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
DROP TRIGGER entry_stays;
CREATE TRIGGER entry_stays BEFORE DELETE ON entry
WHEN NOT EXISTS (
    SELECT 1 FROM archive WHERE dropped_at IS NULL AND since <= OLD.at AND OLD.at < until
)
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
