"""Which commands are traced, and the edge's own spans of one: the frame, and the way to the room's actor and back.

It is by lot, or because the client follows the command already and says so by a `traceparent`. Clients may ask for
`JOINED_RATE` traces a second at an edge, all of them together; beyond, the lot decides as for any other command.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tavola.actors.wire.commands import Command, snake
from tavola.actors.wire.messages import Answer, Committed, Refusal
from tavola.config.traceparent import TraceParent, parsed, traceparent
from tavola.edge.common.limits import Bucket

if TYPE_CHECKING:
    from tavola.config.spans import Tracer

JOINED_RATE, JOINED_BURST = 20.0, 100.0
"""Traces that clients ask for, a second and at once, at one edge."""


class CommandTrace:
    """One command's spans here. It is `sent`, then `answered`, then `shown`."""

    __slots__ = ("_frame", "_line", "_tracer")

    def __init__(self, tracer: Tracer, name: str, parent: str, command: Command) -> None:
        self._tracer = tracer
        self._frame = tracer.span(name, parent, command=snake(type(command).__name__), room=command.room)
        self._line = self._frame

    def sent(self) -> str:
        """It is on its way to the actor: the place in the trace of what comes of it there."""
        self._line = self._tracer.span("line", self._frame.traceparent)
        return self._line.traceparent

    def answered(self, answer: Answer) -> None:
        """The actor, or whoever looked for it, has answered."""
        self._line.end(_failed(answer))

    def shown(self, answer: Answer) -> None:
        """The sender has been written the answer."""
        if isinstance(answer, Committed):
            self._frame.note(seq=answer.seq)
        self._frame.end(_failed(answer))


class Sampling:
    """An edge's choice of commands."""

    def __init__(self, tracer: Tracer, share: float, lot: Callable[[], float], clock: Callable[[], float]) -> None:
        """Of all commands `share` is traced; `lot` draws from 0 to 1, and `clock` gives seconds."""
        self.tracer = tracer
        self._share, self._lot, self._clock = share, lot, clock
        self._joined = Bucket(JOINED_RATE, JOINED_BURST, clock())

    def begin(self, name: str, command: Command, told: object) -> CommandTrace | None:
        """The trace of `command`, if it is traced; `name` is of the first span. `told`: the `traceparent` that came
        with it, if any did."""
        parent = parsed(told) if told is not None else None
        if not (parent is not None and self._joins(parent)) and self._lot() >= self._share:
            return None
        within = "" if parent is None else traceparent(parent.trace, parent.span)
        return CommandTrace(self.tracer, name, within, command)

    def _joins(self, parent: TraceParent) -> bool:
        return parent.sampled and self._joined.take(self._clock())


def _failed(answer: Answer) -> str:
    return "" if isinstance(answer, Committed) else answer.code if isinstance(answer, Refusal) else "no answer"
