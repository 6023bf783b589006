"""The checker against evidence in which a promise is broken: each planted bug is found, with its promise, room and seq;
and nothing is found where nothing is wrong."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from kit.evidence import (
    OUTSIDER,
    TOKENS,
    WATCHER,
    automatic,
    diary_of,
    frames,
    note_of,
    played,
    rewrite,
    seq_of,
)
from kit.rooms import HOST, ROOM
from tavola.client.merge import merge
from tavola.load.evidence.evidence import Diary, Message, Note, RecordedRoom, Replay, Text
from tavola.load.proof.checker import check_room, check_texts, looked_at
from tavola.load.proof.secrecy import marks

Plant = Callable[[RecordedRoom], int]
"""Breaks something; gives the seq at which it must be found."""
PLANTS: list[tuple[str, Plant]] = []


def finds(promise: str) -> Callable[[Plant], Plant]:
    def planted(plant: Plant) -> Plant:
        PLANTS.append((promise, plant))
        return plant

    return planted


def test_nothing_is_found_in_an_honest_room() -> None:
    room = played()
    assert check_room(room) == []
    looked = looked_at(room)
    assert looked.updates == looked.messages == looked.commit_times == looked.replayed == len(room.log) > 15
    assert looked.automatic == 1
    assert looked.commands > 10
    assert {row.user for row in room.log} >= {"", HOST, "u1", "u2", WATCHER}


# P1: durable before visible


@finds("P1")
def acknowledged_before_committed(room: RecordedRoom) -> int:
    index = frames(diary_of(room, "u1"), "ack")[2]
    note = diary_of(room, "u1").notes[index]
    seq = _field(note, "seq")
    committed = room.log[seq - 1].committed_at
    assert committed is not None
    diary_of(room, "u1").notes[index] = Note(committed - 0.0005, "in", note.data)
    return seq


@finds("P1")
def published_before_committed(room: RecordedRoom) -> int:
    message = room.heard[8]
    room.heard[8] = Message(message.at - 0.0015, message.data)
    return 9


@finds("P1")
def shown_before_committed(room: RecordedRoom) -> int:
    diary = diary_of(room, WATCHER)
    index = note_of(diary, 10)
    diary.notes[index] = Note(diary.notes[index].at - 0.0015, "in", diary.notes[index].data)
    return 10


@finds("P1")
def in_a_view_before_it_was_committed(room: RecordedRoom) -> int:
    diary = diary_of(room, WATCHER)
    rewrite(room, len(room.log), committed_at=diary.notes[-1].at + 0.001)
    return len(room.log)


@finds("P1")
def shown_and_lost_with_the_crash(room: RecordedRoom) -> int:
    """A publication that came before a commit that never was."""
    seq = len(room.log)
    del room.log[-1]
    return seq


@finds("P1")
def a_late_actor_shows_another_past(room: RecordedRoom) -> int:
    """A fenced actor's own version of an update, delivered under the number of the real one."""
    diary = diary_of(room, "u2")
    index = note_of(diary, 12)
    frame = _frame(diary.notes[index])
    frame["events"] = [{"kind": "chat", "text": "not what happened"}]
    diary.notes[index] = Note(diary.notes[index].at, "in", msgspec.json.encode(frame))
    return 12


# P2: one writer


@finds("P2")
def fence_removed(room: RecordedRoom) -> int:
    """The actor of epoch 1 goes on writing after that of epoch 2."""
    rewrite(room, 10, epoch=2)
    return 11


@finds("P2")
def a_fenced_actor_publishes(room: RecordedRoom) -> int:
    fields = msgspec.msgpack.decode(room.heard[6].data)
    fields[2] = 7
    room.heard.append(Message(room.heard[6].at, msgspec.msgpack.encode(fields)))
    return 7


@finds("P2")
def state_without_its_log(room: RecordedRoom) -> int:
    assert room.state is not None
    room.state = msgspec.structs.replace(room.state, seq=room.state.seq - 1)
    return len(room.log)


# P3: exactly once


@finds("P3")
def duplicate_applied(room: RecordedRoom) -> int:
    """A command that was sent again takes effect again."""
    first = next(row for row in room.log if row.user == "u1" and '"act"' in row.command)
    again = next(row for row in room.log if row.seq > first.seq and row.user == "u1" and '"act"' in row.command)
    rewrite(room, again.seq, command_id=first.command_id, command=first.command)
    return again.seq


@finds("P3")
def acknowledged_and_lost(room: RecordedRoom) -> int:
    diary = diary_of(room, "u1")
    sent = {"type": "chat", "id": "lost-1", "room": ROOM, "text": "hello"}
    diary.notes.insert(-1, Note(diary.notes[-2].at, "out", msgspec.json.encode(sent)))
    diary.notes.insert(-1, _ack(diary, "lost-1", len(room.log) + 1))
    return len(room.log) + 1


