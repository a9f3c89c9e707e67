"""`python -m bench` (and `make bench`) is the whole measurement: see `bench.speed`."""

from bench.speed import main

main()
