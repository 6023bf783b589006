"""Everybody who is connected, on whichever edge: the manager of connections and what it tells. Imports `wire`, `config`
and `storage`."""
