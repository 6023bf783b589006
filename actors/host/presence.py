"""The presence of users in all the rooms of a host, and what follows from it. Edges say it; nothing here waits or is
stored.

Seated users get what the clocks go by: `Disconnected` as soon as nobody has a socket of theirs any more, `Connected`
when somebody has one again. For the other members, and the host, `Attendance` says it, once a tick for all of a room;
and for a room where nobody is, `Vacant`. The presence that is wanted is compared with what the room says, again and
again, so nothing is lost when a commit is. Nobody pays for our own downtime: who was on an edge that is gone, and
whoever has not been announced since their room was loaded, is given some time to appear elsewhere.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

import msgspec

from tavola.actors.host.loaded_room import LoadedRoom, Reply
from tavola.actors.host.room_presence import BY_REQUEST, UNANNOUNCED, Status
from tavola.actors.host.rooms import Rooms
from tavola.actors.room import absence, attendance, ending
from tavola.actors.room.clock import MERCY_MS, Grace
from tavola.actors.room.state import Room
from tavola.actors.wire.commands import AnyCommand, Attendance, Connected, Disconnected, UserId, Vacant
from tavola.actors.wire.messages import Answer, Committed, PresenceAt, ReportPresence
from tavola.config.limits import SILENT_MS
from tavola.games.base import SeatIndex

TICK_S = 0.5
EDGE_LOST_MS = 5_000
"""How long those whose edge is gone have to appear on another before they are away."""
ROUND_TICKS = 30
"""In so many ticks every room is looked at once."""

_json = msgspec.json.Encoder().encode


class PresenceTracker:
    """Turns what edges say into commands, and into `presence` frames for those inside the room."""

    def __init__(
        self,
        rooms: Rooms,
        now: Callable[[], int],
        grace: Grace,
        system: Callable[[LoadedRoom, AnyCommand, Reply], object],
        tell: Callable[[bytes], None],
    ) -> None:
        """`now` in ms. `system` decides a command of our own and replies if something came of it; `tell` takes
        an encoded `PresenceAt`."""
        self._rooms = rooms
        self._now = now
        self._grace = grace
        self._system = system
        self._tell = tell
        self._due: list[tuple[int, int, LoadedRoom, UserId]] = []
        """A heap: when somebody's place counts no longer."""
        self._numbered = 0
        self._doubtful: set[LoadedRoom] = set()
        self._moved: dict[LoadedRoom, set[UserId]] = {}
        """Members of whom the room may hold otherwise than is so."""
        self._round: list[LoadedRoom] = []
        self._share = 0

    # News of users

    def loaded(self, loaded: LoadedRoom) -> None:
        """The room was loaded: nobody has said yet who is there. A user who was away is so until they are said to be
        back.

        Said again, it changes nothing."""
        if loaded.presence.begun:
            return
        loaded.presence.begun = True
        loaded.following.loaded(self._now())
        room, until = loaded.room, self._now() + MERCY_MS
        for user, index in room.seated.items():
            status = loaded.presence.told[user] = _status(loaded, index)
            if status == "active":
                self._stays(loaded, user, UNANNOUNCED, until)
            else:
                loaded.presence.leaves(user, UNANNOUNCED)
        for user in _expected(room) - room.seated.keys():
            if absence.marked(room, user):
                loaded.presence.leaves(user, UNANNOUNCED)
                loaded.presence.told[user] = "away"
            else:
                self._stays(loaded, user, UNANNOUNCED, until)

    def report(self, loaded: LoadedRoom, request: ReportPresence) -> None:
        if loaded.following.says(request):
            self._rooms.teller.follows(request.edge, loaded)
        for user in request.here:
            loaded.presence.arrives(user, request.edge)
            self._judge(loaded, user)
        for user, ms in request.lately:
            self._stays(loaded, user, BY_REQUEST, self._now() + ms)
            self._judge(loaded, user)
        for user in request.gone:
            loaded.presence.leaves(user, request.edge)
            self._judge(loaded, user)

    def lost(self, edge: str) -> None:
        """The line of that edge was cut."""
        now = self._now()
        until = now + EDGE_LOST_MS
        for loaded in self._rooms.all():
            loaded.following.lose(edge, now)
            for user in loaded.presence.lose(edge, until):
                self._remind(loaded, user, until)

    def doubt(self, loaded: LoadedRoom) -> None:
        """A decision for the room came to nothing, or somebody wonders: look at it again."""
        self._doubtful.add(loaded)

    def woken(self, loaded: LoadedRoom) -> None:
        """The room's alarm has rung: somebody's grace may have ended, and with it their seat, by which it was known
        that they are gone. It is noted before the alarm rings again: nobody's part passes on to them."""
        for index, seat in loaded.room.table.seats.items():
            if seat.away is not None and loaded.room.seat_of(seat.user) == index:
                self._say(loaded, seat.user, _status(loaded, index))
        told = loaded.presence.told
        freed = {user for user in told if absence.marked(loaded.tip, user) is False and not loaded.presence.here(user)}
        if freed:
            self._note(loaded, freed)
            self._mind_emptiness(loaded)

    def anybody(self, loaded: LoadedRoom) -> bool:
        """Whether somebody is there who has a part in the room."""
        room = loaded.room
        return any(loaded.presence.here(user) and not room.members[user].idle for user in _expected(room))

    # Work that is done now and then

    def tick(self) -> None:
        """Look at those whose time is over, at the rooms in doubt, and at some of the others."""
        now = self._now()
        while self._due and self._due[0][0] <= now:
            _, _, loaded, user = heapq.heappop(self._due)
            if self._rooms.holds(loaded):
                loaded.presence.expire(user, now)
                self._judge(loaded, user)
        doubtful, self._doubtful = self._doubtful, set()
        for loaded in doubtful:
            self._look_at(loaded)
        moved, self._moved = self._moved, {}
        for loaded, users in moved.items():
            self._note(loaded, users)
        if not self._round:
            self._round = self._rooms.all()
            self._share = len(self._round) // ROUND_TICKS + 1
        for loaded in self._round[-self._share :]:
            self._look_at(loaded)
            self._mind_emptiness(loaded)
        del self._round[-self._share :]

    def _look_at(self, loaded: LoadedRoom) -> None:
        if not self._rooms.holds(loaded) or loaded.room.info.status == "closed":
            return
        expected = _expected(loaded.tip)
        for user in expected:
            if user not in loaded.presence and not absence.marked(loaded.tip, user):
                # They came in by a request and have shown themselves nowhere yet.
                self._stays(loaded, user, BY_REQUEST, self._now() + SILENT_MS)
            self._judge(loaded, user)
        loaded.presence.forget(expected)

    # Consequences

    def _judge(self, loaded: LoadedRoom, user: UserId) -> None:
        """See that the room says of `user` what is so."""
        room, here = loaded.tip, loaded.presence.here(user)
        if room.info.status == "closed":
            return
        marked = absence.marked(room, user)
        if marked is not None and marked is here:
            self._moved.setdefault(loaded, set()).add(user)
        index = room.seat_of(user)
        if index is None and user != room.info.host:
            if (member := loaded.room.members.get(user)) is not None and member.watching:
                self._say(loaded, user, "active" if here else "away")
            return
        if here and attendance.noted(room, user):
            back = Connected(id=f"attended.{loaded.tip_seq + 1}", room=loaded.id, user_id=user)
            self._system(loaded, back, lambda answer: self._done(loaded, user, answer))
        elif not here and attendance.unnoted(room, user):
            gone = Disconnected(
                id=f"deserted.{loaded.tip_seq + 1}",
                room=loaded.id,
                user_id=user,
                disconnected_ms=self._grace.disconnected_ms,
                freed_ms=self._grace.freed_ms,
                turn_ms=self._grace.turn_ms,
            )
            self._system(loaded, gone, lambda answer: self._done(loaded, user, answer))
        elif index is not None and loaded.room.seat_of(user) == index:
            self._say(loaded, user, _status(loaded, index))

    def _note(self, loaded: LoadedRoom, users: set[UserId]) -> None:
        """Members without a seat came or went, however many since the last tick: one command says it."""
        room = loaded.tip
        if not self._rooms.holds(loaded) or room.info.status == "closed":
            return
        here: list[UserId] = []
        gone: list[UserId] = []
        for user in users:
            marked = absence.marked(room, user)
            if marked is not None and marked is loaded.presence.here(user):
                (here if marked else gone).append(user)
        if here or gone:
            id = f"attendance.{loaded.tip_seq + 1}"
            told = Attendance(
                id=id, room=loaded.id, here=tuple(here), gone=tuple(gone), leaves_ms=self._grace.leaves_ms
            )
            self._system(loaded, told, lambda _: None)

    def _mind_emptiness(self, loaded: LoadedRoom) -> None:
        """A room where nobody is ends after a while; if somebody comes, it says so by itself."""
        room = loaded.tip
        if not self._rooms.holds(loaded) or room.info.status == "closed" or room.table.closes_at is not None:
            return
        if (self._grace.empty_ms or room.info.empty_minutes) and ending.vacant(room):
            command = Vacant(id=f"vacant.{loaded.tip_seq + 1}", room=loaded.id, closes_ms=self._grace.empty_ms)
            self._system(loaded, command, lambda _: None)

    def _done(self, loaded: LoadedRoom, user: UserId, answer: Answer) -> None:
        index = loaded.room.seat_of(user)
        if isinstance(answer, Committed) and index is not None:
            self._say(loaded, user, _status(loaded, index))

    def _say(self, loaded: LoadedRoom, user: UserId, status: Status) -> None:
        if loaded.presence.told.get(user, "active") != status:
            loaded.presence.told[user] = status
            self._tell(_json(PresenceAt(loaded.id, user, status)))

    def _stays(self, loaded: LoadedRoom, user: UserId, place: str, until: int) -> None:
        loaded.presence.stays(user, place, until)
        self._remind(loaded, user, until)

    def _remind(self, loaded: LoadedRoom, user: UserId, due: int) -> None:
        self._numbered += 1
        heapq.heappush(self._due, (due, self._numbered, loaded, user))


def _expected(room: Room) -> set[UserId]:
    """The users whose presence is the room's concern: all who are admitted."""
    return {user for user, member in room.members.items() if member.standing == "approved"}


def _status(loaded: LoadedRoom, index: SeatIndex) -> Status:
    """The stored record of who sits there."""
    away = loaded.room.table.seats[index].away
    if away is None:
        return "active"
    return "away" if away.step == "away" else "disconnected"
