"""`python -m conformance` (and `make conformance`) is the whole scoreboard: see `conformance.run`."""

from conformance.run import main

main()
