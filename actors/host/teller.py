"""An actor tells edges, on their lines, the updates of the rooms that they follow; and where its rooms stand: all of
them to an edge that begins to listen, then those that changed, a moment after they did, and at once where one is now
that it has handed over. So an edge to which nothing is said has missed nothing.

At rest nothing is said and no timer runs. An edge whose own command made the change knows it by the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tavola.actors.host.loaded_room import LoadedRoom
from tavola.actors.wire.commands import RoomId, Seq
from tavola.actors.wire.line import ListeningLine
from tavola.actors.wire.messages import RoomAt, RoomGone, RoomsAt

TELL_S = 0.15
"""How long changes gather. With what an edge waits for a message that is overtaken, a lost one costs under 300 ms."""
AT_ONCE = 2000
"""Rooms in one message."""


class Teller:
    """`rooms` gives all that are loaded."""

    def __init__(self, rooms: Callable[[], list[LoadedRoom]]) -> None:
        self._rooms = rooms
        self._lines: set[ListeningLine] = set()
        self.edges: dict[str, list[ListeningLine]] = {}
        """The lines of each edge that listens."""
        self._changed: dict[RoomId, LoadedRoom] = {}
        self._let_go: set[RoomId] = set()
        self._due: asyncio.TimerHandle | None = None

    def listens(self, line: ListeningLine) -> None:
        self._lines.add(line)
        self.edges.setdefault(line.edge, []).append(line)
        stand = [_at(loaded) for loaded in self._rooms()]
        for first in range(0, len(stand), AT_ONCE):
            line.tell(RoomsAt(tuple(stand[first : first + AT_ONCE])))

    def left(self, line: ListeningLine) -> None:
        self._lines.discard(line)
        self.edges[line.edge].remove(line)
        if not self.edges[line.edge]:
            del self.edges[line.edge]
        if not self._lines:
            self._changed.clear()
            self._let_go.clear()

    def follows(self, edge: str, loaded: LoadedRoom) -> None:
        """The edge is told from now on; something may have happened since it last heard."""
        for line in self.edges.get(edge, ()):
            line.tell(RoomsAt((_at(loaded),)))

    def committed(self, loaded: LoadedRoom, seq: Seq, update: bytes) -> None:
        """`update`, encoded, is `seq` of the room, and whoever asked for it has been answered."""
        for edge in loaded.following.edges:
            for line in self.edges.get(edge, ()):
                line.show(loaded.id, seq, update)
        self.changed(loaded)

    def changed(self, loaded: LoadedRoom) -> None:
        """The room was loaded, or something was committed."""
        for line in self._lines:
            if line.shown.get(loaded.id) != loaded.seq:
                self._changed[loaded.id] = loaded
                self._let_go.discard(loaded.id)
                self._soon()
                return

    def let_go(self, room: RoomId) -> None:
        """The room is nothing of this actor's any more, as far as it knows."""
        if self._lines:
            self._changed.pop(room, None)
            self._let_go.add(room)
            self._soon()

    def gone(self, where: RoomGone) -> None:
        """It is another's, who is named at once: before whatever waited for it is answered."""
        self._changed.pop(where.room, None)
        self._let_go.discard(where.room)
        for line in self._lines:
            line.tell(RoomsAt((), (where.room,), (where,)))

    def _soon(self) -> None:
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(TELL_S, self._tell)

    def _tell(self) -> None:
        changed, self._changed = self._changed, {}
        let_go, self._let_go = tuple(self._let_go), set()
        self._due = None
        for line in self._lines:
            stand = [_at(loaded) for loaded in changed.values() if line.shown.get(loaded.id) != loaded.seq]
            for first in range(0, len(stand), AT_ONCE):
                line.tell(RoomsAt(tuple(stand[first : first + AT_ONCE])))
            if let_go:
                line.tell(RoomsAt((), let_go))


def _at(loaded: LoadedRoom) -> RoomAt:
    return RoomAt(loaded.id, loaded.seq, loaded.seq_epoch, loaded.epoch)
