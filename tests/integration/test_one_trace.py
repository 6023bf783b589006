"""Traces: what an edge, an actor and another edge tell of one command, to a collector that speaks OTLP."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from kit.collector import Collector, SpanSeen, collecting
from kit.doors import Doors, Json, Person, Socket, doors
from kit.followers import follower
from kit.hosts import OPENER
from kit.people import presence
from tavola.actors.wire.commands import Epoch, RoomId, Seq
from tavola.config.spans import Tracer
from tavola.edge.common.sampling import JOINED_BURST, Sampling
from tavola.edge.ws.fanout import Fanout

CLIENTS, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, NOT_SAMPLED = f"00-{CLIENTS}-{SPAN}-01", f"00-{CLIENTS}-{SPAN}-00"


class Table(NamedTuple):
    """A room of tic-tac-toe with Ann and Bob in it, each with a socket, and whose turn it is."""

    edge: Doors
    room: str
    ann: Person
    players: list[Socket]

    @property
    def rows(self) -> list[Json]:
        """The turns, as Ann was told of them."""
        return [payload for payload in self.players[0].payloads if payload["type"] == "update"]

    async def to_act(self, number: int) -> Socket:
        """The player whose turn it is, in the turn of that number."""

        def turn(payload: Json) -> bool:
            found: Json = payload.get("patch", {}).get("turn") or {}
            return found.get("number") == number

        told = await self.players[0].hears(turn)
        seat: int = told["patch"]["turn"]["seat_index"]
        return self.players[seat]


@asynccontextmanager
async def table(database_url: str, redis_url: str, url: str, share: float) -> AsyncIterator[Table]:
    """`url` is the collector's. On leaving all that was to be told has been sent, or given up."""
    edges, actors = Tracer(url, "tavola-edge", "tests", "one"), Tracer(url, "tavola-room-actor", "tests", "a")
    sampling = Sampling(edges, share, random.random, time.monotonic)
    try:
        async with doors(database_url, redis_url, sampling=sampling, tracer=actors) as edge:
            ann, bob = edge.person("Ann"), edge.person("Bob")
            room = (await edge.opened(ann, name="a secret of Ann's"))["id"]
            players = []
            for seat, who in enumerate((ann, bob)):
                player = await edge.socket(who)
                await player.joins(room)
                await player.does("request_join", room, f"join {seat}", display_name=who.user)
                assert (await player.does("take_seat", room, f"sit {seat}", seat_index=seat))["type"] == "ack"
                players.append(player)
            yield Table(edge, room, ann, players)
    finally:
        for tracer in (edges, actors):
            await asyncio.to_thread(tracer.close)


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with collecting() as made:
        yield made


def of(name: str, spans: list[SpanSeen]) -> SpanSeen:
    [found] = [span for span in spans if span.name == name]
    return found


async def test_a_move_is_one_trace_from_its_frame_to_the_last_socket_of_either_edge(
    database_url: str, redis_url: str, collector: Collector
) -> None:
    other = Tracer(collector.url, "tavola-edge", "tests", "two")
    async with table(database_url, redis_url, collector.url, 0.0) as at:
        elsewhere = Fanout(
            at.edge.database, redis_url, OPENER, presence(at.edge.database, redis_url, "2"), tracer=other
        )
        hearing = asyncio.create_task(elsewhere.run())
        mover = await at.to_act(1)
        seq, epoch = at.rows[-1]["seq"], at.rows[-1]["epoch"]
        watching = [follower(user) for user in ("eve", "zoe", "mia")]
        for follows, _ in watching:
            await elsewhere.begin(follows, RoomId(at.room))
            elsewhere.place(follows, RoomId(at.room), Seq(seq), Epoch(epoch), "outside", has_part=False)
        done = await mover.does("act", at.room, "move", move="mark", cell=4, turn=1, traceparent=SAMPLED)
        await watching[-1][1].has(seq + 1)
        await asyncio.to_thread(other.close)
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)
    assert done["seq"] == seq + 1
    assert {span.trace for span in collector.spans} == {CLIENTS}, "nothing else is traced"
    spans = collector.trace(CLIENTS)

    frame, line, publish = of("edge.frame", spans), of("line", spans), of("room.publish", spans)
    decide, commit = of("room.decide", spans), of("room.commit", spans)
    shown = {span.instance: span for span in spans if span.name == "edge.fan_out"}
    assert len(spans) == 7
    assert (frame.parent, line.parent) == (SPAN, frame.id)
    assert {decide.parent, commit.parent, publish.parent} == {line.id}
    assert {span.parent for span in shown.values()} == {publish.id}
    assert frame.start <= line.start <= decide.start <= decide.end <= commit.start
    assert commit.end <= publish.start <= min(span.start for span in shown.values())
    assert shown["one"].end <= frame.end
    assert all(line.start <= span.start <= span.end <= line.end for span in (decide, commit, publish))

    assert {(span.service, span.instance) for span in spans} == {
        ("tavola-edge", "one"),
        ("tavola-edge", "two"),
        ("tavola-room-actor", "a"),
    }
    assert frame.attributes == {"tavola.command": "act", "tavola.room": at.room, "tavola.seq": seq + 1}
    assert decide.attributes == {"tavola.room": at.room, "tavola.game": "tictactoe"}
    assert commit.attributes == {"tavola.batch": 1, "tavola.rooms": 1}
    assert {name: span.attributes["tavola.sockets"] for name, span in shown.items()} == {"one": 2, "two": 3}


