"""How fast the database grows, by REST, for its operator."""

from __future__ import annotations

import msgspec

from tavola.edge.rest.lobby import iso
from tavola.edge.rest.rest import Answer, Call, Endpoint
from tavola.storage.growth import TableGrowth, growth
from tavola.storage.postgres import Database


class GrowthReply(msgspec.Struct, frozen=True):
    """As the steward measured it last (null: not yet); bytes. `free`: on Postgres's disk, null when not known.
    `full_in_days`: as it grows now; null when that is not known, or it does not grow."""

    measured_at: str | None
    database: TableGrowth | None
    tables: list[TableGrowth]
    free: int | None
    full_in_days: float | None


def endpoints(database: Database) -> list[Endpoint]:
    async def grown(call: Call) -> Answer:
        found = await growth(database)
        if found is None:
            return GrowthReply(None, None, [], None, None)
        return GrowthReply(iso(found.measured_at), found.database, found.tables, found.free, found.full_in_days)

    return [
        Endpoint(
            "GET", "/api/admin/growth", grown, "Bytes by table, and how fast they grow", GrowthReply, operator=True
        )
    ]
