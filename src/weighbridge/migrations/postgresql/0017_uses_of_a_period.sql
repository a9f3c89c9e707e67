-- How a budget stands in one period: the most used of a million users without reading them all.
CREATE INDEX budget_use_of_period ON budget_use (budget, begins, used DESC, subject);
