"""P1 and P2: what anybody was shown is what was committed, and it was committed before; one writer at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from tavola.load.evidence.evidence import Diary, Note, RecordedRoom, decoded
from tavola.load.proof.findings import Finding
from tavola.load.proof.ledger import Ledger, without_tokens


def judge(room: RecordedRoom, ledger: Ledger) -> Iterator[Finding]:
    yield from _writers(room, ledger)
    for diary in room.diaries:
        for note in diary.notes:
            if note.kind in ("in", "fetched"):
                yield from _frame(room, ledger, diary, note)
    for message in room.heard:
        yield from _message(room, ledger, message.at, message.data)


def _writers(room: RecordedRoom, ledger: Ledger) -> Iterator[Finding]:
    epoch = 0
    for seq in sorted(ledger.entries):
        row = ledger.entries[seq].row
        if row.epoch < epoch:
            yield Finding("P2", room.id, seq, f"written at epoch {row.epoch}, after one at epoch {epoch}")
        epoch = max(epoch, row.epoch)
    if room.state is not None and room.state.epoch < epoch:
        yield Finding("P2", room.id, ledger.last, f"the state's epoch is {room.state.epoch}, the log's {epoch}")
    if room.state is not None and room.state.seq != ledger.last:
        yield Finding("P2", room.id, ledger.last, f"the state is at {room.state.seq}, the log at {ledger.last}")


def _frame(room: RecordedRoom, ledger: Ledger, diary: Diary, note: Note) -> Iterator[Finding]:
    frame = decoded(note.data)
    who = diary.name
    match frame.get("type", "view"):
        case "update":
            yield from _update(room, ledger, diary, note.at, frame)
        case "updates":
            updates = frame.get("updates")
            for update in updates if isinstance(updates, list) else []:
                yield from _update(room, ledger, diary, note.at, update)
        case "ack":
            seq = _seq(frame)
            if seq in ledger.entries:  # one that is not there is a matter of P3
                yield from _too_soon(room, ledger, seq, note.at, f"acknowledged to {who}")
        case "hydrated" | "view":
            seq = _seq(frame)
            if seq > ledger.last:
                yield Finding("P1", room.id, seq, f"{who} was given a view of what was never committed")
            yield from _too_soon(room, ledger, seq, note.at, f"in a view given to {who}")


def _update(room: RecordedRoom, ledger: Ledger, diary: Diary, at: float, frame: dict[str, Any]) -> Iterator[Finding]:
    seq, user, who = _seq(frame), diary.user, diary.name
    entry = ledger.entries.get(seq)
    if entry is None:
        yield Finding("P1", room.id, seq, f"{who} was shown what was never committed")
        return
    yield from _too_soon(room, ledger, seq, at, f"shown to {who}")
    seen = (without_tokens(frame.get("events")), without_tokens(frame.get("patch") or {}), frame.get("at"))
    events, patch = ledger.shown(user, seq)
    if seen == (without_tokens(events), without_tokens(patch), entry.row.at):
        return
    inside = entry.shown(user, "inside")
    if ledger.audience(user, seq) == "outside" and seen[:2] == (without_tokens(inside[0]), without_tokens(inside[1])):
        yield Finding("P5", room.id, seq, f"{who}, who is outside, was shown what is for those inside")
    else:
        yield Finding("P1", room.id, seq, f"{who} was shown something else than was committed")


def _message(room: RecordedRoom, ledger: Ledger, at: float, data: bytes) -> Iterator[Finding]:
    """A message on the channel: [room, seq, epoch, at, events, patch, outside, users]."""
    try:
        _, seq, epoch, made_at, events, patch, *_ = msgspec.msgpack.decode(data, type=list[Any])
        shown = (_json(events, []), _json(patch, {}), made_at)
    except (ValueError, msgspec.MsgspecError):
        yield Finding("P1", room.id, 0, "there was something on the channel that is no update")
        return
    entry = ledger.entries.get(seq)
    if entry is None:
        yield Finding("P1", room.id, seq, "published, and never committed")
        return
    yield from _too_soon(room, ledger, seq, at, "published")
    if epoch != entry.row.epoch:
        yield Finding("P2", room.id, seq, f"published at epoch {epoch}, committed at epoch {entry.row.epoch}")
    elif shown != (entry.events, entry.patch, entry.row.at):
        yield Finding("P1", room.id, seq, "published something else than was committed")


def _too_soon(room: RecordedRoom, ledger: Ledger, seq: int, at: float, how: str) -> Iterator[Finding]:
    entry = ledger.entries.get(seq)
    if entry is not None and entry.row.committed_at is not None and at < entry.row.committed_at:
        early_ms = (entry.row.committed_at - at) * 1000
        yield Finding("P1", room.id, seq, f"{how} {early_ms:.3f} ms before it was committed")


def _seq(frame: dict[str, Any]) -> int:
    seq = frame.get("seq")
    return seq if isinstance(seq, int) else 0


def _json(data: bytes, empty: Any) -> Any:
    return msgspec.json.decode(data) if data else empty
