"""Rows, bytes and keys: Postgres and Redis. Imports nothing of ours but `config`; `rows` is a leaf without any
driver."""