@finds("P3")
def a_retry_is_answered_differently(room: RecordedRoom) -> int:
    diary = diary_of(room, "u2")
    note = diary.notes[frames(diary, "ack")[-1]]
    diary.notes.insert(-1, _ack(diary, str(_frame(note)["id"]), 3))
    return 3


@finds("P3")
def refused_and_done_all_the_same(room: RecordedRoom) -> int:
    diary = diary_of(room, "u2")
    index = frames(diary, "ack")[-1]
    frame = _frame(diary.notes[index])
    refusal = {"type": "error", "id": frame["id"], "room": ROOM, "code": "illegal_move", "message": "No."}
    diary.notes[index] = Note(diary.notes[index].at, "in", msgspec.json.encode(refusal))
    return int(str(frame["seq"]))


@finds("P3")
def something_else_than_was_sent(room: RecordedRoom) -> int:
    row = next(row for row in room.log if '"move":"fold"' in row.command)
    rewrite(room, row.seq, command=row.command.replace('"move":"fold"', '"move":"all_in"'))
    return row.seq


@finds("P3")
def a_command_that_nobody_sent(room: RecordedRoom) -> int:
    row = next(row for row in room.log if '"act"' in row.command)
    rewrite(room, row.seq, command_id="of nobody")
    return row.seq


# P4: gapless


@finds("P4")
def seq_skipped(room: RecordedRoom) -> int:
    del room.log[8]
    return 9


@finds("P4")
def an_update_is_in_the_archive_twice(room: RecordedRoom) -> int:
    room.log.insert(9, room.log[8])
    return 9


@finds("P4")
def an_update_is_not_delivered(room: RecordedRoom) -> int:
    diary = diary_of(room, WATCHER)
    del diary.notes[note_of(diary, 9)]
    return 10


@finds("P4")
def an_update_is_delivered_twice(room: RecordedRoom) -> int:
    diary = diary_of(room, "u1")
    index = note_of(diary, 9)
    diary.notes.insert(index + 1, diary.notes[index])
    return 9


@finds("P4")
def the_last_update_is_never_delivered(room: RecordedRoom) -> int:
    diary = diary_of(room, OUTSIDER)
    del diary.notes[note_of(diary, len(room.log))]
    return len(room.log)


@finds("P4")
def merged_patches_are_not_the_view(room: RecordedRoom) -> int:
    diary = diary_of(room, "u1")
    view = _frame(diary.notes[-1])
    merge(view, {"game": {"number": 99}})
    diary.notes[-1] = Note(diary.notes[-1].at, "fetched", msgspec.json.encode(view))
    return len(room.log)


# P5: secrets


@finds("P5")
def a_card_in_an_error(room: RecordedRoom) -> int:
    diary = diary_of(room, "u1")
    at = note_of(diary, 10)
    message = f"Seat 0 cannot fold {' '.join(_hole_cards(room, HOST))}."
    refusal = {"type": "error", "id": "x", "room": ROOM, "code": "illegal_move", "message": message}
    diary.notes.insert(at + 1, Note(diary.notes[at].at, "in", msgspec.json.encode(refusal)))
    return 10


@finds("P5")
def cards_in_everybodys_events(room: RecordedRoom) -> int:
    """Redaction removed: the log, the channel and all frames have them."""
    row = room.log[9]
    events = msgspec.json.decode(row.events)
    events[0]["hole_cards"] = _hole_cards(room, HOST)
    rewrite(room, 10, events=msgspec.json.encode(events).decode())
    return 10


@finds("P5")
def cards_of_another_in_a_view(room: RecordedRoom) -> int:
    diary = diary_of(room, WATCHER)
    view = _frame(diary.notes[-1])
    own = _frame(diary_of(room, HOST).notes[-1])["me"]
    merge(view, {"me": {"hole_cards": own["hole_cards"]}})  # type: ignore[index]
    diary.notes[-1] = Note(diary.notes[-1].at, "fetched", msgspec.json.encode(view))
    return len(room.log)


@finds("P5")
def private_parts_mixed_up_on_the_channel(room: RecordedRoom) -> int:
    seq = next(row.seq for row in room.log if "hole_cards_dealt" in row.private)
    fields = msgspec.msgpack.decode(room.heard[seq - 1].data)
    fields[7] = {WATCHER: fields[7][HOST]}
    room.heard[seq - 1] = Message(room.heard[seq - 1].at, msgspec.msgpack.encode(fields))
    return seq


@finds("P5")
def an_outsider_is_told_what_is_for_the_table(room: RecordedRoom) -> int:
    diary = diary_of(room, OUTSIDER)
    index = note_of(diary, 11)
    diary.notes[index] = Note(diary.notes[index].at, "in", _sighted(room, WATCHER, 11))
    return 11


