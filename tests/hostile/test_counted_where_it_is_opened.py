"""Rooms of a user and actors of a node are counted in Postgres, where they are opened: many at once, by way of however
many edges, come to no more than one after the other.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter

import asyncpg

from kit.hosts import connected, hosting, place
from tavola.actors.cluster import ceiling
from tavola.actors.cluster.ceiling import ACTOR_BYTES, LEAST, SHARE, SUSPECTS, Full, Node
from tavola.actors.errands.doing import here
from tavola.actors.wire.commands import CloseRoom, Leave, RoomId, UserId
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.settings import RoomWish
from tavola.actors.wire.view import RoomSummary
from tavola.edge.common.limits import Limits
from tavola.edge.identity.auth import Identity
from tavola.edge.rest.lobby import Lobby
from tavola.edge.rest.matchmaker import Matchmaker
from tavola.storage.postgres import Database

GUS = Identity(UserId("u_gus"), "Gus", 0)
ANN = Identity(UserId("u_ann"), "Ann", 0)
WISH = RoomWish("tictactoe")


def code_of(answer: RoomSummary | Refusal) -> str:
    return answer.code if isinstance(answer, Refusal) else ""


async def opened(lobby: Lobby, count: int, who: Identity = GUS) -> list[RoomSummary]:
    rooms = [await lobby.open(WISH, who, None) for _ in range(count)]
    return [room for room in rooms if isinstance(room, RoomSummary)]


async def test_many_at_once_on_three_edges_are_as_many_as_one_may_have(database_url: str) -> None:
    async with (
        connected(database_url, most=6) as one,
        connected(database_url, most=6) as two,
        connected(database_url, most=6) as three,
    ):
        lobbies = [Lobby(each, here, Limits(rooms_per_user=5)) for each in (one, two, three)]
        answers = await asyncio.gather(*(lobbies[n % 3].open(WISH, GUS, None) for n in range(60)))
        assert Counter(map(code_of, answers)) == {"": 5, "too_many_rooms": 55}
        assert len((await lobbies[0].list(None, None, False, 100, None)).rooms) == 5
        assert code_of(await lobbies[0].open(WISH, ANN, None)) == "", "each for themselves"
        refused = await Matchmaker(one, lobbies[0]).match("tictactoe", {}, GUS, None)
        assert isinstance(refused, Refusal)
        assert (refused.code, refused.details, refused.retry_after_ms) == ("too_many_rooms", {"limit": 5}, None)


async def test_a_room_that_was_closed_or_left_counts_no_more(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as table:
        lobby = Lobby(database, here, Limits(rooms_per_user=2))
        first, second = await opened(lobby, 2)
        for room, command in ((first, CloseRoom), (second, Leave)):
            assert code_of(await lobby.open(WISH, GUS, None)) == "too_many_rooms"
            epoch = await place(database, RoomId(room.id))
            await table.does(epoch, GUS.user, command(id="away", room=room.id))
            assert code_of(await lobby.open(WISH, GUS, None)) == ""


async def test_so_many_a_minute_whoever_is_their_host_by_now(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as table:
        lobby = Lobby(database, here, Limits(rooms_opened_per_minute=3))
        answers = await asyncio.gather(*(lobby.open(WISH, GUS, f"key {n}") for n in range(20)))
        assert Counter(map(code_of, answers)) == {"": 3, "rate_limited": 17}
        [no, *_] = [answer for answer in answers if isinstance(answer, Refusal)]
        assert no.retry_after_ms is not None
        assert 0 < no.retry_after_ms <= 60_000
        for index, room in enumerate(answers):
            if isinstance(room, RoomSummary):
                assert await lobby.open(WISH, GUS, f"key {index}") == room, "asked again it is the same, and no more"
                epoch = await place(database, RoomId(room.id))
                await table.does(epoch, GUS.user, Leave(id="away", room=room.id))
        assert code_of(await lobby.open(WISH, GUS, None)) == "rate_limited"
        await execute(database_url, "UPDATE rooms SET created_at = created_at - 60000")
        assert code_of(await lobby.open(WISH, GUS, None)) == ""


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, ssl=False)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def register(database: Database, node: str, most: int | None) -> bool:
    name = f"actor-{secrets.token_hex(4)}"
    try:
        await ceiling.register(database, name, node, 1, f"127.0.0.1:{name}", 1, most)
    except Full:
        return False
    return True


async def test_of_many_that_register_at_once_a_node_takes_as_many_as_it_carries(database_url: str) -> None:
    async with connected(database_url, most=8) as one, connected(database_url, most=8) as other:
        starting = (register((one, other)[n % 2], f"node {n % 3}", 5) for n in range(60))
        assert Counter(await asyncio.gather(*starting)) == {True: 15, False: 45}
        assert await register(one, "node 0", None), "unless it has no limit"


async def test_actors_that_may_be_dead_do_not_count(database_url: str) -> None:
    async with connected(database_url) as database:
        assert Counter([await register(database, "a", 6) for _ in range(7)]) == {True: 6, False: 1}
        rows = await database.rows("actors")
        for row in rows:
            await database.rows("suspect_actor", name=row["name"])
        assert Counter([await register(database, "a", 6) for _ in range(6)]) == {True: SUSPECTS, False: 2}
        await database.rows("beat_actor", name=rows[0]["name"], measured=None)
        assert not await register(database, "a", 6)
        await database.rows("forget_actor", name=rows[0]["name"])


def test_a_nodes_memory_says_how_many_it_carries() -> None:
    small, large = Node("1", "a", 100_000_000), Node("2", "b", 16_000_000_000)
    assert ceiling.ceilings([small, large], 0) == {"a": LEAST, "b": int(16_000_000_000 * SHARE / ACTOR_BYTES)}
    assert ceiling.ceilings([small, Node("3", "a", 1)], 7) == {"a": 14}, "two nodes on one machine"
