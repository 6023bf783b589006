"""The record of a run over one honest hold'em room: made by the room itself, without servers.

`played` is that; tests change it as a bug would have, and see that the checker finds it.
"""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import msgspec

from kit.rooms import HOST, ROOM, Live, info
from tavola.actors.log.logged import NULL, update_texts
from tavola.actors.room.play import game_of
from tavola.actors.room.state import Decision
from tavola.actors.wire.commands import Act, AnyCommand, Recover, Spectate, TakeSeat
from tavola.actors.wire.update import encode
from tavola.load.evidence.evidence import Diary, Kind, Message, Note, RecordedRoom, Replay, Row, StoredState
from tavola.load.proof.checker import check_room
from tavola.load.proof.findings import Finding

PLAYERS = (HOST, "u1", "u2")
WATCHER = "w"
OUTSIDER = "o"
TOKENS = {user: f"token-of-{user}-that-nobody-else-knows" for user in (*PLAYERS, WATCHER, OUTSIDER)}


class Story:
    """A room that is played, and what everybody notes of it. A command is sent at `now`, committed a millisecond later,
    published and shown another one later."""

    def __init__(self) -> None:
        self.live = Live(info("holdem", next_hand_seconds=0), (*PLAYERS, WATCHER, OUTSIDER))
        self.room = RecordedRoom(str(ROOM), "holdem", opener=HOST)
        for user in self.live.viewers:
            diary = Diary(str(user), f"Name of {user}", secrets=[TOKENS[user]], notes=[])
            self.room.diaries.append(diary)
            self.note(user, "open")
            self.note(user, "out", {"type": "join_room", "room": ROOM})
            view = self.live.viewers[user].view
            self.note(user, "in", {"type": "hydrated", "room": ROOM, "seq": 0, "view": {"seq": 0, **view}}, 0.001)

    @property
    def now_s(self) -> float:
        return float(self.live.now / 1000)

    def diary(self, user: str) -> Diary:
        return next(diary for diary in self.room.diaries if diary.user == user)

    def note(self, user: str, kind: Kind, frame: Any = None, after_s: float = 0.0) -> None:
        data = b"" if frame is None else frame if isinstance(frame, bytes) else msgspec.json.encode(frame)
        self.diary(user).notes.append(Note(self.now_s + after_s, kind, data))

    def send(self, user: str, command: AnyCommand) -> None:
        """A command that is accepted; the user notes that they sent it and what they were told."""
        self.live.now += 100
        if user:
            self.note(user, "out", _frame(command))
        decided = self.live.send(user, command)
        assert isinstance(decided, Decision), decided
        self.happened()
        if user:
            ack = {"type": "ack", "id": command.id, "room": ROOM, "seq": self.live.seq}
            self.note(user, "in", ack, 0.003)

    def happened(self) -> None:
        """The last decision is committed, published and shown."""
        update, line = self.live.updates[-1], self.live.log[-1]
        texts = ("" if text == NULL else text.decode() for text in update_texts(update))
        events, patch, outside, private = texts
        row = Row(
            seq=update.seq,
            epoch=update.epoch,
            user=line.sender.user,
            command_id=line.command.id,
            command=msgspec.json.encode(line.command).decode(),
            answer="{}",
            events=events,
            patch=patch,
            outside=outside,
            private=private,
            entropy=bytes(line.entropy),
            at=update.at,
            committed_at=self.now_s + 0.001,
        )
        self.room.log.append(row)
        self.room.heard.append(Message(self.now_s + 0.002, encode(update)))
        for user, viewer in self.live.viewers.items():
            self.note(user, "in", viewer.frames[-1], 0.002)

    def act(self, wanted: str | None = None) -> None:
        """The player to act makes a move: the wanted one, or checks or calls."""
        user = self.live.to_act()
        assert user is not None
        seat = self.live.room.seat_of(user)
        turn = self.live.room.table.turn
        assert seat is not None
        assert turn is not None
        game = game_of(self.live.room)
        legal = [entry["move"] for entry in game.legal(self.live.room.table.game, self.live.room.info.options, seat)]
        move = wanted or next(name for name in ("check", "call") if name in legal)
        self.send(user, Act(id=self.live.id(), room=ROOM, move=move, turn=turn.number))

    def wake(self) -> None:
        """Time passes to the room's alarm, and it rings."""
        assert isinstance(self.live.wake(), Decision)
        self.happened()

    def end(self) -> RecordedRoom:
        """Everybody fetches a view; the database is read."""
        self.live.now += 1000
        for user, viewer in self.live.viewers.items():
            view = {"seq": self.live.seq, "at": self.live.now, "stale": False, **viewer.fresh(self.live.room)}
            self.note(user, "fetched", view)
        table = self.live.room.table
        self.room.state = StoredState(1, self.live.seq, msgspec.json.encode(table).decode())
        self.room.seats = [(index, seat.user) for index, seat in sorted(table.seats.items())]
        self.room.replay = Replay(self.live.seq)
        return self.room


