"""Tokens by REST: what a member may come back with, and coming back without a socket."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from tavola.actors.log.unreadable import Corrupted
from tavola.actors.wire.commands import Id, Sender, Seq
from tavola.actors.wire.messages import GetView, Refusal, ViewAt
from tavola.actors.wire.refusals import NO_ROOM, NO_SERVER, TOKEN_INVALID
from tavola.actors.wire.view import Role, ServedView, Standing
from tavola.edge.identity.auth import Identity
from tavola.edge.identity.reconnection import Holder
from tavola.edge.rest.history import Missed, past
from tavola.edge.rest.lobby import iso
from tavola.edge.rest.rest import Answer, Call, Endpoint
from tavola.edge.rest.rooms_api import ROOM
from tavola.edge.rest.strangers import hidden
from tavola.edge.rest.views_api import PAGE_LIMIT, UpdateReply
from tavola.edge.ws import protocol
from tavola.edge.ws.connection import Services
from tavola.storage.postgres import BIGINT

GAME = "/api/game/{room}"
TOKEN_LIMIT = 4096

_json = msgspec.json.Encoder().encode


class MembershipReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """The caller's part in a room, and fresh tokens for it. A guest has none; a seat token only a player."""

    membership: Standing | Literal["none"]
    role: Role
    is_host: bool
    display_name: str | None = None
    seat_index: int | None = None
    rejoin_token: str | None = None
    seat_token: str | None = None


class ConnectionToken(msgspec.Struct, frozen=True):
    """With it the player takes their seat up again, once."""

    token: str
    expires_at: str
    player_id: str


class Return(msgspec.Struct, frozen=True):
    player_id: Id
    reconnect_token: Annotated[
        str, msgspec.Meta(max_length=TOKEN_LIMIT, description="A connection token, or a rejoin token, of that player.")
    ]
    after: Annotated[int, msgspec.Meta(ge=0, le=BIGINT, description="The last seq seen.")] | None = None


class Returned(msgspec.Struct, frozen=True):
    """The whole view, and what was missed after `after`: the oldest, if there are many. Then there is `more`, and the
    events of the room after `next` are the rest."""

    success: bool
    game_state: ServedView
    reconnected_at: str
    missed_events: list[UpdateReply]
    more: bool
    next: int | None


def endpoints(services: Services) -> list[Endpoint]:
    returns = services.returns

    async def session(call: Call) -> Answer:
        user = call.identity.user
        part = await returns.member(call.room, user)
        if part is not None:
            tokens = (part.rejoin_token, part.seat_token)
            return MembershipReply("approved", part.role, part.is_host, part.name, part.seat_index, *tokens)
        row = await services.database.row("membership", room_id=call.room, user_id=user)
        if row is None or await hidden(services.database, call):
            return NO_ROOM
        return MembershipReply(row["status"] or "none", "guest", row["host_id"] == user, row["display_name"])

    async def connection_token(call: Call) -> Answer:
        user = call.identity.user
        made = await returns.connection_token(call.room, user)
        if isinstance(made, Refusal):
            return NO_ROOM if await hidden(services.database, call) else made
        return ConnectionToken(made.token, iso(made.expires_at), user)

    async def reconnect(call: Call) -> Answer:
        asked: Return = call.body
        holder = await returns.holder(asked.reconnect_token)
        if isinstance(holder, Refusal):
            return holder
        if (holder.room, holder.user) != (call.room, asked.player_id):
            return TOKEN_INVALID
        sender = Sender(holder.user, holder.name)
        seen = await services.router.ask(call.room, lambda epoch: GetView(epoch, sender, call.room))
        if not isinstance(seen, ViewAt):
            return seen if isinstance(seen, Refusal) else NO_SERVER
        view = await _used(holder, asked.reconnect_token, seen.view)
        if isinstance(view, Refusal):
            return view
        missed: Missed | None = None
        if asked.after is not None and asked.after < seen.seq:
            limit = min(PAGE_LIMIT, seen.seq - asked.after)
            known = Identity(holder.user, holder.name, 0)
            try:
                found = await past(services, call.room, known, Seq(asked.after), limit)
            except Corrupted as error:
                return error.refusal()
            if isinstance(found, Refusal):
                return found
            missed = found
        return _json({
            "success": True,
            "game_state": msgspec.Raw(view),
            "reconnected_at": iso(returns.now()),
            "missed_events": [msgspec.Raw(update) for update in missed.updates] if missed else [],
            "more": missed is not None and missed.next is not None,
            "next": missed.next if missed else None,
        })  # fmt: skip

    async def _used(holder: Holder, token: str, view: bytes) -> bytes | Refusal:
        """The view for who has used the token up; a token that is good once gives another to come back with."""
        if not holder.once:
            return view
        if not await returns.use(token):
            return TOKEN_INVALID
        part = await returns.member(holder.room, holder.user)
        return view if part is None else protocol.with_rejoin_token(view, part.rejoin_token)

    return [
        Endpoint(
            "GET", f"{ROOM}/session", session, "The caller's part in the room, with fresh tokens", MembershipReply
        ),
        Endpoint(
            "GET",
            f"{GAME}/connection-token",
            connection_token,
            "A token to take one's seat up again, good for half an hour and once",
            ConnectionToken,
            refusals=("not_seated",),
        ),
        Endpoint(
            "POST",
            f"{GAME}/reconnect",
            reconnect,
            "Takes a seat up again, by a token alone",
            Returned,
            body=Return,
            refusals=("corrupted_state",),
            open=True,
        ),
    ]
