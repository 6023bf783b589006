"""Measures what traces cost a move, where it is spent: not at all, not drawn by lot, and traced.

    python tests/integration/measure_traces.py

Spans go to a collector in a process of its own, over a real connection; sending them is in the figure.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import sys
import time
import timeit
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))

from kit.collector import collecting
from tavola.actors.wire import update as codec
from tavola.actors.wire.commands import AnyCommand, Epoch, RoomId, Sender, Seq, UserId
from tavola.actors.wire.messages import Committed, Submit
from tavola.actors.wire.update import MemberView, Update
from tavola.config.spans import Tracer
from tavola.edge.common.sampling import Sampling
from tavola.edge.ws import protocol

FRAME = b'{"type":"act","id":"1234abcd-17","room":"r_0123456789abcdef","move":"mark","turn":7,"cell":4}'
ANN = Sender(UserId("u_0123456789"), "Ann")
TRACES, TIMES, REPEATS = 400, 50_000, 15
SHARE = 0.01


class PlainSubmit(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """`Submit` without its last member."""

    epoch: Epoch
    sender: Sender
    command: AnyCommand
    code: str = ""


def micros(work: Callable[[], object]) -> float:
    """Of one, at its fastest."""
    return min(timeit.repeat(work, number=TIMES, repeat=REPEATS)) / TIMES * 1e6


def off() -> float:
    """The bytes and members that every move has more; the rest is a test of an attribute here and there."""
    command = protocol.decode(FRAME)
    assert not isinstance(command, protocol.Bad)
    encode = msgspec.msgpack.Encoder().encode
    with_it, without = msgspec.msgpack.Decoder(Submit).decode, msgspec.msgpack.Decoder(PlainSubmit).decode
    on_the_line = micros(lambda: with_it(encode(Submit(Epoch(3), ANN, command, "", "")))) - micros(  # type: ignore[arg-type]
        lambda: without(encode(PlainSubmit(Epoch(3), ANN, command, "")))  # type: ignore[arg-type]
    )
    told = codec.encode(_update())
    return on_the_line + micros(lambda: codec.decode_told(told)) - micros(lambda: codec.decode(told))


def not_drawn(tracer: Tracer) -> float:
    command = protocol.decode(FRAME)
    sampling = Sampling(tracer, 0.0, random.random, time.monotonic)
    return micros(lambda: sampling.begin("edge.frame", command, protocol.traceparent(FRAME)))  # type: ignore[arg-type]


def traced(tracer: Tracer) -> float:
    """A move on one edge: six spans, made and sent."""
    command = protocol.decode(FRAME)
    sampling = Sampling(tracer, 1.0, random.random, time.monotonic)
    answer, update = Committed(Seq(17)), _update()
    began = time.process_time()
    for _ in range(TRACES):
        trace = sampling.begin("edge.frame", command, protocol.traceparent(FRAME))  # type: ignore[arg-type]
        assert trace is not None
        place = trace.sent()
        tracer.span("room.decide", place, room=update.room, game="tictactoe").end()
        tracer.span("room.commit", place, batch=30, rooms=30).end()
        publish = tracer.span("room.publish", place, seq=update.seq)
        told = codec.decode_told(codec.traced(update, publish.traceparent))
        publish.end()
        trace.answered(answer)
        tracer.span("edge.fan_out", told.traceparent, room=told.room, seq=told.seq, sockets=6).end()
        trace.shown(answer)
    tracer.close()
    assert tracer.counts.sent == 6 * TRACES
    return (time.process_time() - began) / TRACES * 1e6


def _update() -> Update:
    users = {UserId(user): MemberView(patch=b'{"me":{"legal":[]}}') for user in ("ann", "bob")}
    events, patch = b'[{"kind":"player_action","seat_index":1}]', b'{"turn":{"number":8}}'
    return Update(RoomId("r_1"), Seq(17), Epoch(3), 1, events, patch, MemberView(), users)


def _collect(told: Connection) -> None:
    async def collect() -> None:
        async with collecting() as collector:
            told.send(collector.url)
            await asyncio.Event().wait()

    asyncio.run(collect())


def main() -> None:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_collect, args=(theirs,), daemon=True)
    process.start()
    tracer = Tracer(ours.recv(), "tavola-edge", "measured", "one")
    try:
        without, passed_over, one = off(), not_drawn(tracer), traced(tracer)
    finally:
        process.terminate()
    print(f"off: {without:.2f} µs a move more than before there were traces")
    print(f"on: a command that is not drawn {passed_over:.2f} µs, a trace of six spans {one:.0f} µs")
    print(f"one in {1 / SHARE:.0f}: {without + passed_over + SHARE * one:.1f} µs a move")


if __name__ == "__main__":
    main()
