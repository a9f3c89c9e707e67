"""How well the learned router does on public tables of outcomes: `python -m bench.router`."""
