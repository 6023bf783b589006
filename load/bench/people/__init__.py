"""A hundred thousand connections by the manager that edges have, on a Redis of their own: `python -m
tavola.load.bench.people`."""
