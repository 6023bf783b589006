"""A room without servers: decided, shown and stored as a host would, with everybody watching.

`Live` is one room. Each accepted command becomes an update; every viewer merges the frames that they are shown; the
rows that would be written are kept as tables. Nothing is checked here: tests compare.
"""

from __future__ import annotations

import copy
from base64 import b64decode
from typing import Any

import msgspec

from kit.merge import merge
from tavola.actors.log.logged import logged_text, text_of
from tavola.actors.room import codec
from tavola.actors.room.decide import decide, open_room
from tavola.actors.room.ending import alarm
from tavola.actors.room.rows import dump, records
from tavola.actors.room.state import Decision, Info, Nothing, Room
from tavola.actors.room.view import Projection, View, audience, whole
from tavola.actors.versions.upcast import Versions
from tavola.actors.wire.commands import (
    SYSTEM,
    AnyCommand,
    CommandId,
    Epoch,
    RequestJoin,
    RoomId,
    Sender,
    Seq,
    TakeSeat,
    UserId,
    Wake,
)
from tavola.actors.wire.given import NOTHING_GIVEN, Given, record_of
from tavola.actors.wire.grants import GrantSigner
from tavola.actors.wire.update import Audience, Update
from tavola.games.base import Entropy, Refusal
from tavola.games.registry import GAMES
from tavola.storage.packing import pack, unpack_state

START_MS = 1_760_000_000_000
MINT = GrantSigner(b"a secret of tests, 32 bytes long")
ROOM = RoomId("r_test")
HOST = UserId("host")

Table = dict[Any, dict[str, Any]]


def info(game: str = "holdem", **fields: Any) -> Info:
    """A room's description. Options of the game go by their own names; the rest are fields of `Info`."""
    names = {field.name for field in msgspec.structs.fields(Info)}
    options = {key: fields.pop(key) for key in list(fields) if key not in names}
    given: dict[str, Any] = {
        "id": ROOM,
        "code": "CODE",
        "name": "A table",
        "host": HOST,
        "approval": "auto",
        "options": msgspec.convert(options, GAMES[game].options_type),
    }
    return Info(game=game, **{**given, **fields})


def sender(user: str) -> Sender:
    """The user with this id, under the name that their token gives them. The name holds no card."""
    return Sender(UserId(user), f"Name-{user}") if user else SYSTEM


def entropy(number: int) -> Entropy:
    return Entropy(number.to_bytes(4, "big") * 8)


def stored(room: Room) -> Room:
    """The room as a checkpoint gives it back."""
    return codec.restore(dump(room))


class Viewer:
    """One user's client: it holds a view and merges what it is shown."""

    def __init__(self, room: Room, user: UserId) -> None:
        self.user = user
        self.hydrate(room)
        self.frames: list[bytes] = []

    def hydrate(self, room: Room) -> None:
        self.view: View = as_json(whole(room, self.user))
        self.audience: Audience = audience(room, self.user)

    def take(self, update: Update) -> bytes:
        """The frame that an edge writes for this viewer."""
        self.audience = update.audience_after(self.user, self.audience)
        frame = update.frame_for(self.user, self.audience)
        self.frames.append(frame)
        self.view = merge(self.view, msgspec.json.decode(frame).get("patch", {}))
        return frame

    def fresh(self, room: Room) -> View:
        """The view that hydration would give now."""
        view: View = as_json(whole(room, self.user))
        return view


class Command(msgspec.Struct, frozen=True):
    """One line of the log."""

    sender: Sender
    command: AnyCommand
    now: int
    entropy: Entropy


class Live:
    """A room, the log of what was accepted, the updates, the viewers, and the rows."""

    def __init__(self, description: Info, viewers: tuple[str, ...] = ()) -> None:
        self.now = START_MS
        self.room = self.first = open_room(description, sender(description.host).name, self.now)
        self.projection = Projection(self.room)
        self.seq = Seq(0)
        self.log: list[Command] = []
        self.decisions: list[Decision] = []
        self.updates: list[Update] = []
        self.viewers = {UserId(user): Viewer(self.room, UserId(user)) for user in viewers}
        self.rows = Rows(self.room)
        self.chance = entropy
        """The entropy of the command of a number, from 1."""

    def send(self, user: str, command: AnyCommand) -> Decision | Refusal | Nothing:
        """Decide; what is accepted is shown to every viewer. Nothing is written yet."""
        chance = self.chance(len(self.log) + 1)
        verdict = decide(self.room, sender(user), command, self.now, chance)
        if isinstance(verdict, Decision):
            self.log.append(Command(sender(user), command, self.now, chance))
            self.take(verdict)
        return verdict

    def take(self, decision: Decision) -> Update:
        self.seq = Seq(self.seq + 1)
        update, self.projection = self.projection.show(decision, self.seq, Epoch(1))
        self.room = decision.room
        self.decisions.append(decision)
        self.updates.append(update)
        for viewer in self.viewers.values():
            viewer.take(update)
        return update

    def write(self) -> None:
        """Commit what was decided since the last time, as one batch."""
        self.rows.write([(seq, self.decisions[seq - 1]) for seq in range(self.rows.seq + 1, self.seq + 1)])

    # Shorthands

    def id(self) -> CommandId:
        return CommandId(f"c{len(self.log)}")

    def wake(self) -> Decision | Refusal | Nothing:
        """Let time pass to the room's alarm, and ring it."""
        due = alarm(self.room)
        if due is not None:
            self.now = max(self.now, due)
        return self.send("", Wake(id="wake", room=ROOM))

    def join(self, *users: str) -> None:
        for user in users:
            assert isinstance(
                self.send(user, RequestJoin(id=self.id(), room=ROOM, display_name=f"Name-{user}")), Decision
            )

    def sit(self, user: str, seat: int, buy_in: int | None = None) -> None:
        if user not in self.room.members:
            self.join(user)
        sat = self.send(user, TakeSeat(id=self.id(), room=ROOM, seat_index=seat, buy_in=buy_in))
        assert isinstance(sat, Decision), sat

    def to_act(self) -> UserId | None:
        turn = self.room.table.turn
        return self.room.table.seats[turn.seat].user if turn is not None else None

    def forked(self) -> Live:
        """Another room of the same past; rooms are immutable, so only what changes is copied."""
        fork = copy.copy(self)
        fork.log, fork.decisions, fork.updates = list(self.log), list(self.decisions), list(self.updates)
        fork.viewers = {user: copy.copy(viewer) for user, viewer in self.viewers.items()}
        for viewer in fork.viewers.values():
            viewer.frames = list(viewer.frames)
        fork.rows = copy.deepcopy(self.rows)
        return fork


