"""A verdict from evidence, and from nothing else. Imports `evidence`, `checks` and `client`."""
