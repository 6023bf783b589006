"""The room as a pure machine: no clock, no chance, no I/O. Imports `wire`, `games` and `storage.rows`."""
