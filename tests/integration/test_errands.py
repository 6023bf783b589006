"""Errands of an edge, done by room actors on their lines; and the games of which an edge knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest

from kit.catalogue import said
from kit.edges import NoCluster, execute
from kit.hosts import SECRET, connected, hosting, open_room, place
from kit.people import manager
from kit.rooms import sender
from kit.waiting import Pulse
from tavola.actors.cluster import ceiling
from tavola.actors.cluster.catalogue import GameTeller, say, say_first
from tavola.actors.cluster.directory import Directory
from tavola.actors.errands.doing import here
from tavola.actors.wire.commands import RoomId, UserId
from tavola.actors.wire.errands import AnyAnswer, Draw, Errand, Opening
from tavola.actors.wire.line import LineServer
from tavola.actors.wire.messages import Answer, Refusal, Request, ViewAt
from tavola.actors.wire.refusals import NO_GAMES, NO_SERVER, NO_WISH
from tavola.edge.routing import errands as errands_module
from tavola.edge.routing.catalogue import Catalogue
from tavola.edge.routing.errands import AT_ONCE, TRIES, Errands
from tavola.edge.routing.presence import EdgePresence
from tavola.edge.routing.router import Router
from tavola.edge.routing.view_lookup import ViewLookup
from tavola.games.registry import GAMES
from tavola.games.registry.discovery import Listed
from tavola.storage.postgres import Database

DRAW = Draw(b'{"game":"tictactoe"}', RoomId("r_1"), "CODE", "A table", UserId("host"), "Host", 1)
BROKEN_OFF = "the actor dies"


class Helper:
    """An actor's door behind which errands are done, counted, and sometimes lost with it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.done: list[Errand] = []
        self.dies = False
        self.pulse = Pulse()
        self.server: LineServer

    def errand(self, errand: Errand) -> AnyAnswer:
        self.done.append(errand)
        self.pulse.beat()
        if self.dies:
            for end in list(self.server.ends):
                end.cut(BROKEN_OFF)
        return Refusal("done_by", self.name)


def _nothing(request: Request, reply: Callable[[Answer], None]) -> None:
    raise AssertionError("errands alone are asked here")


@asynccontextmanager
async def helping(database: Database, name: str, *, rooms: int = 0, before: bool = False) -> AsyncIterator[Helper]:
    """An actor with so many rooms; `before`: of the release before, which does no errands."""
    one = Helper(name)
    one.server = LineServer(name, SECRET, _nothing, lambda edge: None, None, None if before else one.errand)
    address = await one.server.start("127.0.0.1")
    await ceiling.register(database, name, "node", 1, address, 100, None)
    await execute(database, "UPDATE room_actors SET rooms = $2 WHERE name = $1", name, rooms)
    try:
        yield one
    finally:
        await one.server.stop()


@asynccontextmanager
async def routing(database: Database, redis_url: str, starter: object = None) -> AsyncIterator[Router]:
    presence = EdgePresence(database, manager(database, redis_url, "e1"))
    router = Router(Directory(database, starter or NoCluster()), SECRET, 5.0, presence)  # type: ignore[arg-type]
    try:
        yield router
    finally:
        router.close()
        await presence.people.online.close()


def by(name: str) -> Refusal:
    return Refusal("done_by", name)


async def test_the_actor_with_least_to_do_does_them_and_goes_on_to(database_url: str, redis_url: str) -> None:
    async with (
        connected(database_url) as database,
        routing(database, redis_url) as router,
        helping(database, "busy", rooms=7) as busy,
        helping(database, "spare") as spare,
    ):
        errands = Errands(router)
        assert [await errands.ask(DRAW) for _ in range(3)] == [by("spare")] * 3
        await execute(database, "UPDATE room_actors SET rooms = 9 WHERE name = 'spare'")
        assert await errands.ask(DRAW) == by("spare"), "no query for each"
        assert (len(busy.done), len(spare.done)) == (0, 4)


async def test_one_whose_actor_is_lost_is_given_to_another(database_url: str, redis_url: str) -> None:
    async with (
        connected(database_url) as database,
        routing(database, redis_url) as router,
        helping(database, "other", rooms=1) as other,
        helping(database, "first") as first,
    ):
        first.dies = True
        assert await Errands(router).ask(DRAW) == by("other")
        assert (len(first.done), len(other.done)) == (1, 1)


