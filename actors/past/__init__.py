"""A room as it was: kept as a checkpoint, brought forward by the log, shown, gone back to. Pure. Imports `room`,
`wire`, `games` and `storage.rows`."""
