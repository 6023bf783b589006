"""The cost of persistence, on a real Postgres: counted by game where it is paid, carried by an actor's beat, never lost
with an actor, and told to Prometheus and to the operator."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack, suppress

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kit.damage import execute, playing
from kit.hosts import SEALER, SECRET, Table, chat, connected, hosting, open_room, place
from kit.poolers import pooler_node
from kit.proxy import proxied
from kit.stack import until
from tavola.actors.cluster import ceiling, room_process
from tavola.actors.cluster.directory import Directory
from tavola.actors.cluster.steward import Steward
from tavola.actors.wire.messages import Committed, Moved, Refusal
from tavola.config.logs import EVENTS_LIMIT, EventCounts
from tavola.config.settings import Settings
from tavola.edge.common.metrics import FleetCount, Metrics
from tavola.edge.operating.admin_api import GamePersistenceReply, persistence_reply
from tavola.edge.routing.fleet import actor_queues
from tavola.edge.routing.persistence import KEPT, LOOK_S, SPAN, PersistenceWatch
from tavola.load.faults.proxy import Loss
from tavola.storage.fingerprint import admit
from tavola.storage.measures import Measures, ToldEvents, measured
from tavola.storage.postgres import Database
from tavola.storage.redis import RedisPublisher

LOGGED = """
SELECT r.game, count(*) AS rows, sum(length(l.body)) AS bytes FROM log l JOIN rooms r ON r.id = l.room_id GROUP BY 1
"""


NO_REDIS = RedisPublisher("redis://127.0.0.1:1", SEALER)


class Nobody:
    """No cluster."""

    async def start_actor(self, avoid: str | None = None) -> None:
        raise AssertionError("no actor is wanted")

    async def end_actor(self, name: str) -> None:
        pass


async def beat(database: Database, table: Table) -> None:
    assert await database.row("beat_actor", name=table.name, measured=table.host.measures.text()) is not None


async def bury(url: str, database: Database, name: str) -> None:
    """It has been silent for long, and the steward finds that."""
    await execute(url, "UPDATE room_actors SET alive_at = now() - interval '1 minute' WHERE name = $1", name)
    settings = Settings(DATABASE_URL=url, TAVOLA_JWT_SECRET=SECRET.newest.decode())
    await Steward(settings, SECRET, database, Directory(database, Nobody()), Nobody(), int).bury_the_dead()
    assert await execute(url, "SELECT FROM room_actors WHERE name = $1", name) == []


async def by_game(database: Database) -> dict[str, tuple[int, int]]:
    return {game: (of.rows, of.bytes) for game, of in (await measured(database)).items()}


async def logged(url: str) -> dict[str, tuple[int, int]]:
    return {row["game"]: (row["rows"], row["bytes"]) for row in await execute(url, LOGGED)}


async def test_rows_and_bytes_by_game_are_those_of_the_log(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as a:
        for game in ("tictactoe", "holdem"):
            await playing(database, a, game)
        assert await measured(database) == {}, "it has not said so yet"
        await beat(database, a)
        found = await by_game(database)
        assert found == await logged(database_url)
        assert set(found) == {"tictactoe", "holdem"}
        for of in (await measured(database)).values():
            assert (of.commits.count, of.loads.count) == (of.rows, 1), "one after the other, each was a commit"
            assert 0 < of.commits.micros < 60_000_000
            assert of.replays == of.repairs == 0


async def test_a_killed_actor_loses_nothing_but_its_last_beat(database_url: str) -> None:
    """And no sum is ever lower than before, whoever comes and goes."""
    async with connected(database_url) as database, hosting(database, "b") as b:
        async with hosting(database, "a") as a:
            room, epoch = await playing(database, a)
            await beat(database, a)
            said = await measured(database)
            await a.does(epoch, "host", chat(room, "never told"))
        await bury(database_url, database, "a")
        kept = await measured(database)
        assert kept.text() == said.text()
        assert said["tictactoe"].rows == (await logged(database_url))["tictactoe"][0] - 1
        assert not await execute(database_url, "SELECT FROM room_actors WHERE measured IS NOT NULL")
        await b.does(await place(database, room), "host", chat(room, "goes on"))
        await beat(database, b)
        after = await measured(database)
        assert after["tictactoe"].rows > said["tictactoe"].rows
        assert not after["tictactoe"].less_than(kept["tictactoe"])
        assert after["tictactoe"].loads.count == 2


async def test_sums_stand_still_while_actors_go_in_any_way(database_url: str) -> None:
    """Buried, retired, or taken away by a release that knows nothing of this, all at once: at no moment is anything
    counted twice or not at all."""
    async with connected(database_url, most=12) as database:
        each = Measures()
        for game in ("holdem", "tictactoe", "chess"):
            each[game].logged(3, 700)
            each[game].commits.took(0.002)
        names = [f"a{number}" for number in range(24)]
        for name in names:
            await ceiling.register(database, name, "node", 1, "127.0.0.1:1", 5, None)
            await database.rows("beat_actor", name=name, measured=each.text())
        whole = await measured(database)
        assert whole["chess"].sums() == {name: 24 * value for name, value in each["chess"].sums().items()}
        going = True

        async def look() -> int:
            looks = 0
            while going:
                assert (await measured(database)).text() == whole.text()
                looks += 1
            return looks

        looking = asyncio.create_task(look())
        await asyncio.gather(
            *(database.rows("forget_actor", name=name) for name in names[:8]),
            *(database.rows("retire_spare", node="node") for _ in range(8)),
            *(execute(database_url, "DELETE FROM room_actors WHERE name = $1", name) for name in names[8:]),
        )
        going = False
        assert await looking > 0
        assert await execute(database_url, "SELECT FROM room_actors") == []
        assert (await measured(database)).text() == whole.text()


async def test_what_waits_is_told_while_its_actor_lives(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is in no sum, before and after."""
    monkeypatch.setattr(room_process, "BEAT_S", 0.01)
    async with connected(database_url) as direct, proxied(database_url) as proxy, connected(proxy.url) as database:
        async with hosting(database, "a") as a:
            room = await open_room(direct)
            epoch = await place(direct, room)
            await a.does(epoch, "host", chat(room, "one"))
            beats = asyncio.create_task(room_process.beat("a", direct, a.host, NO_REDIS, await admit(direct, SECRET)))
            proxy.hold("two")
            said = [a.deliver(epoch, "host", chat(room, text)) for text in ("two", "three", "four")]
            await proxy.held.wait()

            async def told() -> bool:
                found = await actor_queues(direct)
                return found.queues["committing"].all + found.queues["commit"].all == 3

            await until(told, "they wait for their commits")
            await ceiling.register(direct, "b", "another node", 1, "127.0.0.1:1", 5, None)
            there = Measures()
            await direct.rows("beat_actor", name="b", measured=there.text({}, {"view": 7, "commit": 1, "load": 0}))
            found = await actor_queues(direct)
            assert found.queues["view"] == (7, 7)
            assert found.queues["load"] == (0, 0)
            assert (found.nodes, found.without_redis) == (2, 1), "of the two, one has none"
            assert (await measured(direct)).keys() <= {"holdem", "tictactoe"}
            proxy.release()
            await asyncio.gather(*said)
            beats.cancel()
            await direct.rows("forget_actor", name="b")
        assert (await actor_queues(direct)).queues["view"] == (0, 0)
        assert (await measured(direct)).keys() <= {"holdem", "tictactoe"}
        metrics = Metrics(int, int, int, int, dict)
        metrics.counted(FleetCount({}, {}, 0, found))
        text = metrics.text().decode()
        assert 'tavola_actor_queue_longest{queue="view"} 7.0' in text
        assert "tavola_actors_without_redis 1.0" in text
        assert "tavola_nodes 2.0" in text


