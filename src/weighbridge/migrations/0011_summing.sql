-- Who writes many entries at once adds them up first, and says so here for the length of the transaction: an entry's own
-- trigger, which has to touch the sums once for each, leaves them to it. No row of this is ever committed.
CREATE TABLE summing (by_writer INTEGER NOT NULL) STRICT;
DROP TRIGGER entry_is_summed;
CREATE TRIGGER entry_is_summed AFTER INSERT ON entry
WHEN NEW.corrects IS NULL AND NOT EXISTS (SELECT 1 FROM summing) BEGIN
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