async def test_one_of_which_actors_die_takes_no_more_than_a_few(database_url: str, redis_url: str) -> None:
    async with connected(database_url) as database, routing(database, redis_url) as router:
        helpers = [helping(database, f"a{n}") for n in range(TRIES + 2)]
        actors = [await each.__aenter__() for each in helpers]
        for actor in actors:
            actor.dies = True
        assert await Errands(router).ask(DRAW) == NO_SERVER
        assert sum(len(actor.done) for actor in actors) == TRIES
        for each in helpers:
            await each.__aexit__(None, None, None)


async def test_an_actor_of_the_release_before_is_asked_for_none(database_url: str, redis_url: str) -> None:
    async with (
        connected(database_url) as database,
        routing(database, redis_url) as router,
        helping(database, "before", before=True) as before,
        helping(database, "now", rooms=50),
    ):
        assert await Errands(router).ask(DRAW) == by("now")
        assert before.done == []


class Wishes:
    """A cluster that starts an actor when one is wished for."""

    def __init__(self, start: Callable[[], object]) -> None:
        self._start = start
        self.wished = 0

    async def start_actor(self, avoid: str | None = None) -> None:
        self.wished += 1
        await self._start()  # type: ignore[misc]


async def test_where_no_actor_lives_one_is_wished_for(database_url: str, redis_url: str) -> None:
    async with connected(database_url) as database:
        started = helping(database, "late")
        wishes = Wishes(lambda: started.__aenter__())
        async with routing(database, redis_url, wishes) as router:
            errands = Errands(router)
            answers = await asyncio.gather(*(errands.ask(DRAW) for _ in range(3 * AT_ONCE)))
            assert answers == [by("late")] * 3 * AT_ONCE
            assert wishes.wished == 1, "one for all"
        await started.__aexit__(None, None, None)


async def test_where_none_can_be_had_it_is_refused_in_time(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errands_module, "ANSWER_WITHIN_S", 0.5)
    async with connected(database_url) as database, routing(database, redis_url) as router:
        assert await Errands(router).ask(DRAW) == NO_SERVER


async def test_rooms_are_drawn_and_shown_as_by_those_who_have_the_games(database_url: str, redis_url: str) -> None:
    """Over the line, by a room actor as it is; the room that is looked at stays asleep."""
    async with (
        connected(database_url) as database,
        routing(database, redis_url) as router,
        hosting(database, "a") as table,
    ):
        server = LineServer("a", SECRET, table.host.handle, table.host.presence.lost, None, table.host.errand)
        address = await server.start("127.0.0.1")
        await execute(database, "UPDATE room_actors SET address = $1 WHERE name = 'a'", address)
        errands = Errands(router)
        drawn = await errands.ask(DRAW)
        assert isinstance(drawn, Opening)
        assert drawn == await here(DRAW)
        unknown = await errands.ask(msgspec.structs.replace(DRAW, wish=b'{"game":"nothing"}'))
        assert isinstance(unknown, Refusal)
        assert (unknown.code, unknown.details) == ("unknown_game", {"games": sorted(GAMES)})
        deep = b'{"game":"tictactoe","options":{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}}"
        for no_wish in (deep, b'{"game":5}', b"\xff"):
            assert await errands.ask(msgspec.structs.replace(DRAW, wish=no_wish)) == NO_WISH
        line = errands._line
        assert line is not None
        assert line.open, "other errands, and rooms, go on"

        room = await open_room(database)
        looking = ViewLookup(router, database, errands.ask)
        seen = await looking.look(room, sender("stranger"))
        assert isinstance(seen, ViewAt)
        assert (seen.seq, seen.audience, seen.has_part) == (0, "outside", False)
        assert (await database.row("locate", rooms=[room]))["name"] is None  # type: ignore[index]
        await place(database, room)
        inside = await looking.look(room, sender("host"), has_part=True)
        assert isinstance(inside, ViewAt)
        assert inside.has_part
        await execute(database, "UPDATE game_states SET state = '{\"v\": 1}' WHERE room_id = $1", room)
        await execute(database, "UPDATE rooms SET actor = NULL WHERE id = $1", room)
        router._places.clear()
        broken = await looking.look(room, sender("stranger"))
        assert isinstance(broken, Refusal)
        assert broken.code == "corrupted_state"
        await server.stop()


