-- The twin of ../0013_restored.sql.
CREATE TABLE restored (
    file TEXT COLLATE "C" PRIMARY KEY,
    at BIGINT NOT NULL
);