def play() -> RecordedRoom:
    """Two hands and a half: one to the showdown, one in which somebody folds and somebody lets their time run out, and
    one that is interrupted by a crash."""
    story = Story()
    live = story.live
    for user in (*PLAYERS[1:], WATCHER):
        before = live.seq
        live.now += 50
        story.note(user, "rest", {"type": "request_join", "id": live.id(), "answered": True})
        live.join(user)
        assert live.seq == before + 1
        story.happened()
    for seat, user in enumerate(PLAYERS):
        story.send(user, TakeSeat(id=live.id(), room=ROOM, seat_index=seat))
    story.send(WATCHER, Spectate(id=live.id(), room=ROOM))
    while _hands(live) < 2:
        if live.to_act() is None:
            story.wake()
        else:
            story.act()
    story.act("fold")
    story.wake()
    while _hands(live) < 3:
        if live.to_act() is None:
            story.wake()
        else:
            story.act()
    story.act()
    live.now += 3000
    assert isinstance(live.send("", Recover(id="recover", room=ROOM)), Decision)
    story.happened()
    story.act()
    story.act()
    return story.end()


@cache
def _once() -> RecordedRoom:
    return play()


def played() -> RecordedRoom:
    """A fresh copy, to be changed at will."""
    return copy.deepcopy(_once())


def found(room: RecordedRoom, promise: str) -> list[Finding]:
    return [finding for finding in check_room(room) if finding.promise == promise]


def rewrite(room: RecordedRoom, seq: int, **fields: Any) -> None:
    """Changes a row of the log."""
    index = seq - 1
    room.log[index] = msgspec.structs.replace(room.log[index], **fields)


def frames(diary: Diary, kind: str, note_kind: Kind = "in") -> list[int]:
    """Where in the notes frames of a type are."""
    return [
        index
        for index, note in enumerate(diary.notes)
        if note.kind == note_kind and note.data and msgspec.json.decode(note.data).get("type", "view") == kind
    ]


def note_of(diary: Diary, seq: int) -> int:
    """Where the update with a number is."""
    return next(i for i in frames(diary, "update") if msgspec.json.decode(diary.notes[i].data)["seq"] == seq)


def diary_of(room: RecordedRoom, user: str) -> Diary:
    return next(diary for diary in room.diaries if diary.user == user)


def seq_of(room: RecordedRoom, event: str, number: int = 0) -> int:
    """The update that holds the nth event of a kind."""
    return [row.seq for row in room.log if any(e["kind"] == event for e in msgspec.json.decode(row.events))][number]


def automatic(room: RecordedRoom) -> int:
    """The update in which the clock played for somebody."""
    return next(row.seq for row in room.log if not row.user and '"automatic":true' in row.events)


def _hands(live: Live) -> int:
    number: int = live.room.table.hand
    return number


def _frame(command: AnyCommand) -> dict[str, Any]:
    """A command as it is on the wire."""
    frame: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(command))
    frame |= frame.pop("arguments", None) or {}
    return {name: value for name, value in frame.items() if value is not None}