# The catalogue


def listed(*kinds: str) -> list[Listed]:
    return [Listed(game, "the test") for kind, game in GAMES.items() if kind in kinds]


async def kinds(database: Database) -> list[str]:
    known = await Catalogue(database).games()
    assert known is not None
    return sorted(known)


async def test_games_are_known_while_somebody_who_lives_says_them(database_url: str) -> None:
    async with connected(database_url) as database:
        await say(database, "before", listed("tictactoe", "auction"))
        assert await kinds(database) == ["auction", "tictactoe"]
        await say(database, "now", listed("tictactoe", "hearts"))
        assert await kinds(database) == ["auction", "hearts", "tictactoe"], "both live"
        silent = "UPDATE game_lists SET seen_at = now() - interval '11 seconds' WHERE said_by = $1"
        await execute(database, silent, "before")
        assert await kinds(database) == ["hearts", "tictactoe"]
        await execute(database, silent.replace("11", "12"), "now")
        assert await kinds(database) == ["auction", "tictactoe"], "none lives: the last of whom something was heard"
        await GameTeller(database, "now", listed("tictactoe")).leave()
        assert len(await execute(database, "SELECT FROM game_lists")) == 2, "nobody who lives says any"
        await say(database, "next", listed("hearts"))
        await GameTeller(database, "now", listed("tictactoe")).leave()
        assert await kinds(database) == ["hearts"]
        await execute(database, "UPDATE game_lists SET seen_at = now() - interval '2 hours' WHERE said_by = 'before'")
        await say(database, "next", listed("hearts"))
        assert [row["said_by"] for row in await execute(database, "SELECT said_by FROM game_lists")] == ["next"]


async def test_a_kind_that_is_new_is_looked_up_before_it_is_refused(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tavola.edge.routing.catalogue.NEW_S", 0.0)
    async with connected(database_url) as database:
        await say_first(database, "actor", listed("tictactoe"))
        catalogue = Catalogue(database)
        assert await catalogue.lacks("tictactoe") is None
        refused = await catalogue.lacks("hearts")
        assert refused is not None
        assert (refused.code, refused.details) == ("unknown_game", {"games": ["tictactoe"]})
        await say(database, "steward", listed("tictactoe", "hearts"))
        assert await catalogue.lacks("hearts") is None
        await say_first(database, "another actor", listed("auction"))
        assert await kinds(database) == ["hearts", "tictactoe"], "somebody has spoken already"


async def test_before_anybody_has_said_any_it_is_waited_for(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(database_url) as database:
        asked = asyncio.create_task(Catalogue(database).games())
        await asyncio.sleep(0.2)
        assert not asked.done()
        await said(database)
        known = await asked
        assert known is not None
        assert sorted(known) == sorted(GAMES)
        assert msgspec.json.decode(known["holdem"].options) == msgspec.json.schema(GAMES["holdem"].options_type)

        await execute(database, "DELETE FROM game_lists")
        monkeypatch.setattr("tavola.edge.routing.catalogue.WAIT_S", 0.3)
        catalogue = Catalogue(database)
        assert (await catalogue.games(), await catalogue.lacks("tictactoe")) == (None, NO_GAMES)


async def test_pages_lie_where_this_machine_has_them(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    async with connected(database_url) as database:
        await said(database)
        catalogue = Catalogue(database)
        known = await catalogue.games()
        assert known is not None
        holdem = known["holdem"]
        assert (holdem.page, holdem.shipped) == ("holdem/page", True)
        folder = catalogue.page(holdem)
        assert folder is not None
        assert (folder / "page.js").is_file()
        assert catalogue.page(known["auction"]) is None
        elsewhere = msgspec.structs.replace(holdem, page="/somewhere/else", shipped=False)
        assert [catalogue.page(elsewhere) for _ in range(2)] == [None, None]
        assert capsys.readouterr().out.count("game.page_not_here") == 1, "it is said once"
