"""P6: whatever dies, the table goes on as it was: turns, clocks, seats, chips; and the log gives the stored states."""

from __future__ import annotations

from collections.abc import Iterator

from tavola.client.frames import Json
from tavola.load.checks.holdem import Chips
from tavola.load.checks.verdict import CheckRecorder, Verdict
from tavola.load.evidence.evidence import RecordedRoom
from tavola.load.proof.findings import Finding
from tavola.load.proof.ledger import Ledger, LedgerEntry, turns_of


def judge(room: RecordedRoom, ledger: Ledger) -> Iterator[Finding]:
    acted: dict[tuple[int, int], int] = {}
    view: Json = {}
    for entry, before, after in ledger.tables():
        view = after
        turns = _whole(before["turns"])
        yield from _turns(room, entry, turns, acted)
        yield from _clocks(room, entry, turns, _whole(turns_of(after)))
        yield from _seats(room, entry, after)
    yield from _stored_seats(room, ledger, view)
    if room.game == "holdem":
        yield from _chips(room, ledger)
    if room.replay is not None and room.replay.problem is not None:
        yield Finding("P6", room.id, ledger.last, f"replaying the log: {room.replay.problem}")


def _whole(turns: list[Json]) -> dict[int, Json]:
    """The turns of which everything is known, by seat."""
    known = {"number", "seat_index", "deadline_ms", "timebank_ms"}
    return {turn["seat_index"]: turn for turn in turns if turn.keys() >= known}


def _turns(
    room: RecordedRoom, entry: LedgerEntry, turns: dict[int, Json], acted: dict[tuple[int, int], int]
) -> Iterator[Finding]:
    """Each turn is used once, by its player, or by the clock when its time was over. Of several that began together
    each is used once."""
    if not turns or (entry.command.get("type") != "act" and entry.row.user):
        return
    moved = dict.fromkeys(event.get("seat_index") for event in entry.events if "move" in event)
    for turn in [turns[seat] for seat in moved if seat in turns]:
        number, seat = turn["number"], turn["seat_index"]
        if (number, seat) in acted:
            told = f"turn {number} was used at {acted[number, seat]} already"
            yield Finding("P6", room.id, entry.seq, told)
        acted[number, seat] = entry.seq
        over = turn["deadline_ms"] + turn["timebank_ms"]
        if not entry.row.user and entry.row.at < over:
            yield Finding("P6", room.id, entry.seq, f"an automatic action {over - entry.row.at} ms before it was due")


def _clocks(
    room: RecordedRoom, entry: LedgerEntry, before: dict[int, Json], after: dict[int, Json]
) -> Iterator[Finding]:
    """The players who had to act when a room was recovered have no less time afterwards."""
    if entry.command.get("type") != "recover":
        return
    for seat, turn in before.items():
        same = after.get(seat)
        if same is None or same["number"] != turn["number"]:
            continue
        if (lost_ms := turn["deadline_ms"] - same["deadline_ms"]) > 0:
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
