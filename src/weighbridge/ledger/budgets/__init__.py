"""Bounds to what may be used, held before it is used: by whom, of what, in which time."""
