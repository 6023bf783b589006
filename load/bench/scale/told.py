"""The cost of an actor telling every edge where its rooms stand: `python -m tavola.load.bench.scale.told`.

Both ends of a line are in this process, so the figure is that of the actor and the edge together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Annotated

import typer
import uvloop

from tavola.actors.wire.commands import Epoch, RoomId, Seq
from tavola.actors.wire.line import Line, LineServer, ListeningLine
from tavola.actors.wire.messages import Answer, Request, RoomAt, RoomsAt, Told
from tavola.config.keys import Secrets

SECRET = Secrets(b"a secret for a measurement, 32 bytes")
SILENT_S = 60.0


class _Tells:
    """Holds the lines of edges that listen."""

    def __init__(self) -> None:
        self.lines: list[ListeningLine] = []

    def listens(self, line: ListeningLine) -> None:
        self.lines.append(line)

    def left(self, line: ListeningLine) -> None:
        self.lines.remove(line)


def _nothing(request: Request, reply: Callable[[Answer], None]) -> None:
    """Nobody asks."""


async def told_us(rooms: int, messages: int) -> float:
    """Microseconds of processor for a message about so many rooms, from actor to edge, both counted."""
    teller, heard = _Tells(), asyncio.Event()
    known: dict[RoomId, int] = {}
    count = 0

    def told(stand: Told) -> None:
        nonlocal count
        assert isinstance(stand, RoomsAt)
        for at in stand.rooms:
            known.get(at.room)  # as an edge does with a room that nobody follows there
        count += 1
        if count == messages:
            heard.set()

    server = LineServer("actor", SECRET, _nothing, lambda edge: None, teller)
    line = await Line.connect("actor", await server.start("127.0.0.1"), SECRET, SILENT_S, "edge", told)
    while not teller.lines:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    stand = RoomsAt(tuple(RoomAt(RoomId(f"r_{n:016x}"), Seq(n), Epoch(1), Epoch(1)) for n in range(rooms)))
    began = time.process_time()
    for _ in range(messages):
        teller.lines[0].tell(stand)
        await asyncio.sleep(0)  # each leaves by itself, as in life
    await heard.wait()
    spent = time.process_time() - began
    line.cut("done")
    await server.stop()
    return spent / messages * 1e6


def main(messages: Annotated[int, typer.Option(min=100)] = 20_000) -> None:
    """A message about one room, and about a hundred; and so for each message, and for each room in it."""
    one, many = (uvloop.run(told_us(rooms, messages)) for rooms in (1, 100))
    typer.echo(f"a message about a room {one:.1f} µs, about a hundred {many:.1f} µs: {(many - one) / 99:.2f} µs a room")


if __name__ == "__main__":
    typer.run(main)
