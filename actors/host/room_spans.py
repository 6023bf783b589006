"""The spans of commands that are traced, as far as an actor goes: deciding, the commit, publishing."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from tavola.actors.host.commit_writer import WriteOutcome
from tavola.actors.host.loaded_room import Accepted, Decided, Pending, WithoutEffect
from tavola.actors.room.state import Nothing
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.update import traced

if TYPE_CHECKING:
    from tavola.config.spans import OpenSpan, Tracer


class RoomSpans:
    """Of commands that are not traced this says nothing."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def deciding(self, pending: Pending, decide: Callable[[Pending], Decided | Nothing]) -> Decided | Nothing:
        """The outcome of `decide` for a command that is traced. Raises whatever that does."""
        info = pending.loaded.room.info
        span = self._tracer.span("room.decide", pending.traceparent, room=info.id, game=info.game)
        failed = ""
        try:
            decided = decide(pending)
            if isinstance(decided, WithoutEffect) and isinstance(decided.verdict, Refusal):
                failed = decided.verdict.code
        except Exception as error:
            failed = type(error).__name__
            raise
        finally:
            span.end(failed)
        return decided

    async def committing(self, batch: Sequence[Accepted], write: Coroutine[Any, Any, WriteOutcome]) -> WriteOutcome:
        """The outcome of `write`, which commits `batch`. Raises whatever that does."""
        rooms = {entry.pending.loaded for entry in batch}
        spans = [
            (entry, self._tracer.span("room.commit", entry.pending.traceparent, batch=len(batch), rooms=len(rooms)))
            for entry in batch
            if entry.pending.traceparent
        ]
        try:
            outcome = await write
        except Exception as error:
            for _, span in spans:
                span.end(type(error).__name__)
            raise
        for entry, span in spans:
            span.end("" if entry.pending.loaded in outcome.written else "not written")
        return outcome

    def publishing(self, entries: Sequence[Decided], messages: list[bytes]) -> list[OpenSpan]:
        """The updates `messages` of `entries` are being published: those that are traced say so from here on. To be
        ended when that is done."""
        spans = []
        for index, entry in enumerate(entries):
            if isinstance(entry, Accepted) and entry.pending.traceparent:
                span = self._tracer.span("room.publish", entry.pending.traceparent, seq=entry.update.seq)
                messages[index] = traced(entry.update, span.traceparent)
                spans.append(span)
        return spans
