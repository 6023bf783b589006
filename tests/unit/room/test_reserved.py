"""Seats that are reserved for named users: who gets them, who is shown what, how they are stored, and how it ends."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from kit.rooms import HOST, ROOM, Live, entropy, sender, stored
from kit.stories import accepted, asks, kinds, refused, role, room
from tavola.actors.log.unreadable import Newer
from tavola.actors.outside.opening import open_rows
from tavola.actors.past.pseudonym import Pseudonym
from tavola.actors.room import codec
from tavola.actors.room.incoming import judged, trimmed
from tavola.actors.room.rows import dump, settings_text, summary
from tavola.actors.room.state import Decision
from tavola.actors.room.view import hidden
from tavola.actors.versions import strict
from tavola.actors.wire.commands import (
    AddBot,
    Attendance,
    Kick,
    Leave,
    LeaveSeat,
    RequestJoin,
    RoomId,
    Spectate,
    TakeSeat,
    UpdateSettings,
    UserId,
)
from tavola.actors.wire.errands import Opening
from tavola.actors.wire.refusals import NO_RESERVATION
from tavola.actors.wire.settings import RoomWish
from tavola.games.base import Refusal


def reserved(**fields: Any) -> Live:
    """A table of four with seat 2 for Ann, where the host is asked."""
    return room("holdem", **{"approval": "host", "seats": 4, "reserved": {"ann": 2}, **fields})


def view(live: Live, user: str) -> dict[str, Any]:
    return live.viewers[UserId(user)].view


def test_nobody_else_gets_the_seat() -> None:
    live = reserved(approval="auto")
    live.join("bob")
    assert refused(live, "bob", TakeSeat, seat_index=2) == "seat_reserved"
    assert refused(live, HOST, TakeSeat, seat_index=2) == "seat_reserved"
    assert refused(live, HOST, AddBot, seat_index=2) == "seat_reserved"
    live.sit("bob", 1)
    live.sit("ann", 2)
    assert refused(live, HOST, TakeSeat, seat_index=2) == "seat_taken"
    accepted(live, "ann", LeaveSeat)
    assert refused(live, HOST, TakeSeat, seat_index=2) == "seat_reserved"  # They have stood up, and may come back.
    live.sit("ann", 2)


def test_the_named_are_invited() -> None:
    live = reserved()
    assert "request_join" not in kinds(asks(live, "bob").events)
    assert role(live, "bob") == "guest"
    assert role(live, "ann") == "guest"
    asks(live, "ann")
    assert role(live, "ann") == "approved"


def test_the_named_are_let_in_while_the_host_is_away() -> None:
    live = reserved()
    accepted(live, "", Attendance, gone=("host",), leaves_ms=600_000)
    live.now += 3_600_000
    assert refused(live, "bob", RequestJoin, display_name="Bob") == "host_away"
    asks(live, "ann")
    assert role(live, "ann") == "approved"


def test_a_private_room_is_there_for_the_named() -> None:
    live = reserved(visibility="private")
    assert hidden(live.room, UserId("bob"), "")
    assert not hidden(live.room, UserId("ann"), "")
    accepted(live, HOST, Kick, user_id="ann")
    assert hidden(live.room, UserId("ann"), "")


def test_without_a_number_it_is_ones_own_seat() -> None:
    live = reserved(approval="auto")
    live.join("ann", "bob")
    bare = TakeSeat(id="sit", room=ROOM)
    assert trimmed(live.room, sender("ann"), bare) == TakeSeat(id="sit", room=ROOM, seat_index=2)
    verdict = judged(live.room, sender("ann"), trimmed(live.room, sender("ann"), bare), "", live.now, entropy(1))
    assert isinstance(verdict, Decision)
    assert verdict.room.seat_of(UserId("ann")) == 2
    again = trimmed(live.room, sender("bob"), bare)
    assert judged(live.room, sender("bob"), again, "", live.now, entropy(1)) == NO_RESERVATION


def test_another_seat_instead() -> None:
    live = reserved(approval="auto")
    live.join("ann")
    events = accepted(live, "ann", TakeSeat, seat_index=0).events
    assert "reservation_ended" in kinds(events)
    assert live.room.info.reserved is UNSET
    live.join("bob")
    live.sit("bob", 2)


@pytest.mark.parametrize("ban", [False, True])
@pytest.mark.parametrize("came", [False, True])
def test_a_kick_ends_it(came: bool, ban: bool) -> None:
    live = reserved()
    if came:
        asks(live, "ann")
        live.sit("ann", 2)
    kicked = accepted(live, HOST, Kick, user_id="ann", ban=ban)
    assert "reservation_ended" in kinds(kicked.events)
    assert live.room.info.reserved is UNSET
    assert ("ann" in live.room.members) == (came or ban)
    live.now += 3_600_000
    if ban:
        assert refused(live, "ann", RequestJoin, display_name="Ann") == "banned"
    else:
        asks(live, "ann")
        assert role(live, "ann") == "guest"  # No guest of honour any more: the host is asked.
        assert refused(live, HOST, Kick, user_id="nobody") == "user_not_found"
    live.sit("host", 2)


def test_leaving_gives_it_up_also_before_coming() -> None:
    live = reserved()
    assert refused(live, "bob", Leave) == "forbidden"
    accepted(live, "ann", Leave)
    assert refused(live, "ann", Leave) == "forbidden"
    live.sit("host", 2)
    live = reserved()
    live.sit("ann", 2)
    accepted(live, "ann", Leave)
    assert live.room.info.reserved is UNSET


def test_the_table_does_not_shrink_below_it() -> None:
    live = reserved(reserved={"ann": 3})
    assert refused(live, HOST, UpdateSettings, settings={"options": {"seats": 3}}) == "invalid_options"
    accepted(live, HOST, Kick, user_id="ann")
    accepted(live, HOST, UpdateSettings, settings={"options": {"seats": 3}})


def test_what_is_shown() -> None:
    live = reserved()
    assert [view(live, user)["room"]["reserved"] for user in ("host", "ann", "guest")] == [[2]] * 3
    assert view(live, "host")["reservations"] == {"2": {"user_id": "ann"}}
    assert view(live, "ann")["me"]["reserved_seat"] == 2
    assert "ann" not in str(view(live, "guest"))
    asks(live, "ann")
    assert view(live, "host")["reservations"] == {"2": {"user_id": "ann", "display_name": "Name-ann"}}
    accepted(live, "ann", Spectate)
    assert view(live, "ann")["reservations"] == view(live, "host")["reservations"]
    live.sit("ann", 2)
    for user in ("host", "ann", "guest"):
        assert "reserved" not in view(live, user)["room"]
        assert "reservations" not in view(live, user)
    assert "reserved_seat" not in view(live, "ann")["me"]
    accepted(live, "ann", LeaveSeat)
    assert view(live, "guest")["room"]["reserved"] == [2]


def test_the_end_of_it_is_shown_to_its_user_too() -> None:
    live = reserved()
    accepted(live, HOST, Kick, user_id="ann")
    for user in ("host", "ann", "guest"):
        assert view(live, user) == live.viewers[UserId(user)].fresh(live.room)
    assert "reserved_seat" not in view(live, "ann")["me"]


def test_the_rows_count_seats_that_are_kept() -> None:
    live = reserved(reserved={"ann": 2, "bob": 0}, approval="auto")
    assert summary(live.room)["reserved"] == [0, 2]
    live.sit("ann", 2)
    live.write()
    assert summary(live.room)["reserved"] == live.rows.room["reserved"] == [0]


def test_it_is_stored_only_while_there_is_one() -> None:
    """The release before reads no settings that it does not know (`actors.versions.strict`)."""
    live = reserved()
    for text in (settings_text(live.room), dump(live.room)):
        assert '"reserved":{"ann":2}' in text
    assert stored(live.room) == live.room
    accepted(live, HOST, Kick, user_id="ann")
    for text in (settings_text(live.room), dump(live.room)):
        assert "reserved" not in text
    assert stored(live.room) == live.room


class SettingsBefore(msgspec.Struct, frozen=True, kw_only=True):
    """The column `rooms.settings`, as the release before knows it."""

    approval: str = "host"
    visibility: str = "public"
    max_spectators: int = 100
    empty_minutes: int = 0
    name: str
    options: dict[str, Any]
    versions: tuple[int, int] = (1, 1)


def test_the_release_before_refuses_it_rather_than_lose_it() -> None:
    live = reserved()
    with pytest.raises(Newer), codec.told("r", 1):
        strict.convert(SettingsBefore, msgspec.json.decode(settings_text(live.room)))
    accepted(live, HOST, Kick, user_id="ann")
    strict.convert(SettingsBefore, msgspec.json.decode(settings_text(live.room)))


def test_who_is_forgotten_is_not_named() -> None:
    who = Pseudonym(UserId("ann"), UserId("gone_1"), b"salt")
    live = reserved()
    settings = who.told(msgspec.json.decode(settings_text(live.room)))
    assert settings["reserved"] == {"gone_1": 2}
    checkpoint = who.in_checkpoint(msgspec.json.decode(dump(live.room)))
    assert "ann" not in str(checkpoint)
    assert codec.restore(msgspec.json.encode(checkpoint).decode()).info.reservations == {"gone_1": 2}


def opening(game: str = "tictactoe", **wish: Any) -> Opening | Refusal:
    request = msgspec.convert({"game": game, **wish}, RoomWish)
    return open_rows(request, RoomId("r_1"), "CODE", "A table", UserId("host"), "Host", 0)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"ann": 2}, "0 to 1"),
        ({"ann": 1, "bob": 1}, "one user"),
        ({"bot:easy": 1}, "users"),
        ({"service:shop": 1}, "users"),
        ({"operator:eve": 1}, "users"),
    ],
)
def test_bad_reservations_open_no_room(wish: dict[str, int], said: str) -> None:
    refusal = opening(reserved=wish)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "invalid_options"
    assert said in refusal.message
    with pytest.raises(msgspec.ValidationError):
        opening(reserved={"x" * 65: 0})
    with pytest.raises(msgspec.ValidationError):
        opening(reserved={"ann": -1})


def test_opened_with_reservations() -> None:
    opened = opening(reserved={"ann": 1})
    assert isinstance(opened, Opening)
    assert opened.reserved == {"ann": 1}
    assert msgspec.json.decode(opened.settings)["reserved"] == {"ann": 1}
    plain = opening()
    assert isinstance(plain, Opening)
    assert "reserved" not in plain.settings + plain.checkpoint