@finds("P5")
def a_token_of_somebody_else(room: RecordedRoom) -> int:
    diary = diary_of(room, "u2")
    at = note_of(diary, 9)
    frame = {"type": "error", "code": "forbidden", "message": TOKENS["u1"], "seq": 9}
    diary.notes.insert(at + 1, Note(diary.notes[at].at, "in", msgspec.json.encode(frame)))
    return 9


@finds("P5")
def a_rejoin_token_that_another_gets_too(room: RecordedRoom) -> int:
    """One that is known only since its owner was given it."""
    token = "rejoin-0123456789abcdef0123456789abcdef"
    owner, other = diary_of(room, "u1"), diary_of(room, "u2")
    for diary in (owner, other):
        at = note_of(diary, 9)
        told = {"type": "ack", "id": "j", "room": ROOM, "seq": 9, "rejoin_token": token}
        other_told = {"type": "update", "room": ROOM, "seq": 9, "note": token}
        frame = told if diary is owner else other_told
        diary.notes.insert(at + 1, Note(diary.notes[at].at, "in", msgspec.json.encode(frame)))
    return 9


@finds("P5")
def entropy_on_the_channel(room: RecordedRoom) -> int:
    fields = msgspec.msgpack.decode(room.heard[9].data)
    room.heard.append(Message(room.heard[9].at, msgspec.msgpack.encode([*fields, room.log[9].entropy])))
    return 10


@finds("P5")
def entropy_in_a_frame(room: RecordedRoom) -> int:
    diary = diary_of(room, WATCHER)
    at = note_of(diary, 10)
    frame = {"type": "presence", "room": ROOM, "user_id": room.log[9].entropy.hex(), "status": "active"}
    diary.notes.insert(at + 1, Note(diary.notes[at].at, "in", msgspec.json.encode(frame)))
    return 10


# P6: the table goes on as it was


@finds("P6")
def a_timer_fires_early(room: RecordedRoom) -> int:
    seq = automatic(room)
    rewrite(room, seq, at=room.log[seq - 1].at - 5)
    return seq


@finds("P6")
def a_timer_fires_twice(room: RecordedRoom) -> int:
    """The clock plays for somebody again, without a turn of theirs in between."""
    seq = automatic(room)
    twin = msgspec.structs.replace(room.log[seq - 1], patch="{}")
    rewrite(room, seq, patch="{}")
    room.log.insert(seq, twin)
    room.log = [msgspec.structs.replace(row, seq=number) for number, row in enumerate(room.log, 1)]
    return seq + 1


@finds("P6")
def a_player_is_charged_for_a_crash(room: RecordedRoom) -> int:
    seq = next(row.seq for row in room.log if '"recover"' in row.command)
    patch = msgspec.json.decode(room.log[seq - 1].patch)
    patch["turn"]["deadline_ms"] -= 60_000
    rewrite(room, seq, patch=msgspec.json.encode(patch).decode())
    return seq


@finds("P6")
def chips_from_nowhere(room: RecordedRoom) -> int:
    patch = msgspec.json.decode(room.log[-1].patch)
    merge(patch, {"seats": {"0": {"chips": 123_456}}})
    rewrite(room, len(room.log), patch=msgspec.json.encode(patch).decode())
    return len(room.log)


@finds("P6")
def one_user_in_two_seats(room: RecordedRoom) -> int:
    seq = seq_of(room, "player_seated", 2)
    patch = msgspec.json.decode(room.log[seq - 1].patch)
    patch["seats"]["2"]["user_id"] = "u1"
    rewrite(room, seq, patch=msgspec.json.encode(patch).decode())
    return seq


@finds("P6")
def a_seat_lost_by_a_crash(room: RecordedRoom) -> int:
    del room.seats[0]
    return len(room.log)


@finds("P6")
def replay_gives_another_state(room: RecordedRoom) -> int:
    room.replay = Replay(len(room.log), "at 9 the log and its replay differ in patch")
    return len(room.log)


# P7 and P8


@finds("P7")
def somebody_who_reads_is_closed_as_too_slow(room: RecordedRoom) -> int:
    diary = diary_of(room, "u1")
    diary.notes.append(Note(diary.notes[-1].at, "lost", b"4503"))
    return 0


@finds("P8")
def a_command_is_dropped_in_silence(room: RecordedRoom) -> int:
    diary = diary_of(room, "u1")
    sent = {"type": "chat", "id": "unheard", "room": ROOM, "text": "hello?"}
    diary.notes.insert(4, Note(diary.notes[-1].at - 60, "out", msgspec.json.encode(sent)))
    return 0


