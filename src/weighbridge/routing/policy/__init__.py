"""The law of a request: what a policy file says about licence, origin, jurisdiction and data. Values in, values out."""
