"""The acts of operators by REST, the list of them that nobody edits, and the orders that stand."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from tavola.config.clock import now_ms
from tavola.edge.identity.operators import ROLES
from tavola.edge.operating.acts import ActAnswer, ActAsked, Acts
from tavola.edge.operating.admin_api import ADMIN
from tavola.edge.rest.lobby import iso
from tavola.edge.rest.rest import Answer, Call, Endpoint
from tavola.storage.postgres import BIGINT, Database

LIMIT = 200
ACT_REFUSALS = (
    "forbidden", "room_not_found", "user_not_found", "room_closed", "room_unavailable", "hand_in_progress",
    "room_paused", "room_full", "game_over",
)  # fmt: skip


class ActsAsked(msgspec.Struct, frozen=True):
    before: Annotated[int, msgspec.Meta(ge=0, le=BIGINT, description="The lowest number seen.")] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=LIMIT)] = 50


class OperatorReply(msgspec.Struct, frozen=True):
    """The operator who asks. `roles` are all that they may do: `look`, `act`, `all`."""

    name: str
    roles: list[str]


class DoneAct(msgspec.Struct, frozen=True):
    """`told` is what was asked for. `outcome`: `done`, or a refusal's code; null: not known, for edge or database
    was gone before it was written."""

    number: int
    at: str
    operator: str
    act: str
    told: dict[str, Any]
    outcome: str | None


class ActList(msgspec.Struct, frozen=True):
    """Newest first."""

    acts: list[DoneAct]


class StandingOrder(msgspec.Struct, frozen=True):
    """`kind`: `ban_user`, `ban_address`, `mute`. `until` null: for good."""

    kind: str
    subject: str
    until: str | None
    reason: str
    operator: str
    at: str


class OrderList(msgspec.Struct, frozen=True):
    orders: list[StandingOrder]


def endpoints(database: Database, acts: Acts) -> list[Endpoint]:
    async def me(call: Call) -> Answer:
        return OperatorReply(call.identity.name, [role for role in ROLES if role in call.identity.scopes])

    async def act(call: Call) -> Answer:
        return await acts.answer(call.body, call.identity)

    async def listed(call: Call) -> Answer:
        rows = await database.rows("acts", before=call.query.before, most=call.query.limit)
        return ActList([
            DoneAct(row["number"], iso(row["at"]), row["operator"], row["act"], msgspec.json.decode(row["told"]),
                      row["outcome"])
            for row in rows
        ])  # fmt: skip

    async def orders(call: Call) -> Answer:
        rows = await database.rows("orders", at=now_ms(), known="")
        return OrderList([
            StandingOrder(row["kind"], row["subject"], None if row["until"] is None else iso(row["until"]),
                          row["reason"], row["operator"], iso(row["at"]))
            for row in rows if row["kind"] in ("ban_user", "ban_address", "mute")
        ])  # fmt: skip

    return [
        Endpoint("GET", f"{ADMIN}/me", me, "The operator who asks", OperatorReply, operator="look"),
        Endpoint(
            "POST", f"{ADMIN}/acts", act, "Plans an act, and does it if it is confirmed", ActAnswer, body=ActAsked,
            operator="act", refusals=ACT_REFUSALS,
        ),
        Endpoint("GET", f"{ADMIN}/acts", listed, "The acts of operators, newest first", ActList, query=ActsAsked,
                 operator="look"),
        Endpoint("GET", f"{ADMIN}/orders", orders, "The users and addresses that are kept out, or not heard", OrderList,
                 operator="look"),
    ]  # fmt: skip