class Rows:
    """The rows that Postgres would hold of one room, written by `actors.room.rows` as `commit_records` writes it."""

    def __init__(self, room: Room) -> None:
        self.written = room
        self.seq = Seq(0)
        member = room.members[room.info.host]
        self.room: dict[str, Any] = {
            "status": room.info.status,
            "host_id": room.info.host,
            "alarm_at": None,
            "present": 1,
        }
        admitted = {"display_name": member.name, "status": "approved", "changed_at": member.at, "banned": False}
        admitted |= {"leaves_at": member.leaves_at, "idle": False}
        self.players: Table = {room.info.host: admitted}
        self.spectators: Table = {}
        self.seats: Table = {}
        self.games: Table = {}
        self.hands: Table = {}
        self.checkpoints: dict[int, str] = {0: dump(room)}
        self.tokens: dict[str, dict[str, Any]] = {}

    def write(self, decisions: list[tuple[int, Decision]]) -> None:
        if not decisions:
            return
        out, stored_alarm = records(self.written, decisions, self.room["alarm_at"], MINT)
        self.written, self.seq = decisions[-1][1].room, Seq(decisions[-1][0])
        for row in out.rooms:
            self.room |= {**row, "settings": msgspec.json.encode(row["settings"]).decode()}
            self.room["deferred"] = msgspec.json.encode(row["deferred"]).decode() if row["deferred"] else None
        assert self.room["alarm_at"] == stored_alarm
        for table, key, rows, gone in (
            (self.players, "user_id", out.players, "status"),
            (self.spectators, "user_id", out.spectators, "display_name"),
            (self.seats, "seat_index", out.seats, "user_id"),
        ):
            assert len({row[key] for row in rows}) == len(rows), "one row twice in a statement is an error in SQL"
            for row in rows:
                if row.get(gone) is None:
                    del table[row[key]]
                else:
                    # As ON CONFLICT DO UPDATE has it: a seat's token stays until there is another.
                    table[row[key]] = {**{k: v for k, v in table.get(row[key], {}).items() if k == "seat_token"}, **row}
        for row in out.tokens:
            if row.get("hash") is None:
                self.tokens = {hash: kept for hash, kept in self.tokens.items() if kept["user_id"] != row["user_id"]}
        self.tokens |= {row["hash"]: row for row in out.tokens if row.get("hash") is not None}
        for row in out.games:
            self.games[row["id"]] = {**self.games.get(row["id"], {}), **row}
        for row in out.hands:
            self.hands[row["game"], row["number"]] = {**self.hands.get((row["game"], row["number"]), {}), **row}
        for row in out.checkpoints:
            self.checkpoints[row["seq"]] = checkpoint_text(row)

    def load_row(self) -> dict[str, Any]:
        """The row of `load_room`. Members come in an order of the database's own."""
        room = self.written
        members = {
            user: {
                **{name: row[name] for name in ("display_name", "status", "changed_at", "banned", "leaves_at", "idle")},
                "watching": user in self.spectators,
            }
            for user, row in sorted(self.players.items())
        }
        return {
            **{name: getattr(room.info, name) for name in ("id", "code", "game")},
            "settings": msgspec.json.encode(room.info.stored_settings()).decode(),
            "actor": "actor",
            "deferred": None,
            "epoch": 1,
            "seq": self.seq,
            "intact": True,
            "state": msgspec.json.encode(room.table).decode(),
            "members": msgspec.json.encode(members).decode(),
            **self.room,
        }


def checkpoint_text(row: dict[str, Any]) -> str:
    """The state in a row of `Records.checkpoints`."""
    return unpack_state(b64decode(row["body"]), row["room_id"]).decode()


def log_row(
    update: Update, sender: Sender = SYSTEM, command: AnyCommand | None = None, given: Given = NOTHING_GIVEN
) -> dict[str, Any]:
    """The row of the log. Viewers are concerned with the update alone."""
    id = command.id if command is not None else "c"
    answer = msgspec.json.encode(record_of(given))
    text = logged_text(sender.name, 0, 0, text_of(command) if command else b"null", answer, update)
    columns = {"user_id": sender.user, "command_id": id, "at": update.at}
    body = pack(text, update.room, sender.user, id, update.at)
    return {"seq": update.seq, "epoch": update.epoch, **columns, "body": body}


def logged(live: Live) -> list[dict[str, Any]]:
    """All rows of `log_commands`."""
    return [
        {
            **log_row(update, line.sender, line.command, decision.give),
            "entropy": bytes(line.entropy),
            "versions": Versions(decision.room.table.v, decision.room.table.game_version).packed(),
        }
        for line, decision, update in zip(live.log, live.decisions, live.updates, strict=True)
    ]


def as_json(value: Any) -> Any:
    """`value` after a trip over the wire."""
    return msgspec.json.decode(msgspec.json.encode(value))
