"""P6: whatever dies, the table goes on as it was: turns, clocks, seats, chips; and the log gives the stored states."""

from __future__ import annotations

from collections.abc import Iterator

from tavola.client.frames import Json
from tavola.load.checks.holdem import Chips
from tavola.load.checks.verdict import CheckRecorder, Verdict
from tavola.load.evidence.evidence import RecordedRoom
from tavola.load.proof.findings import Finding
from tavola.load.proof.ledger import Ledger, LedgerEntry


def judge(room: RecordedRoom, ledger: Ledger) -> Iterator[Finding]:
    acted: dict[int, int] = {}
    view: Json = {}
    for entry, before, after in ledger.tables():
        view = after
        yield from _turn(room, entry, _whole(before.get("turn")), acted)
        yield from _clock(room, entry, _whole(before.get("turn")), _whole(after.get("turn")))
        yield from _seats(room, entry, after)
    yield from _stored_seats(room, ledger, view)
    if room.game == "holdem":
        yield from _chips(room, ledger)
    if room.replay is not None and room.replay.problem is not None:
        yield Finding("P6", room.id, ledger.last, f"replaying the log: {room.replay.problem}")


def _whole(turn: Json | None) -> Json | None:
    """A turn of which everything is known."""
    return turn if turn and turn.keys() >= {"number", "seat_index", "deadline_ms", "timebank_ms"} else None


def _turn(room: RecordedRoom, entry: LedgerEntry, turn: Json | None, acted: dict[int, int]) -> Iterator[Finding]:
    """Each turn is used once, by its player, or by the clock when its time was over."""
    kind = entry.command.get("type")
    if turn is None or (kind != "act" and entry.row.user):
        return
    moves = [event for event in entry.events if "move" in event and event.get("seat_index") == turn["seat_index"]]
    if not moves:
        return
    number = turn["number"]
    if number in acted:
        yield Finding("P6", room.id, entry.seq, f"turn {number} was used at {acted[number]} already")
    acted[number] = entry.seq
    if not entry.row.user:
        over = turn["deadline_ms"] + turn["timebank_ms"]
        if entry.row.at < over:
            yield Finding("P6", room.id, entry.seq, f"an automatic action {over - entry.row.at} ms before it was due")


def _clock(room: RecordedRoom, entry: LedgerEntry, before: Json | None, after: Json | None) -> Iterator[Finding]:
    """A player who had to act when a room was recovered has no less time afterwards."""
    if entry.command.get("type") != "recover" or before is None or after is None:
        return
    lost_ms = before["deadline_ms"] - after["deadline_ms"]
    if before["number"] == after["number"] and lost_ms > 0:
        yield Finding("P6", room.id, entry.seq, f"a player was charged {lost_ms} ms for a crash")


def _seats(room: RecordedRoom, entry: LedgerEntry, view: Json) -> Iterator[Finding]:
    if "seats" not in entry.patch:
        return
    seated = [seat["user_id"] for seat in (view.get("seats") or {}).values() if "user_id" in seat]
    for user in {user for user in seated if seated.count(user) > 1}:
        yield Finding("P6", room.id, entry.seq, f"user {user} sits in {seated.count(user)} seats")


def _stored_seats(room: RecordedRoom, ledger: Ledger, view: Json) -> Iterator[Finding]:
    if room.state is None:
        return
    shown = sorted((int(index), seat.get("user_id")) for index, seat in (view.get("seats") or {}).items())
    if shown != [tuple(seat) for seat in room.seats]:
        yield Finding("P6", room.id, ledger.last, f"seats as told: {shown}; as stored: {room.seats}")


def _chips(room: RecordedRoom, ledger: Ledger) -> Iterator[Finding]:
    verdict = Verdict()
    watch: Chips | None = None
    for entry, _, view in ledger.tables():
        if "seats" not in view:
            continue
        if watch is None:
            seats: dict[str, Json] = view["seats"] or {}
            brought = [seat["chips"] for seat in seats.values() if "chips" in seat]
            if not brought:
                continue
            watch = Chips(CheckRecorder(verdict, room.id, ""), brought[0])
        watch.updated(entry.seq, entry.events, view)
    for violation in verdict.violations:
        yield Finding("P6", room.id, violation.seq, violation.message)
