-- The window asks every other second, while somebody looks, how far replays have come.
CREATE INDEX switch_replay_by_time ON switch_replay (at);
