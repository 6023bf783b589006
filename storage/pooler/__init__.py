"""The pooler: one process of a node through which its actors reach Postgres, and their end of it. Imports `storage`
and `config`."""
