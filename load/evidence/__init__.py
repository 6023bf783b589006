"""The evidence of a run: recorded by clients, read from Postgres, heard on Redis. Imports nothing of ours but what
opens messages and unpacks the log: `config.keys`, `storage.sealing` and `storage.packing`."""
