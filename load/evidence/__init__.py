"""The evidence of a run: recorded by clients, read from Postgres, heard on Redis. Imports nothing of ours but what
opens messages: `config.keys` and `storage.sealing`."""