@finds("P8")
def an_effect_without_an_answer(room: RecordedRoom) -> int:
    diary = diary_of(room, "u2")
    index = frames(diary, "ack")[-1]
    seq = _field(diary.notes[index], "seq")
    del diary.notes[index]
    diary.notes.append(Note(diary.notes[-1].at + 60, "open"))
    return seq


@finds("P8")
def something_that_is_no_frame(room: RecordedRoom) -> int:
    diary = diary_of(room, OUTSIDER)
    at = note_of(diary, 7)
    diary.notes.insert(at + 1, Note(diary.notes[at].at, "in", b"<html>502 Bad Gateway</html>"))
    return 7


@pytest.mark.parametrize(("promise", "plant"), [pytest.param(p, f, id=f"{p}-{f.__name__}") for p, f in PLANTS])
def test_a_planted_bug_is_found(promise: str, plant: Plant) -> None:
    room = played()
    seq = plant(room)
    found = [(finding.promise, finding.room, finding.seq) for finding in check_room(room)]
    assert (promise, ROOM, seq) in found


def test_every_promise_has_plants() -> None:
    assert {promise for promise, _ in PLANTS} == {f"P{number}" for number in range(1, 9)}
    assert len(PLANTS) >= 12


@pytest.mark.parametrize(
    "line",
    [
        b"2026-01-01T00:00:00Z [info] game.dealt cards=['Ah', 'Kd'] room=r_test",
        b'Traceback: hand {"hole_cards": ["2c", "Td"]}',
        b"the secret is s3cr3t-s3cr3t-s3cr3t",
    ],
)
def test_a_secret_in_a_servers_log_is_found(line: bytes) -> None:
    harmless = b"2026-01-01T00:00:00.9Z [info     ] room.loaded  epoch=2 room=r_0f2c9dAh\nAs for the rest, all well\n"
    tokens = {"the signing secret": "s3cr3t-s3cr3t-s3cr3t"}
    assert check_texts([Text("edge.log", harmless)], tokens, {}) == []
    (found,) = check_texts([Text("edge.log", harmless + line)], tokens, {})
    assert found.promise == "P5"
    assert "edge.log" in found.what
    assert not any(secret in found.what for secret in ("Ah", "2c", "s3cr3t"))


def test_what_belongs_to_a_room_is_found_in_a_servers_log() -> None:
    room = played()
    row = room.log[9]
    diary_of(room, "u2").secrets = [f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1MiJ9.{'s1gn-_' * 7}"]
    tokens = {"u1": TOKENS["u1"], "u2": diary_of(room, "u2").secrets[0]}
    known = marks(room)
    harmless = b"started with eyJhbGciOiJIUzI1NiJ9 as every token does; room=r_0f2c9d0123456789abcdef\n" * 1000
    leaks = {
        f"insert failed, entropy=\\x{row.entropy.hex()}": row.seq,
        f"GET /api/me?token={tokens['u1']}": 0,
        f"authorization: Bearer {tokens['u2']}": 0,
    }
    assert check_texts([Text("edge.log", harmless)], {}, known) == []
    for leak, seq in leaks.items():
        text = Text("edge.log", harmless + f"2026 [info] {leak} and so on\n".encode() * 2 + harmless)
        (found,) = check_texts([text], {}, known)
        assert (found.promise, found.room, found.seq) == ("P5", ROOM, seq)
        assert found.what.startswith("edge.log holds ")
        assert not any(secret in found.what for secret in (*tokens.values(), row.entropy.hex()[:16]))


def test_findings_never_quote_what_was_leaked() -> None:
    for _, plant in PLANTS:
        room = played()
        plant(room)
        for finding in check_room(room):
            assert not any(token in finding.what for token in TOKENS.values())
            assert not any(card in finding.what.split() for card in _hole_cards(room, HOST))


def _frame(note: Note) -> dict[str, object]:
    frame: dict[str, object] = msgspec.json.decode(note.data)
    return frame


def _field(note: Note, name: str) -> int:
    return int(str(_frame(note)[name]))


def _ack(diary: Diary, command_id: str, seq: int) -> Note:
    ack = {"type": "ack", "id": command_id, "room": ROOM, "seq": seq}
    return Note(diary.notes[-1].at, "in", msgspec.json.encode(ack))


def _sighted(room: RecordedRoom, user: str, seq: int) -> bytes:
    diary = diary_of(room, user)
    return diary.notes[note_of(diary, seq)].data


def _hole_cards(room: RecordedRoom, user: str) -> list[str]:
    """The cards that a user was dealt in the first hand."""
    for row in room.log:
        if "hole_cards_dealt" in row.private:
            for event in msgspec.json.decode(row.private)[user][0]:
                if event["kind"] == "hole_cards_dealt":
                    cards: list[str] = event["hole_cards"]
                    return cards
    raise AssertionError("nobody was dealt anything")
