"""The manager of connections with nobody to talk to: what an edge knows of its own sockets."""

from __future__ import annotations

from typing import Any, cast

import pytest

from kit.people import BareSocket, manager
from tavola.actors.wire.commands import RoomId, UserId
from tavola.edge.people.manager import STATES, ConnectionManager
from tavola.edge.people.structs import ConnectionStats
from tavola.storage.people import CONNECTIONS, PLAYERS, edge_of, events_channel, session_key

ANN, BOB, ROOM = UserId("ann"), UserId("bob"), RoomId("r_1")


@pytest.fixture
async def alone() -> ConnectionManager[Any]:
    return manager(cast(Any, None), "redis://127.0.0.1:1", "e1")


async def test_a_socket_counts_once(alone: ConnectionManager[Any]) -> None:
    one, two = BareSocket("1"), BareSocket("2")
    for socket in (one, one, two):
        alone.connect(ANN, socket)
    assert (alone.sockets(ANN), alone.sockets_held(ANN), set(alone.users)) == ([one, two], 2, {ANN})
    assert await alone.stats() == ConnectionStats(1, 0, 2, True)
    for socket in (one, one):
        alone.disconnect(ANN, socket)
    alone.disconnect(BOB, two)
    assert (alone.sockets(ANN), alone.sockets_held(BOB)) == ([two], 0)
    alone.disconnect(ANN, two)
    assert not alone.users
    assert await alone.stats() == ConnectionStats(0, 0, 0, True)


async def test_first_and_last_of_a_user_in_a_room(alone: ConnectionManager[Any]) -> None:
    one, two = BareSocket("1"), BareSocket("2")
    for socket in (one, two):
        alone.connect(ANN, socket)
    assert [alone.join_game(ANN, ROOM, socket) for socket in (one, two)] == [True, False]
    assert list(alone.following()) == [(ROOM, ANN)]
    found = await alone.connections(ANN)
    assert [(each.socket_id, each.game_ids) for each in found.sockets] == [("1", (ROOM,)), ("2", (ROOM,))]
    assert [alone.leave_game(ANN, ROOM, socket) for socket in (one, two)] == [False, True]
    assert not alone.followers(ROOM)


async def test_a_socket_that_closes_leaves_its_rooms(alone: ConnectionManager[Any]) -> None:
    one = BareSocket("1")
    alone.connect(ANN, one)
    alone.join_game(ANN, ROOM, one)
    alone.stands(ANN, ROOM, True)
    alone.stands(BOB, ROOM, True)
    assert set((await alone.online_players(ROOM)).users) == {ANN}, "Bob is not there at all"
    alone.disconnect(ANN, one)
    assert not alone.followers(ROOM)
    assert not (await alone.online_players(ROOM)).users


async def test_a_part_given_up_is_no_presence(alone: ConnectionManager[Any]) -> None:
    alone.join_game(ANN, ROOM, BareSocket("1"))
    assert not (await alone.online_players(ROOM)).users
    for has_part, there in ((True, {ANN}), (False, set())):
        alone.stands(ANN, ROOM, has_part)
        assert set((await alone.online_players(ROOM)).users) == there
    assert alone.followers(ROOM) == {ANN}


def test_the_keys_are_those_that_were_agreed() -> None:
    assert CONNECTIONS.key("ann") == "connections:ann"
    assert PLAYERS.key("r_1") == "game:r_1:players"
    assert (session_key("r_1"), events_channel("r_1")) == ("game:r_1:session", "game:r_1:events")
    assert edge_of("edge.of.names.12") == "edge.of.names"
    assert set(STATES.values()) == {"waiting", "active", "paused", "completed"}
