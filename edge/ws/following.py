"""The rooms that one socket follows: what was missed, or a whole view, and from then on what the fan-out hears."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from tavola.actors.log.logged import update_of
from tavola.actors.wire.commands import Epoch, RoomId, Sender, Seq
from tavola.actors.wire.messages import Refusal, ViewAt
from tavola.actors.wire.refusals import NO_ROOM, NO_SERVER, STORAGE_AWAY, TOO_MANY_GUESSES
from tavola.actors.wire.update import Audience, frames
from tavola.edge.common.guesses import Guesses
from tavola.edge.identity.issued_tokens import IssuedTokens
from tavola.edge.identity.reconnection import Membership, ReconnectionTokens
from tavola.edge.routing.view_lookup import ViewLookup
from tavola.edge.ws import protocol
from tavola.edge.ws.fanout import Fanout, FrameWriter, RoomFollower
from tavola.edge.ws.gap_reader import GapReader
from tavola.edge.ws.history import Held
from tavola.storage.postgres import StorageUnavailable

LIMIT = 100
"""Rooms that one socket may follow."""
ISSUE_WITHIN_S = 0.5
"""How long a view waits for a rejoin token to be written; then it goes without."""


class FollowingSocket(FrameWriter, Protocol):
    """The user whose rooms these are."""

    keyring: IssuedTokens

    @property
    def sender(self) -> Sender: ...

    def send(self, payload: bytes) -> None: ...

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Have `work` done while the socket is open."""


