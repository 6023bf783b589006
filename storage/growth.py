"""How many bytes the tables have, how fast they grow, and when the disk is full: as the steward measured it last."""

from __future__ import annotations

import msgspec

from tavola.storage.postgres import Database

DAY_MS = 86_400_000
LEAST_MS = 3_600_000
"""Over less than this no growth is told: it would be guessed."""
DATABASE, FREE = "", " free"


class TableGrowth(msgspec.Struct, frozen=True):
    """`a_day`: bytes more (or fewer) a day; null while it is not known."""

    name: str
    bytes: int
    a_day: int | None


class Growth(msgspec.Struct, frozen=True):
    """Tables with their indexes, the largest first. `database` is all of them and what Postgres has beside; `free`: on
    its disk, null when not known. `full_in_days`: as it grows now; null when that is not known, or it does not grow."""

    measured_at: int
    database: TableGrowth
    tables: list[TableGrowth]
    free: int | None
    full_in_days: float | None


async def growth(database: Database) -> Growth | None:
    """None: nothing was measured yet. Raises `StorageUnavailable`."""
    rows = await database.rows("growth")
    if not rows:
        return None
    at, since = rows[0]["at"], rows[0]["since"]
    span = at - since

    def a_day(was: int | None, now: int) -> int | None:
        return (now - (was or 0)) * DAY_MS // span if span >= LEAST_MS else None

    found = {row["name"]: TableGrowth(row["name"], row["bytes"], a_day(row["was"], row["bytes"])) for row in rows}
    free = found.pop(FREE).bytes if FREE in found else None
    whole = found.pop(DATABASE)
    full = free / whole.a_day if free is not None and whole.a_day is not None and whole.a_day > 0 else None
    return Growth(at, whole, list(found.values()), free, full)


def told(size: int) -> str:
    """Bytes as people read them."""
    value, units = float(abs(size)), ["bytes", "KB", "MB", "GB", "TB"]
    unit = units.pop(0)
    while value >= 1000 and units:
        value, unit = value / 1000, units.pop(0)
    sign = "-" if size < 0 else ""
    return f"{sign}{value:.0f} {unit}" if value >= 100 or unit == "bytes" else f"{sign}{value:.1f} {unit}"
