"""P3 and P8: every command takes effect once or not at all, as its sender is told; and they are told."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tavola.load.evidence.evidence import Note, RecordedRoom, decoded
from tavola.load.proof.findings import Finding
from tavola.load.proof.ledger import Ledger, LedgerEntry

COMMANDS_APART = frozenset({"authenticate", "join_room", "leave_room", "resync", "heartbeat"})
"""Frames of a client that are no commands."""
ANSWER_WITHIN_S = 20.0
"""After the longest outage that a run makes, and the time that a server may hold a command."""


class SentCommand(msgspec.Struct):
    """One command of one user, however often it was sent since `at`, and what they were told."""

    user: str
    who: str
    frame: dict[str, object]
    at: float
    acks: list[int] = []
    acked_at: float | None = None
    refused: str | None = None
    """The code of a refusal that was final: one that does not ask to try again."""
    idle: bool = False
    """An ack said that there was nothing to do: it names no update."""

    @property
    def what(self) -> str:
        return f"{self.who}'s {self.frame.get('type')} {self.frame.get('id')}"

    @property
    def forgotten(self) -> bool:
        return not self.acks and not self.idle and self.refused is None and "answered" not in self.frame


def judge(room: RecordedRoom, ledger: Ledger) -> Iterator[Finding]:
    sent = commands(room)
    ended = {diary.user: max((note.at for note in diary.notes), default=0.0) for diary in room.diaries}
    effects: dict[tuple[str, str], list[LedgerEntry]] = {}
    for entry in ledger.entries.values():
        if entry.row.user:
            effects.setdefault((entry.row.user, entry.row.command_id), []).append(entry)
    for key, command in sent.items():
        yield from _told(room, command, effects.get(key, []))
        if command.forgotten and ended[command.user] - command.at > ANSWER_WITHIN_S:
            seq = effects[key][0].seq if key in effects else 0
            yield Finding("P8", room.id, seq, f"{command.what} was not answered within {ANSWER_WITHIN_S:.0f} s")
    known = {diary.user for diary in room.diaries}
    for (user, command_id), entries in effects.items():
        for again in entries[1:]:
            yield Finding("P3", room.id, again.seq, f"command {command_id} took effect at {entries[0].seq} already")
        if user in known and (user, command_id) not in sent:
            yield Finding("P3", room.id, entries[0].seq, f"command {command_id} took effect, and nobody sent it")


def commands(room: RecordedRoom) -> dict[tuple[str, str], SentCommand]:
    """The commands that were sent, by user and command id. Several connections of a user are one."""
    sent: dict[tuple[str, str], SentCommand] = {}
    notes = sorted(((note.at, diary, note) for diary in room.diaries for note in diary.notes), key=lambda each: each[0])
    for _, diary, note in notes:
        if note.kind not in ("in", "out", "held", "rest"):
            continue
        frame = decoded(note.data) if _may_concern(note) else {}
        command_id = frame.get("id")
        if not isinstance(command_id, str):
            continue
        key = (diary.user, command_id)
        if note.kind != "in":
            if frame.get("type") not in COMMANDS_APART:
                sent.setdefault(key, SentCommand(diary.user, diary.name, frame, note.at))
        elif key in sent:
            _answered(sent[key], frame, note.at)
    return sent


def _may_concern(note: Note) -> bool:
    """Of what comes in, answers alone: most frames are updates, and reading them all twice takes long."""
    return note.kind != "in" or note.data.startswith((b'{"type":"ack"', b'{"type":"error"')) or b'"ack"' in note.data


def _answered(command: SentCommand, frame: dict[str, object], at: float) -> None:
    seq, code = frame.get("seq"), frame.get("code")
    if frame.get("type") == "ack" and frame.get("unchanged") is True and command.frame.get("type") != "act":
        command.idle = True
    elif frame.get("type") == "ack" and isinstance(seq, int):
        command.acks.append(seq)
        command.acked_at = command.acked_at or at
    elif frame.get("type") == "error" and isinstance(code, str) and frame.get("retry_after_ms") is None:
        command.refused = code


def _told(room: RecordedRoom, command: SentCommand, effects: list[LedgerEntry]) -> Iterator[Finding]:
    what = command.what
    for seq in dict.fromkeys(command.acks):
        if not effects:
            yield Finding("P3", room.id, seq, f"{what} was acknowledged and is not in the log")
        elif seq != effects[0].seq:
            yield Finding("P3", room.id, seq, f"{what} was acknowledged at {seq} and is in the log at {effects[0].seq}")
    if effects and command.refused is not None and not command.acks:
        yield Finding("P3", room.id, effects[0].seq, f"{what} was refused ({command.refused}) and took effect")
    if effects and not _same(command.frame, effects[0].command):
        yield Finding("P3", room.id, effects[0].seq, f"{what} took effect as something else than was sent")


def _same(sent: dict[str, object], logged: dict[str, object]) -> bool:
    """A move's arguments stand beside it on the wire, and are gathered in the log; what was left out has a default."""
    arguments = logged.get("arguments")
    beside = {**logged, **(arguments if isinstance(arguments, dict) else {})}
    return all(beside.get(name) == value for name, value in sent.items() if name not in ("room", "answered"))
