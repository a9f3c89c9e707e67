-- The twin of ../0011_summing.sql. Here the trigger runs once for a group of entries anyway, and looks at nothing.
CREATE TABLE summing (by_writer BIGINT NOT NULL);