async def test_a_traceparent_is_no_part_of_the_command(database_url: str, redis_url: str, collector: Collector) -> None:
    async with table(database_url, redis_url, collector.url, 0.0) as at:
        mover = await at.to_act(1)
        move = {"move": "mark", "cell": 4, "turn": 1}
        first = await mover.does("act", at.room, "move", **move, traceparent=SAMPLED)
        for told in (SAMPLED.replace("4b", "5c"), NOT_SAMPLED, "none that there is", 7, None):
            assert await mover.does("act", at.room, "move", **move, traceparent=told) == first
        assert await mover.does("act", at.room, "move", **move) == first
        chat = await mover.does("chat", at.room, "chat", text="hello", traceparent=SAMPLED)
        assert await mover.does("chat", at.room, "chat", text="hello") == chat
        rows = await at.edge.log(at.room)
    assert [row["command_id"] for row in rows].count("move") == 1
    assert "traceparent" not in str([row["command"] for row in rows])


async def test_every_command_is_traced_by_either_door_if_all_are(
    database_url: str, redis_url: str, collector: Collector
) -> None:
    async with table(database_url, redis_url, collector.url, 1.0) as at:
        mover = await at.to_act(1)
        await mover.does("act", at.room, "move", move="mark", cell=4, turn=1)
        await at.edge.ok("POST", f"/api/rooms/{at.room}/chat", at.ann, {"text": "what only Ann says"})
        assert (await mover.does("act", at.room, "again", move="mark", cell=4, turn=1))["code"] == "stale_turn"
    roots = [span for span in collector.spans if not span.parent]
    assert len({span.trace for span in roots}) == len(roots)
    assert [
        (span.name, span.attributes["tavola.command"], span.failed) for span in sorted(roots, key=lambda s: s.start)
    ] == [
        ("edge.frame", "request_join", ""),
        ("edge.frame", "take_seat", ""),
        ("edge.frame", "request_join", ""),
        ("edge.frame", "take_seat", ""),
        ("edge.frame", "act", ""),
        ("edge.request", "chat", ""),
        ("edge.frame", "act", "stale_turn"),
    ]
    refused = collector.trace(max(roots, key=lambda span: span.start).trace)
    assert [(span.name, span.failed) for span in refused] == [
        ("edge.frame", "stale_turn"),
        ("line", "stale_turn"),
        ("room.decide", "stale_turn"),
    ]
    for secret in ("only Ann", "secret of Ann", "u_ann", "u_bob"):
        assert secret not in str(collector.spans)


async def test_what_asks_for_no_trace_is_traced_by_lot_alone(
    database_url: str, redis_url: str, collector: Collector
) -> None:
    async with table(database_url, redis_url, collector.url, 0.0) as at:
        mover = await at.to_act(1)
        for number, told in enumerate((NOT_SAMPLED, SAMPLED + "x", "ff" + SAMPLED[2:], "", 7, {"a": [1]}, None)):
            said = await mover.does("chat", at.room, f"chat {number}", text="hello", traceparent=told)
            assert said["type"] == "ack", "it is ignored"
    assert collector.spans == []


async def test_clients_may_ask_for_so_many_traces(database_url: str, redis_url: str, collector: Collector) -> None:
    async with table(database_url, redis_url, collector.url, 0.0) as at:
        mover = await at.to_act(1)
        late = {"move": "mark", "cell": 4, "turn": 0}
        for number in range(3 * int(JOINED_BURST)):
            mover.say(type="act", id=f"late {number}", room=at.room, **late, traceparent=SAMPLED)
        for number in range(3 * int(JOINED_BURST)):
            told = await mover.hears(lambda frame: frame.get("id") == f"late {number}")  # noqa: B023
            assert told["code"] == "stale_turn"
    traced = [span for span in collector.spans if span.name == "edge.frame"]
    assert JOINED_BURST <= len(traced) < 2 * JOINED_BURST


@pytest.mark.parametrize("status", [None, 503, 400])
async def test_a_collector_that_takes_nothing_harms_nothing(
    database_url: str, redis_url: str, status: int | None, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    url = collector.url
    if status is None:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            url = "http://127.0.0.1:{1}".format(*nobody.getsockname())
    else:
        collector.status = status
    async with table(database_url, redis_url, url, 1.0) as at:
        mover = await at.to_act(1)
        assert (await mover.does("act", at.room, "move", move="mark", cell=4, turn=1))["type"] == "ack"
        sampling = at.edge.services.sampling
        assert sampling is not None
    counts = sampling.tracer.counts.by_outcome()
    assert counts["sent"] == 0
    assert status is None or collector.requests > 0, "it was asked"
    if status == 400:
        assert counts["not_taken"] > 0
        assert b'tavola_spans_total{outcome="not_taken"}' in at.edge.services.metrics.text()
    assert not caplog.records, "the library says nothing of it"