async def test_the_actors_own_beat_carries_them(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_process, "BEAT_S", 0.01)
    async with connected(database_url) as database, hosting(database, "a") as a:
        beats = asyncio.create_task(room_process.beat("a", database, a.host, NO_REDIS, await admit(database, SECRET)))
        room, epoch = await playing(database, a)

        async def told() -> bool:
            return await by_game(database) == await logged(database_url)

        for number in range(3):
            await a.does(epoch, "host", chat(room, f"c{number}"))
            await until(told, "the beat that tells of it")
        beats.cancel()
        with suppress(asyncio.CancelledError):
            await beats


async def test_a_beat_without_news_leaves_them(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as a:
        await playing(database, a)
        await beat(database, a)
        said = await measured(database)
        await database.rows("beat_actor", name="a", measured=None)
        assert (await measured(database)).text() == said.text()


async def test_the_pooler_carries_them(database_url: str) -> None:
    with pooler_node(database_url) as node:
        async with connected(database_url) as direct, AsyncExitStack() as stack:
            tables = []
            for name in ("a", "b"):
                database = await stack.enter_async_context(node.actor())
                tables.append((database, await stack.enter_async_context(hosting(database, name))))
            for (_, table), game in zip(tables, ("tictactoe", "holdem"), strict=True):
                await playing(direct, table, game)
            assert await measured(direct) == {}
            await asyncio.gather(*(beat(database, table) for database, table in tables))
            assert await by_game(direct) == await logged(database_url)
            await asyncio.gather(*(database.row("beat_actor", name=t.name, measured=None) for database, t in tables))
            assert await by_game(direct) == await logged(database_url)
            assert {of.commits.count for of in (await measured(direct)).values()} != {0}


async def test_a_commit_is_counted_once_for_each_game_in_it(database_url: str) -> None:
    async with (
        connected(database_url) as direct,
        proxied(database_url) as proxy,
        connected(proxy.url) as database,
        hosting(database, "a") as table,
    ):
        rooms = [await open_room(direct, game) for game in ("tictactoe", "tictactoe", "holdem", "holdem")]
        epochs = [await place(direct, room) for room in rooms]
        for room, epoch in zip(rooms, epochs, strict=True):
            await table.rouse(epoch, room)
            await table.does(epoch, "host", chat(room, "here"))
        before = Measures()
        for game, of in table.host.measures.items():
            for name, value in of.sums().items():
                before[game].put(name, value)
        proxy.hold("first")
        first = table.deliver(epochs[0], "host", chat(rooms[0], "first"))
        await proxy.held.wait()
        together = [table.deliver(epoch, "host", chat(room, "x")) for room, epoch in zip(rooms, epochs, strict=True)]
        table.reached.clear()
        proxy.release()
        for answer in (first, *together):
            assert isinstance(await answer, Committed)
        assert table.reached.count("commit.before") == 1, "all of them are one commit"
        more = {game: of.commits.since(before[game].commits).count for game, of in table.host.measures.items()}
        rows = {game: of.rows - before[game].rows for game, of in table.host.measures.items()}
        assert (more, rows) == ({"tictactoe": 2, "holdem": 1}, {"tictactoe": 3, "holdem": 2})


async def test_what_was_not_written_is_not_counted(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as old, hosting(database, "b"):
        room = await open_room(database)
        epoch = await place(database, room, avoid="b")
        await old.does(epoch, "host", chat(room, "one"))
        before = old.host.measures.text()
        await place(database, room, avoid="a")
        assert isinstance(await old.deliver(epoch, "host", chat(room, "late")), Moved)
        assert old.host.measures.text() == before


@pytest.mark.parametrize("loss", ["reply", "request"])
async def test_a_commit_whose_answer_is_lost_is_counted_once(database_url: str, loss: Loss) -> None:
    async with (
        connected(database_url) as direct,
        proxied(database_url) as proxy,
        connected(proxy.url) as database,
        hosting(database, "a") as table,
    ):
        room = await open_room(direct)
        epoch = await place(direct, room)
        await table.does(epoch, "host", chat(room, "warm"))
        proxy.lose_next(loss, b"unknown")
        await table.does(epoch, "host", chat(room, "unknown"))
        assert proxy.lost_replies + proxy.lost_requests == 1
        await beat(direct, table)
        assert await by_game(direct) == await logged(database_url)
        assert (await measured(direct))["tictactoe"].commits.count == 2


async def test_replays_and_repairs(database_url: str) -> None:
    """A room that its log makes readable again counts as both, one that it does not as replayed."""
    async with connected(database_url) as database, hosting(database, "b") as b:
        async with hosting(database, "a") as a:
            good, _ = await playing(database, a)
            bad, _ = await playing(database, a)
        for room in (good, bad):
            await execute(database_url, "UPDATE game_states SET state = '{}' WHERE room_id = $1", room)
        wrong = "UPDATE actions SET command = replace(command, '4', '5') WHERE room_id = $1"
        await execute(database_url, wrong, bad)
        assert not isinstance(await b.look(await place(database, good, avoid="a"), "ann", good), Refusal)
        assert isinstance(await b.look(await place(database, bad, avoid="a"), "ann", bad), Refusal)
        mine = b.host.measures["tictactoe"]
        assert (mine.replays, mine.repairs, mine.loads.count) == (2, 1, 1)


async def test_prometheus_reads_them(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as a:
        watch = PersistenceWatch(database, int)
        metrics = Metrics(int, int, int, int, dict, persistence=watch.told)
        await watch.look()
        assert "tavola_commit_seconds" in {
            each.name for each in text_string_to_metric_families(metrics.text().decode())
        }
        await playing(database, a)
        await playing(database, a, "holdem")
        await beat(database, a)
        await watch.look()
        families = {each.name: each for each in text_string_to_metric_families(metrics.text().decode())}
        sums = await measured(database)
        for game, of in sums.items():

            def value(family: str, ending: str, le: str | None = None, game: str = game) -> float:
                labels = {"game": game} if le is None else {"game": game, "le": le}
                [found] = [
                    each.value
                    for each in families[family].samples
                    if each.name == family + ending and each.labels == labels
                ]
                return float(found)

            assert value("tavola_log_rows", "_total") == of.rows > 0
            assert value("tavola_log_bytes", "_total") == of.bytes > 0
            assert value("tavola_room_replays", "_total") == value("tavola_room_repairs", "_total") == 0
            for family, times in (("tavola_commit_seconds", of.commits), ("tavola_room_load_seconds", of.loads)):
                assert families[family].type == "histogram"
                assert value(family, "_count") == value(family, "_bucket", "+Inf") == times.count > 0
                assert value(family, "_sum") == pytest.approx(times.micros / 1e6)
                upto = [each.value for each in families[family].samples if each.name == f"{family}_bucket"]
                assert value(family, "_bucket", "10.0") <= times.count
                assert len(upto) == 2 * len(times.buckets)
        assert re.search(r'tavola_commit_seconds_bucket\{game="holdem",le="0.0005"\} \d', metrics.text().decode())


class Watched:
    """An edge's watch, whose looks are five seconds apart."""

    def __init__(self, database: Database) -> None:
        self.ms = 1_000_000
        self.watch = PersistenceWatch(database, lambda: self.ms)

    async def look(self) -> None:
        self.ms += int(LOOK_S * 1000)
        await self.watch.look()

    def shown(self, game: str) -> GamePersistenceReply:
        [found] = [each for each in persistence_reply(self.watch).games if each.game == game]
        return found


async def test_the_operator_is_shown_the_last_minutes(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as a:
        edge = Watched(database)
        assert persistence_reply(edge.watch).games == []
        await edge.look()
        room, epoch = await playing(database, a)
        await beat(database, a)
        await edge.look()
        assert edge.shown("tictactoe").lately.at == [], "there is nothing to compare with ten seconds before"
        await edge.look()
        shown, first = edge.shown("tictactoe"), (await logged(database_url))["tictactoe"]
        assert (shown.rows, shown.bytes, shown.commits.count, shown.loads.count) == (*first, first[0], 1)
        assert shown.lately.at == ["1970-01-01T00:16:55.000Z"]
        assert shown.lately.rows_a_second == [first[0] / 10]
        assert shown.lately.bytes_a_second == [first[1] / 10]
        lately = shown.lately
        assert (lately.commit_p50_ms, lately.load_p50_ms) == ([shown.commits.p50_ms], [shown.loads.p50_ms])
        assert (lately.commit_p99_ms, lately.load_p99_ms) == ([shown.commits.p99_ms], [shown.loads.p99_ms])
        for number in range(5):
            await a.does(epoch, "host", chat(room, f"c{number}"))
        await beat(database, a)
        for _ in range(4):
            await edge.look()
        lately = edge.shown("tictactoe").lately
        assert lately.rows_a_second == [first[0] / 10, 0.5, 0.5, 0.0, 0.0]
        assert lately.commit_p50_ms[-2:] == lately.load_p50_ms[-2:] == [None, None], "nothing was done"
        for _ in range(KEPT):
            await edge.look()
        assert len(edge.shown("tictactoe").lately.at) == KEPT - SPAN
        assert edge.shown("tictactoe").rows == first[0] + 5


async def test_nothing_is_compared_with_what_a_database_has_forgotten(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as a:
        edge = Watched(database)
        await playing(database, a)
        await beat(database, a)
        for _ in range(SPAN + 2):
            await edge.look()
        assert len(edge.shown("tictactoe").lately.at) == 2
        before = edge.shown("tictactoe").rows
        await execute(database_url, 'UPDATE room_actors SET measured = \'{"tictactoe": {"rows": 1}}\'')
        await edge.look()
        assert (before > 1, edge.shown("tictactoe").rows, edge.shown("tictactoe").lately.at) == (True, 1, [])


async def test_events_of_actors_and_steward_are_told_by_every_edge(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(database_url) as database, hosting(database, "a"):
        counted = EventCounts()
        for method, event in (("warning", "commit.unknown"), ("warning", "commit.unknown"), ("info", "room.placed")):
            counted(None, method, {"event": event})
        each = Measures()
        await database.rows("beat_actor", name="a", measured=each.text(counted))
        steward = EventCounts()
        telling = ToldEvents(database, "steward", steward)
        steward(None, "info", {"event": "actor.buried"})
        await telling.tell()
        await telling.tell()
        steward(None, "info", {"event": "actor.buried"})
        await telling.tell()
        watch = PersistenceWatch(database, int)
        for _ in range(2):
            await watch.look()
            assert watch.events == {
                "actor warning commit.unknown": 2, "actor info room.placed": 1, "steward info actor.buried": 2,
            }  # fmt: skip
            await database.rows("forget_actor", name="a")  # Its sums stay.
        assert watch.told() == [], "they are no game's"
        mine = EventCounts()
        mine(None, "info", {"event": "socket.slow_consumer"})
        monkeypatch.setattr("tavola.edge.common.metrics.COUNTED", mine)
        metrics = Metrics(int, int, int, int, dict, others_events=lambda: watch.events)
        told = metrics.text().decode()
        assert 'tavola_events_total{event="socket.slow_consumer",level="info"} 1.0' in told
        assert 'tavola_deployment_events_total{event="commit.unknown",level="warning",part="actor"} 2.0' in told
        assert 'tavola_deployment_events_total{event="actor.buried",level="info",part="steward"} 2.0' in told


def test_whatever_games_log_there_are_not_many_events() -> None:
    counted = EventCounts()
    for number in range(2 * EVENTS_LIMIT):
        letters = "".join(chr(ord("a") + int(digit)) for digit in str(number))
        for event in (f"game.{letters}", "Words of a game", 7, f'x"{{ 1\n{number}'):
            counted(None, "info", {"event": event})
    assert len(counted) == EVENTS_LIMIT
    assert all(re.fullmatch(r"info game\.[a-j]+", name) for name in counted)
