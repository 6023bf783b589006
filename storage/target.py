"""The Postgres that a URL means, and whether something stands before it that lends its connections a transaction at a
time."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

PORT = 5432
LENT = "pgbouncer"
"""`?pgbouncer=true` says that there is a pooler in transaction mode, as it does in others' URLs. Nothing of a session
outlives a transaction there: no setting, no prepared statement, no lock."""


class PostgresTarget(NamedTuple):
    """`url` as the driver takes it. `lent`: each transaction may have another connection."""

    url: str
    lent: bool


def servers(url: str) -> list[tuple[str, int]]:
    """Where the servers of a URL are, those that are reached by the network: host and port."""
    parts = urlsplit(url)
    each = [urlsplit(f"//{place}") for place in parts.netloc.rpartition("@")[2].split(",")]
    return [(place.hostname, place.port or PORT) for place in each if place.hostname]


def target(url: str) -> PostgresTarget:
    parts = urlsplit(url)
    options = parse_qsl(parts.query, keep_blank_values=True)
    lent = any(name == LENT and value.lower() in ("true", "1") for name, value in options)
    query = urlencode([(name, value) for name, value in options if name != LENT])
    return PostgresTarget(urlunsplit(parts._replace(query=query)), lent)
