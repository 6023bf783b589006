"""The lobby by REST: which games and rooms there are, opening one, the summary of one."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from tavola.actors.wire.commands import Id
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.refusals import NO_GAMES, NO_ROOM, NOT_FOR_PEOPLE
from tavola.actors.wire.settings import RoomWish
from tavola.actors.wire.view import RoomSummary
from tavola.edge.rest.lobby import PAGE_LIMIT, Lobby, Page
from tavola.edge.rest.matchmaker import Matchmaker
from tavola.edge.rest.rest import Answer, AnyObject, Call, Endpoint
from tavola.edge.routing.catalogue import Catalogue


class GameKind(msgspec.Struct, frozen=True):
    """A game that can be played here. `options` is the JSON Schema of its options; of its bots the first is taken where
    none is named."""

    game: str
    title: str
    options: AnyObject
    bots: tuple[str, ...]


class Games(msgspec.Struct, frozen=True):
    games: list[GameKind]


class Wanted(msgspec.Struct, frozen=True):
    """Which rooms to list: `open` ones have a free seat."""

    game: Id | None = None
    status: Id | None = None
    open: bool = False
    limit: Annotated[int, msgspec.Meta(ge=0, description=f"At most {PAGE_LIMIT} are given.")] = 50
    cursor: Annotated[Id, msgspec.Meta(description="`next_cursor` of the page before.")] | None = None


class Match(msgspec.Struct, frozen=True):
    """The game that somebody would like to play. An option that `options` leaves out is as usual."""

    game: Id
    options: dict[str, Any] = {}


def endpoints(lobby: Lobby, matchmaker: Matchmaker, catalogue: Catalogue) -> list[Endpoint]:
    async def games(call: Call) -> Answer:
        known = await catalogue.games()
        if known is None:
            return NO_GAMES
        return Games([GameKind(each.kind, each.title, each.options, each.bots) for each in known.values()])

    async def rooms(call: Call) -> Answer:
        wanted: Wanted = call.query
        try:
            return await lobby.list(wanted.game, wanted.status, wanted.open, wanted.limit, wanted.cursor)
        except ValueError:
            return Refusal("invalid_message", "cursor is one that was given before.")

    async def open_room(call: Call) -> Answer:
        if call.body.reserved and not call.identity.service:
            return NOT_FOR_PEOPLE
        if (no := await catalogue.lacks(call.body.game)) is not None:
            return no
        return await lobby.open(call.body, call.identity, call.key)

    async def matchmake(call: Call) -> Answer:
        if (no := await catalogue.lacks(call.body.game)) is not None:
            return no
        return await matchmaker.match(call.body.game, call.body.options, call.identity, call.key)

    async def summary(call: Call) -> Answer:
        found = await lobby.summary(call.room)
        if found is None or (found.visibility == "private" and not call.code and not await _knows(call)):
            return NO_ROOM
        return found

    async def _knows(call: Call) -> bool:
        """Whether the caller has, or had, a part in the room."""
        if isinstance(call.who, Refusal):
            return False
        return "read" in call.who.scopes or await lobby.knows(call.room, call.who.user)

    return [
        Endpoint("GET", "/api/games", games, "The games there are", Games, open=True),
        Endpoint(
            "GET",
            "/api/rooms",
            rooms,
            "The public rooms, those with people first, then by activity",
            Page,
            query=Wanted,
            open=True,
        ),
        Endpoint(
            "POST",
            "/api/rooms",
            open_room,
            "A new room, whose host is the caller",
            RoomSummary,
            body=RoomWish,
            status=201,
            refusals=("unknown_game", "invalid_options", "id_reused", "too_many_rooms"),
            scope="manage",
        ),
        Endpoint(
            "POST",
            "/api/matchmake",
            matchmake,
            "A public room with a free seat, which is kept for the caller for 30 s",
            RoomSummary,
            body=Match,
            refusals=("unknown_game", "invalid_options", "id_reused", "too_many_rooms"),
        ),
        Endpoint(
            "GET",
            "/api/rooms/{room}",
            summary,
            "A room from outside, as anybody may see it",
            RoomSummary,
            open=True,
        ),
    ]
