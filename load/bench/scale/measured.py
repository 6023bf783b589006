"""Measured sizes, as they are kept in a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

KEPT = Path(__file__).with_name("measured.json")
PARTS = ("edges", "actors", "postgres", "redis", "ray", "steward")
"""The kinds of processes that serve; `postgres` and `redis` with all that they start."""


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """One run at `tables` tables of `seats`, an action a table every `every_s` seconds, in actors of `rooms_per_actor`
    rooms: `actions` in `seconds`.

    `cpu_s` are seconds of processor by part in that time, `opening_cpu_s` those until all tables were open. The bytes
    are what the time added to Postgres' WAL (`full_pages` of it are whole pages) and to the tables `log` and
    `commands`; `statements` and `redis_commands` were done in it, `connections` were open at its end. `elsewhere` is
    the share of the machine that neither servers nor players had."""

    tables: int
    seats: int
    every_s: float
    rooms_per_actor: int
    seconds: float
    actions: int
    cpu_s: dict[str, float]
    opening_cpu_s: dict[str, float]
    opening_s: float
    players_cpu_s: float
    wal_bytes: int
    full_pages: int
    log_bytes: int
    command_bytes: int
    statements: int
    redis_commands: int
    connections: int
    p50_ms: float
    p99_ms: float
    elsewhere: float

    @property
    def actions_per_s(self) -> float:
        return self.actions / self.seconds

    def cores(self, part: str) -> float:
        return self.cpu_s.get(part, 0.0) / self.seconds


def read(file: Path = KEPT) -> list[Size]:
    return msgspec.json.decode(file.read_bytes(), type=list[Size])


def write(sizes: Sequence[Size], file: Path) -> None:
    file.write_bytes(msgspec.json.format(msgspec.json.encode(list(sizes)), indent=1) + b"\n")
