"""The log's rows as they are read and written, and what is said of what cannot be read; no game is known here. Imports
`wire`, `games`, `storage.packing`, `storage.rows`."""