class Following:
    def __init__(
        self,
        socket: FollowingSocket,
        looking: ViewLookup,
        fanout: Fanout,
        gaps: GapReader,
        returns: ReconnectionTokens,
        guesses: Guesses,
    ) -> None:
        self._socket = socket
        self._guesses = guesses
        self._looking = looking
        self._fanout = fanout
        self._gaps = gaps
        self._returns = returns
        self._rooms: dict[RoomId, RoomFollower] = {}
        self._joining = 0
        self.codes: dict[str, str] = {}
        """By which code the client has come to a room that is followed, if by one."""

    def follow(self, room: RoomId, held: Held | None, part: Membership | None = None, code: str | None = None) -> None:
        """Send what the client misses after what it holds, or everything; what happens from now on follows by itself.
        `part`: what is known of them there already; `code`: the room's, as they know it."""
        follower = self._rooms.get(room)
        if follower is None:
            if len(self._rooms) >= LIMIT:
                self._socket.send(
                    protocol.error(Refusal("overloaded", "This socket follows too many rooms."), None, room)
                )
                return
            follower = self._rooms[room] = RoomFollower(self._socket, self._socket.sender.user)
        if code:
            self.codes[room] = code.upper()
        self._socket.start(self._join(room, follower, held, part))

    def start_over(self, room: RoomId) -> None:
        """Send a whole view, for what was sent before is none of the room's history."""
        follower = self._rooms.get(room)
        if follower is not None:
            self._socket.start(self._join(room, follower, None, None))

    def leave(self, room: RoomId) -> None:
        follower = self._forget(room)
        if follower is not None:
            self._fanout.end(follower, room)

    def end(self, *, elsewhere: bool = False) -> None:
        """The socket is gone; `elsewhere`, because it was sent to another edge."""
        for room, follower in self._rooms.items():
            self._fanout.end(follower, room, elsewhere=elsewhere)
        self._rooms.clear()
        self.codes.clear()

    def _forget(self, room: RoomId) -> RoomFollower | None:
        self.codes.pop(room, None)
        return self._rooms.pop(room, None)

    async def _join(self, room: RoomId, follower: RoomFollower, held: Held | None, part: Membership | None) -> None:
        """One at a time for each follower; one whose client has left the room meanwhile comes to nothing."""
        with self._catching_up():
            async with follower.joining:
                if self._rooms.get(room) is follower:
                    await self._join_alone(room, follower, held, part)
                if self._rooms.get(room) is not follower:
                    self._fanout.end(follower, room)

    @contextmanager
    def _catching_up(self) -> Iterator[None]:
        """Other edges, when they end, let more go as sockets become current here."""
        people = self._fanout.presence.people
        self._joining += 1
        people.catching_up += self._joining == 1
        try:
            yield
        finally:
            self._joining -= 1
            people.catching_up -= self._joining == 0

    async def _join_alone(
        self, room: RoomId, follower: RoomFollower, held: Held | None, part: Membership | None
    ) -> None:
        await self._fanout.begin(follower, room)
        if held is not None and (part is None or part.seq - held.seq <= protocol.GAP_LIMIT):
            with suppress(StorageUnavailable):  # The actor has the view, if need be without the database.
                if await self._replay(room, follower, held):
                    return
        no = await self._hydrate(room, follower, held, has_part=part is not None and part.counts)
        if no is not None and self._rooms.get(room) is follower:
            self._forget(room)
            self._socket.send(protocol.error(no, None, room))

    async def _replay(self, room: RoomId, follower: RoomFollower, held: Held) -> bool:
        """Whether the gap after what the client holds was one of the log's, and short enough to be replayed from it."""
        rows = await self._gaps.after(room, follower.user, held.seq)
        if not rows or not held.is_in(rows):
            return False
        stands, grant = Seq(rows[0]["stands"]), rows[0]["seat_token"]
        missed = [update_of(room, row) for row in rows if row["seq"] is not None]
        if stands < held.seq or len(missed) != stands - held.seq or any(update.whole for update in missed):
            return False
        if self._rooms.get(room) is not follower:
            return True
        audience: Audience = "inside" if rows[0]["inside"] else "outside"
        if grant:
            self._socket.keyring.sits(room, rows[0]["seat_index"], grant)
        self._socket.send(protocol.updates(room, frames(missed, follower.user, audience, self._socket.given)))
        epoch = missed[-1].epoch if missed else Epoch(rows[0]["held"] or 0)
        self._fanout.place(follower, room, stands, epoch, audience, has_part=rows[0]["has_part"])
        return True

    async def _hydrate(
        self, room: RoomId, follower: RoomFollower, held: Held | None, *, has_part: bool
    ) -> Refusal | None:
        sender, code = self._socket.sender, self.codes.get(room, "")
        may_guess = self._guesses.allowed(sender.user)
        tried = code if may_guess else ""
        answer, part = await asyncio.gather(
            self._looking.look(room, sender, code=tried, has_part=has_part), self._issue(room, sender)
        )
        if code and isinstance(answer, Refusal) and answer.code == NO_ROOM.code:
            if not may_guess:
                return TOO_MANY_GUESSES
            self._guesses.wrong(sender.user)
        if self._rooms.get(room) is not follower:
            return None
        if not isinstance(answer, ViewAt):
            return answer if isinstance(answer, Refusal) else NO_SERVER
        if answer.stale and held is not None and answer.seq < held.seq:
            # Of an actor that has lost the room and, as the database is away, cannot know it: no step back for that.
            return STORAGE_AWAY
        view = answer.view
        if part is not None:
            self._socket.keyring.take(part)
            view = protocol.with_rejoin_token(view, part.rejoin_token)
        self._socket.send(protocol.hydrated(room, answer.seq, answer.epoch, answer.at, view, answer.stale))
        self._fanout.place(follower, room, answer.seq, answer.epoch, answer.audience, has_part=answer.has_part)
        return None

    async def _issue(self, room: RoomId, sender: Sender) -> Membership | None:
        """A rejoin token for a member who was given none for this room on this socket. Without one they can do."""
        if self._socket.keyring.has(room):
            return None
        with suppress(StorageUnavailable, TimeoutError):
            async with asyncio.timeout(ISSUE_WITHIN_S):
                return await self._returns.member(room, sender.user)
        return None
