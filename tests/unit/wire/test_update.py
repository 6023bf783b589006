"""Updates: who is given which bytes, and how a run of them is replayed."""

from __future__ import annotations

import msgspec
import pytest

from kit.rooms import log_row
from tavola.actors.log.logged import update_of
from tavola.actors.wire import update as codec
from tavola.actors.wire.commands import Epoch, RoomId, Seq, UserId
from tavola.actors.wire.update import MemberView, Update, audience_before, frames

ANN, BOB = UserId("ann"), UserId("bob")


def update(seq: int, **users: MemberView) -> Update:
    return Update(
        room=RoomId("r_1"),
        seq=Seq(seq),
        epoch=Epoch(3),
        at=1000 + seq,
        events=b'[{"kind":"all"}]',
        patch=b'{"game":{"n":1}}',
        outside=MemberView(patch=b'{"room":{"players":1}}'),
        users={UserId(user): part for user, part in users.items()},
    )


def shown(frame: bytes) -> tuple[object, object]:
    read = msgspec.json.decode(frame)
    assert (read["type"], read["room"]) == ("update", "r_1")
    return read["events"], read.get("patch")


ALL, GAME, ROOM = [{"kind": "all"}], {"game": {"n": 1}}, {"room": {"players": 1}}


def test_of_whom_nothing_is_said_gets_what_his_audience_gets() -> None:
    assert shown(update(1).frame_for(ANN, "inside")) == (ALL, GAME)
    assert shown(update(1).frame_for(ANN, "outside")) == ([], ROOM)


def test_a_patch_of_his_own_comes_on_top() -> None:
    one = update(1, ann=MemberView(patch=b'{"me":{"x":1}}'))
    assert shown(one.frame_for(ANN, "inside")) == (ALL, {**GAME, "me": {"x": 1}})
    assert shown(one.frame_for(ANN, "outside")) == ([], {**ROOM, "me": {"x": 1}})
    assert shown(one.frame_for(BOB, "inside")) == (ALL, GAME)


def test_events_of_his_own_replace_the_others() -> None:
    one = update(1, ann=MemberView(events=b'[{"kind":"mine"}]'))
    assert shown(one.frame_for(ANN, "inside")) == ([{"kind": "mine"}], GAME)


def test_who_changes_his_place_gets_a_whole_part() -> None:
    one = update(1, ann=MemberView(b'[{"kind":"in"}]', b'{"everything":1}', "inside", "outside"))
    assert one.audience_after(ANN, "outside") == "inside"
    assert one.audience_after(BOB, "outside") == "outside"
    assert shown(one.frame_for(ANN, "inside")) == ([{"kind": "in"}], {"everything": 1})


def test_a_number_without_anything_to_see_is_a_frame_all_the_same() -> None:
    quiet = msgspec.structs.replace(update(7), outside=MemberView())
    assert msgspec.json.decode(quiet.frame_for(ANN, "outside")) == {
        "type": "update", "room": "r_1", "seq": 7, "epoch": 3, "at": 1007, "events": [],
    }  # fmt: skip


def test_where_somebody_was_is_told_by_his_first_change_of_place() -> None:
    went_in = update(2, ann=MemberView(b"[]", b"", "inside", "outside"))
    went_out = update(4, ann=MemberView(b"[]", b"", "outside", "inside"))
    run = [update(1), went_in, update(3), went_out, update(5)]
    assert audience_before(run, ANN, "outside") == "outside"
    assert audience_before(run[2:], ANN, "outside") == "inside"
    assert audience_before(run, BOB, "inside") == "inside"
    patches = [shown(frame)[1] for frame in frames(run, ANN, "outside")]
    assert patches == [ROOM, None, GAME, None, ROOM]


def test_frames_of_nothing() -> None:
    assert frames([], ANN, "inside") == []


@pytest.mark.parametrize(
    "one",
    [
        update(1),
        msgspec.structs.replace(update(2), patch=b"", outside=MemberView()),
        update(3, ann=MemberView(patch=b'{"me":{}}'), bob=MemberView(b"[]", b"{}", "inside", "outside")),
    ],
)
def test_the_log_and_the_wire_keep_an_update(one: Update) -> None:
    assert codec.decode(codec.encode(one)) == one


def test_of_a_command_that_is_traced_the_place_in_the_trace_is_told() -> None:
    """By one member more, which others lack and who knows nothing of it ignores: two releases work side by side."""
    one = update(2, ann=MemberView(patch=b"{}"))
    told = codec.traced(one, "00-place")
    assert codec.decode_told(told).traceparent == "00-place"
    assert codec.decode(told) == one, "as an edge of the release before reads it"
    plain = codec.decode_told(codec.encode(one))
    assert plain.traceparent == "", "as an actor of the release before tells it"
    assert (plain.frame(*plain.shared("inside")), plain.follows) == (one.frame(*one.shared("inside")), one.follows)
    assert len(msgspec.msgpack.decode(codec.encode(one))) == 9
    assert update_of(one.room, log_row(one)) == one
