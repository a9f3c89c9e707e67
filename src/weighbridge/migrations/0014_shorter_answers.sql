-- What becomes of a request whose answer may be longer than the budget covers.
ALTER TABLE budget ADD COLUMN shorten_to INTEGER;   -- a shorter one is asked for, of so many tokens at least; NULL: none is
