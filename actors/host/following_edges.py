"""The edges that follow one room, as they say it on their lines: an update that is told there reaches them. Where they
all are known, Redis need not say it too."""

from __future__ import annotations

from collections.abc import Collection

from tavola.actors.wire.messages import ReportPresence

LOADED_MS = 10_000
"""For so long after a room was loaded there may be edges that follow it and have not said so here."""
LOST_MS = 60_000
"""For so long after its line was cut an edge may go on to follow the room and have no line."""


class FollowingEdges:
    """Times are in milliseconds, on the host's clock."""

    __slots__ = ("_older", "_unsure_until", "edges")

    def __init__(self) -> None:
        self.edges: set[str] = set()
        """Those that take what is told of the room."""
        self._older: set[str] = set()
        """Those of a release before, which do not say whether they follow it, and hear of it by Redis."""
        self._unsure_until: int | None = None
        """None: until the room is loaded, and used."""

    def loaded(self, now: int) -> None:
        self._unsure_until = now + LOADED_MS

    def says(self, request: ReportPresence) -> bool:
        """Whether the edge says that it follows the room, and did not say so before."""
        edge, follows = request.edge, request.follows
        if follows is None:
            if request.here:
                self._older.add(edge)
            return False
        if not follows:
            self.edges.discard(edge)
            return False
        if edge in self.edges:
            return False
        self.edges.add(edge)
        return True

    def lose(self, edge: str, now: int) -> None:
        """Its last line was cut."""
        if edge in self.edges or edge in self._older:
            self.edges.discard(edge)
            self._older.discard(edge)
            if self._unsure_until is not None:
                self._unsure_until = max(self._unsure_until, now + LOST_MS)

    def on_lines(self, listening: Collection[str], now: int) -> bool:
        """Whether all that follow the room hear of it on their lines. `listening`: the edges whose line listens. Where
        none is known there may be one of which nobody has heard."""
        if self._older or self._unsure_until is None or now < self._unsure_until:
            return False
        return bool(self.edges) and all(edge in listening for edge in self.edges)
