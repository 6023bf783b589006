"""The room as a pure machine: no clock, no chance, no I/O. Imports `wire`, `versions`, `games`, `config.limits` and
`storage.rows`."""
