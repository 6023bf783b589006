"""The way from an edge to room actors, to rooms that have none, and to what games say. Imports `common`, `people`,
`wire`, the directory and `storage`."""
