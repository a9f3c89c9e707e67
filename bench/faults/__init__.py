"""Faults we must survive: a provider that makes them, a gateway in front of it, and what comes of it.

`python -m bench.faults` runs all of it and writes docs/faults.md; `tests/behaviour/test_faults_*.py` run the same
cases and hold the gateway to them.
"""
