"""A room as its viewers may see it, by REST: the whole view, the past, who is watching."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from tavola.actors.log.unreadable import Corrupted
from tavola.actors.wire.commands import Sender, Seq
from tavola.actors.wire.errands import Recall, SeenThen
from tavola.actors.wire.messages import Refusal, ViewAt
from tavola.actors.wire.refusals import NO_ROOM, NO_SERVER, NOT_HOST, NOT_KEPT
from tavola.actors.wire.view import Attendance, ServedView, Standing
from tavola.edge.rest.history import past
from tavola.edge.rest.rest import Answer, AnyObject, Call, Endpoint
from tavola.edge.rest.rewind import recalled
from tavola.edge.rest.rooms_api import ROOM
from tavola.edge.rest.strangers import hidden
from tavola.edge.ws.connection import Services
from tavola.storage.postgres import BIGINT

PAGE_LIMIT = 200
_seen = msgspec.json.Decoder(SeenThen).decode


class AsWho(msgspec.Struct, frozen=True):
    role: Annotated[str, msgspec.Meta(description="`spectator` asks for less; nothing asks for more.")] | None = None


class Since(msgspec.Struct, frozen=True):
    after: Annotated[int, msgspec.Meta(ge=0, le=BIGINT, description="The last seq seen.")] = 0
    limit: Annotated[int, msgspec.Meta(ge=0, description=f"At most {PAGE_LIMIT} are given.")] = 100


class UpdateReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """One numbered update as its viewer sees it. `patch` is a JSON merge patch (RFC 7396) of their view."""

    room: str
    seq: int
    epoch: int
    at: int
    events: list[dict[str, Any]]
    patch: dict[str, Any] = {}


class Past(msgspec.Struct, frozen=True):
    """Updates in order; `next` is the `after` for more, if there are more."""

    updates: list[UpdateReply]
    next: int | None


class Spectator(msgspec.Struct, frozen=True):
    user_id: str
    display_name: str
    status: Literal["active", "away"]


class Spectators(msgspec.Struct, frozen=True):
    spectators: list[Spectator]


class KnownMember(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody whom a room knows. `since` is in ms; `status` is of those who are admitted."""

    user_id: str
    display_name: str
    standing: Standing
    since: int
    watching: bool
    banned: bool
    seat_index: int | None = None
    status: Attendance | None = None


class Members(msgspec.Struct, frozen=True):
    members: list[KnownMember]


class Then(msgspec.Struct, frozen=True):
    seq: Annotated[int, msgspec.Meta(ge=0, le=BIGINT)]


class ViewThen(msgspec.Struct, frozen=True):
    """The view that the caller had at `seq`, a state that is kept: `events` go on from there."""

    seq: Seq
    view: AnyObject


def endpoints(services: Services) -> list[Endpoint]:
    async def hydrate(call: Call) -> Answer:
        sender = Sender(call.identity.user, call.identity.name)
        as_spectator = call.query.role == "spectator"
        answer = await services.looking.look(call.room, sender, code=call.code, as_spectator=as_spectator)
        if isinstance(answer, ViewAt):
            if answer.audience == "inside":
                services.fanout.presence.touch(call.room, sender.user)
            return answer.view
        return answer if isinstance(answer, Refusal) else NO_SERVER

    async def events(call: Call) -> Answer:
        after, limit = call.query.after, max(1, min(call.query.limit, PAGE_LIMIT))
        if await hidden(services.database, call):
            return NO_ROOM
        try:
            missed = await past(services, call.room, call.identity, Seq(after), limit)
        except Corrupted as error:
            return error.refusal()
        if missed is None or isinstance(missed, Refusal):
            return missed or NO_ROOM
        return b'{"updates":[%b],"next":%b}' % (b",".join(missed.updates), msgspec.json.encode(missed.next))

    async def then(call: Call) -> Answer:
        stands = await services.database.row("membership", room_id=call.room, user_id=call.identity.user)
        if stands is None or await hidden(services.database, call):
            return NO_ROOM
        kept = await services.database.row("checkpoint_before", room_id=call.room, seq=call.query.seq)
        if kept is None:
            return NOT_KEPT
        errand = Recall(call.room, kept["seq"], kept["state"], "seen", call.identity.user)
        found = await recalled(services.errand, errand)
        if isinstance(found, Refusal):
            return found
        return ViewThen(kept["seq"], _seen(found).view)

    async def spectators(call: Call) -> Answer:
        user = call.identity.user
        stands = await services.database.row("membership", room_id=call.room, user_id=user)
        if stands is None or await hidden(services.database, call):
            return NO_ROOM
        if stands["seat_index"] is None and not stands["watching"] and stands["host_id"] != user:
            return Refusal("not_approved", "Only those at the table may see who is watching.")
        rows = await services.database.rows("spectators", room_id=call.room)
        return Spectators([Spectator(**dict(row)) for row in rows])

    async def members(call: Call) -> Answer:
        if await hidden(services.database, call):
            return NO_ROOM
        stands = await services.database.row("membership", room_id=call.room, user_id=call.identity.user)
        if stands is None:
            return NO_ROOM
        if stands["host_id"] != call.identity.user:
            return NOT_HOST
        rows = await services.database.rows("members", room_id=call.room)
        return Members([KnownMember(**dict(row)) for row in rows])

    return [
        Endpoint(
            "GET",
            f"{ROOM}/hydrate",
            hydrate,
            "The whole view, as the caller may see it",
            ServedView,
            query=AsWho,
            refusals=("corrupted_state",),
        ),
        Endpoint("GET", f"{ROOM}/events", events, "The updates since, as the caller saw them", Past, query=Since),
        Endpoint(
            "GET",
            f"{ROOM}/then",
            then,
            "The view that the caller had at the last kept state up to a seq",
            ViewThen,
            query=Then,
            refusals=("corrupted_state",),
        ),
        Endpoint(
            "GET", f"{ROOM}/spectators", spectators, "A room's spectators", Spectators, refusals=("not_approved",)
        ),
        Endpoint(
            "GET",
            f"{ROOM}/members",
            members,
            "Everybody whom a room knows, for its host",
            Members,
            refusals=("not_host",),
        ),
    ]
