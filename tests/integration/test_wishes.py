"""Room actors are wished for in Postgres and started by nodes' stewards: by which, what the wisher is told, and what of
a node that is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kit.damage import execute
from kit.hosts import connected, open_room
from kit.proxy import proxied
from kit.stack import until
from tavola.actors.cluster import ceiling, node_keeper, wishes
from tavola.actors.cluster import lease as leases
from tavola.actors.cluster.ceiling import Full
from tavola.actors.cluster.directory import ClusterUnavailable, Directory
from tavola.actors.cluster.lease import Lease
from tavola.actors.cluster.node_keeper import LivingNode, NodeKeeper, rank, spares_here
from tavola.actors.cluster.wishes import Wisher
from tavola.storage.notices import heard
from tavola.storage.postgres import Database


class Node:
    """A node whose actors are rows."""

    def __init__(self, database: Database, address: str, most: int = 5, capacity: int = 1) -> None:
        self.database, self.address, self.most, self.capacity = database, address, most, capacity
        self.may_end = False
        self.started, self.ended = 0, [""]
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.broken = ""

    async def start_actor(self) -> None:
        self.started += 1
        name = f"{self.address}-{self.started}"
        await self.goes_on.wait()
        if self.broken:
            raise ClusterUnavailable(self.broken)
        await ceiling.register(self.database, name, self.address, 1, f"127.0.0.1:{name}", self.capacity, self.most)

    async def end_actor(self, name: str) -> None:
        self.ended.append(name)

    def keeper(self, spares: int = 0) -> NodeKeeper:
        return NodeKeeper(f"id of {self.address}", 1, self.database, self, spares=spares, shared=self.capacity > 1)


@asynccontextmanager
async def kept(*nodes: Node, spares: int = 0, look_s: float = 0.01) -> AsyncIterator[None]:
    """Their stewards work."""
    keepers = [node.keeper(spares) for node in nodes]
    for keeper in keepers * 2:
        await keeper.beat()
    running = [asyncio.create_task(keeper.run(look_s)) for keeper in keepers]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def wished(database: Database, capacity: int = 1) -> None:
    await Wisher(database, capacity).start_actor()


async def open_wishes(url: str) -> int:
    return len(await execute(url, "SELECT FROM actor_wishes"))


async def test_the_emptiest_node_starts_what_is_wished_for(database_url: str) -> None:
    async with connected(database_url) as database:
        empty, fuller, full = Node(database, "a"), Node(database, "b", most=100), Node(database, "c", most=1)
        await fuller.start_actor()
        await full.start_actor()
        async with kept(fuller, full, empty):
            await wished(database)
            assert (empty.started, fuller.started, full.started) == (1, 1, 1)
            assert await open_wishes(database_url) == 0


async def test_a_node_is_woken_by_a_wish(database_url: str) -> None:
    async with connected(database_url) as database:
        keeper = Node(database, "a").keeper()
        listening = asyncio.create_task(heard(database_url, "tavola_wishes", keeper.woken.set))
        await keeper.woken.wait()
        keeper.woken.clear()
        wish = asyncio.create_task(wished(database))
        async with asyncio.timeout(10):
            await keeper.woken.wait()
        for task in (listening, wish):
            task.cancel()
        await asyncio.gather(listening, wish, return_exceptions=True)


async def test_when_every_node_is_full_that_is_said_and_not_asked_again_at_once(database_url: str) -> None:
    async with connected(database_url) as database:
        nodes = [Node(database, each, most=1) for each in "ab"]
        async with kept(*nodes):
            wisher = Wisher(database, 1)
            await wisher.start_actor()
            await wisher.start_actor()
            assert [node.started for node in nodes] == [1, 1]
            with pytest.raises(Full, match="there are 2 room actors"):
                await wisher.start_actor()
            await execute(database_url, "DELETE FROM room_actors")
            with pytest.raises(Full):
                await wisher.start_actor()


async def test_a_wish_that_fails_says_why(database_url: str) -> None:
    async with connected(database_url) as database:
        node = Node(database, "a")
        node.broken = "SettingsError: another secret"
        async with kept(node):
            with pytest.raises(ClusterUnavailable, match="another secret"):
                await wished(database)
            node.broken = ""
            await wished(database)


async def test_a_node_that_does_not_answer_gets_a_rival(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (node_keeper, wishes):
        monkeypatch.setattr(module, "RIVAL_S", 0.3)
    async with connected(database_url) as database:
        stuck, other = Node(database, "a", most=100), Node(database, "b")
        stuck.goes_on.clear()
        await other.start_actor()
        await execute(database_url, "UPDATE room_actors SET rooms = capacity")
        async with kept(stuck, other):
            await wished(database)
            assert (stuck.started, other.started) == (1, 2)
            stuck.goes_on.set()
            await until(lambda: stuck_has_one(database), "it was late, and its actor is of use")


async def stuck_has_one(database: Database) -> bool:
    return any(row["name"] == "a-1" for row in await database.rows("actors"))


async def test_a_steward_that_dies_over_a_wish_has_it_taken_by_the_next(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_keeper, "RIVAL_S", 0.3)
    async with connected(database_url) as database:
        before = Node(database, "a")
        before.goes_on.clear()
        keeper = NodeKeeper("before", 1, database, before, spares=0, shared=True)
        await keeper.beat()
        wish = asyncio.create_task(wished(database))
        await until(keeper.grant, "taken")
        after = Node(database, "a")
        async with kept(after):
            await wish
        assert after.started == 1


async def test_wishes_for_which_nobody_waits_are_not_granted(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_keeper, "ANSWERED_WITHIN_S", 0.0)
    async with connected(database_url) as database:
        await database.rows("wish_actor", id="of an edge that was killed")
        keeper = Node(database, "a").keeper()
        await keeper.beat()
        assert not await keeper.grant()
        await execute(database_url, "UPDATE actor_wishes SET made_at = made_at - interval '2 minutes'")
        await database.rows("clear_nodes")
        assert await open_wishes(database_url) == 0


async def test_where_actors_are_shared_one_serves_all_who_wish(database_url: str) -> None:
    async with connected(database_url, most=16) as database:
        node = Node(database, "a", capacity=50)
        node.goes_on.clear()
        async with kept(node):
            waiting = [asyncio.create_task(wished(database, 50)) for _ in range(6)]
            await until(lambda: node.started, "one starts")

            async def all_wish() -> bool:
                return await open_wishes(database_url) == len(waiting)

            await until(all_wish, "all have wished")
            node.goes_on.set()
            await asyncio.gather(*waiting)
        assert node.started == 1


async def test_an_actor_that_is_avoided_is_of_no_use(database_url: str) -> None:
    async with connected(database_url) as database:
        node = Node(database, "a", capacity=50)
        await node.start_actor()
        await Wisher(database, 50).start_actor()
        async with kept(node):
            await Wisher(database, 50).start_actor(avoid="a-1")
        assert node.started == 2


async def test_who_wishes_without_a_node_is_told_in_time(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wishes, "ANSWERED_WITHIN_S", 0.2)
    async with connected(database_url) as database:
        with pytest.raises(ClusterUnavailable, match="no node"):
            await wished(database)


async def test_of_a_silent_node_no_actor_is_given_rooms(database_url: str) -> None:
    async with connected(database_url) as database:
        lost, other = Node(database, "a", capacity=9), Node(database, "b", capacity=5)
        for node in (lost, other):
            await node.start_actor()
            await node.keeper().beat()
        directory = Directory(database, Wisher(database, 9))

        async def heard_before(seconds: str) -> None:
            """Of node a's steward, its actor, node b's steward, and its actor."""
            steward_a, actor_a, steward_b, actor_b = map(float, seconds.split())
            for address, steward, actor in (("a", steward_a, actor_a), ("b", steward_b, actor_b)):
                ago = "now() - make_interval(secs => $2)"
                await execute(database_url, f"UPDATE nodes SET beat_at = {ago} WHERE address = $1", address, steward)
                set_to = f"alive_at = {ago}, suspect_at = NULL"
                await execute(database_url, f"UPDATE room_actors SET {set_to} WHERE node = $1", address, actor)

        async def given() -> str:
            return (await directory.find(await open_room(database))).actor

        await heard_before("0 0 0 0")
        first = await directory.find(await open_room(database))
        assert first.actor == "a-1", "both live"
        await heard_before("4 0 0 0")
        assert await given() == "a-1", "an actor there is heard"
        await heard_before("4 4 0 0")
        assert await given() == "b-1"
        await heard_before("4 4 0 0")
        assert (await directory.take_over(first)).actor == "b-1"
        await heard_before("4 4 4 0")
        assert await given() == "a-1", "no node is heard: it says nothing"


async def test_rooms_go_where_all_answer(database_url: str) -> None:
    async with connected(database_url) as database:
        first, other = Node(database, "a", capacity=9), Node(database, "b", capacity=5)
        for node in (first, first, other):
            await node.start_actor()
        directory = Directory(database, Wisher(database, 9))
        lost = await directory.find(await open_room(database))
        assert lost.actor == "a-1"
        assert (await directory.take_over(lost)).actor == "b-1"


async def test_each_node_keeps_its_share_of_spares(database_url: str) -> None:
    async with connected(database_url) as database:
        nodes = [Node(database, each) for each in "ab"]
        async with kept(*nodes, spares=1):
            await until(lambda: nodes[0].started and nodes[1].started, "one each")
        keeper = nodes[0].keeper()
        for _ in range(2):
            await nodes[0].start_actor()
        await keeper.beat()
        await keeper.keep_spares()
        assert len(nodes[0].ended) == 2, "that is one too many"
        assert nodes[0].ended[-1].startswith("a-")


@pytest.mark.parametrize(("capacity", "at_once"), [(1, True), (9, False)])
async def test_a_spare_that_was_given_rooms_is_replaced_when_those_have_come(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capacity: int, at_once: bool
) -> None:
    async with connected(database_url) as database:
        node = Node(database, "a", capacity=capacity)
        keeper = node.keeper(spares=1)

        async def looks() -> int:
            await keeper.beat()
            await keeper.keep_spares()
            await asyncio.sleep(0)
            return node.started

        await keeper.beat()
        assert await looks() == 1, "the first is started at once"
        await until(lambda: keeper._spare_starts is None, "it is there")
        assert await looks() == 1
        await Directory(database, Wisher(database, capacity)).find(await open_room(database))
        assert await looks() == (2 if at_once else 1)
        monkeypatch.setattr(node_keeper, "SPARE_LATER_S", 0.0)
        await until(lambda: keeper._spare_starts is None, "nothing is under way")
        assert await looks() == 2


def living(**actors: int) -> list[LivingNode]:
    return [LivingNode(id, id, 4, count, 0) for id, count in actors.items()]


def test_the_emptiest_comes_first_and_full_ones_not_at_all() -> None:
    nodes = living(a=3, b=0, c=4)
    assert [rank(nodes, each) for each in "abcd"] == [1, 0, None, None]


@pytest.mark.parametrize(
    ("nodes", "spares", "shares"),
    [(1, 1, [1]), (1, 3, [3]), (2, 1, [1, 1]), (3, 1, [1, 1, 0]), (3, 7, [3, 2, 2]), (2, 0, [0, 0])],
)
def test_spares_are_shared_and_two_nodes_have_some(nodes: int, spares: int, shares: list[int]) -> None:
    there = living(**{f"n{number}": 0 for number in range(nodes)})
    assert [spares_here(there, node.id, spares) for node in there] == shares


class Rounds:
    """The rounds of a steward, which say whether they are done."""

    def __init__(self) -> None:
        self.going = False

    async def run(self) -> None:
        self.going = True
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.going = False


async def test_one_does_the_rounds_until_it_cannot_say_so(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first loses its way to Postgres: it ends its rounds before the other begins."""
    monkeypatch.setattr(leases, "RENEWED_S", 0.5)
    one, other = Rounds(), Rounds()
    async with (
        proxied(database_url) as proxy,
        connected(proxy.url) as cut,
        connected(database_url) as database,
    ):
        leading = [asyncio.create_task(Lease(cut, "one").lead(one.run))]
        await until(lambda: one.going, "the first leads")
        leading.append(asyncio.create_task(Lease(database, "other").lead(other.run)))
        assert not other.going
        proxy.go_away()
        await until(lambda: not one.going, "it ends its rounds")
        await until(lambda: other.going, "another takes over")
        proxy.come_back()
        await database.rows("leave_node", id="other")
        leading[1].cancel()
        await until(lambda: one.going, "at once, where the other said goodbye")
        for task in leading:
            task.cancel()
        await asyncio.gather(*leading, return_exceptions=True)
    assert not one.going


async def test_what_its_rounds_raise_ends_the_steward(database_url: str) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    async with connected(database_url) as database:
        with pytest.raises(ZeroDivisionError):
            await Lease(database, "one").lead(fail)
