"""Views: what each role is shown, and merge patches between views."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from kit.merge import merge, nulls
from kit.rooms import HOST, ROOM, Live, as_json, info
from tavola.actors.room.view import View, difference, inside, summary, watched, whole
from tavola.actors.wire.commands import Approve, Chat, LeaveSeat, Spectate, StopSpectating, TakeSeat, UserId

scalars = st.one_of(
    st.integers(0, 3), st.text("ab", max_size=2), st.booleans(), st.lists(st.integers(0, 2), max_size=2)
)
views = st.recursive(
    st.dictionaries(st.text("abc", min_size=1, max_size=2), scalars, max_size=4),
    lambda inner: st.dictionaries(st.text("abc", min_size=1, max_size=2), st.one_of(scalars, inner), max_size=4),
    max_leaves=12,
)


@given(views, views)
def test_a_difference_makes_the_new_view_of_the_old(old: View, new: View) -> None:
    assert merge(old, difference(old, new)) == new


@given(views)
def test_nothing_differs_from_itself(view: View) -> None:
    assert difference(view, as_json(view)) == {}


def playing() -> Live:
    """A hold'em table: the host and ann play, bob watches, carl is admitted, dora asked, nobody looks."""
    live = Live(info("holdem", approval="host", seats=3), ("host", "ann", "bob", "carl", "dora", "nobody"))
    for user in ("ann", "bob", "carl"):
        live.join(user)
        _approve(live, user)
    live.sit("host", 0)
    live.sit("ann", 1)
    live.send("bob", Spectate(id="watch", room=ROOM))
    live.join("dora")
    live.wake()
    return live


def _approve(live: Live, user: str) -> None:
    live.send(HOST, Approve(id=f"approve {user}", room=ROOM, user_id=user))


def view(live: Live, user: str) -> View:
    return as_json(whole(live.room, UserId(user)))  # type: ignore[no-any-return]


def test_what_each_role_is_shown() -> None:
    live = playing()
    parts = {user: set(view(live, user)) for user in live.viewers}
    table = {"room", "game", "seats", "spectators", "watching", "turn", "me"}
    assert parts == {
        "host": {*table, "pending_requests", "members", "host_controls"},
        "ann": table,
        "bob": table,
        "carl": {"room", "me"},
        "dora": {"room", "me"},
        "nobody": {"room", "me"},
    }
    roles = {user: view(live, user)["me"]["role"] for user in live.viewers}
    assert roles == {
        "host": "player", "ann": "player", "bob": "spectator", "carl": "approved", "dora": "guest", "nobody": "guest",
    }  # fmt: skip


def test_hole_cards_are_their_owners() -> None:
    live = playing()
    host, ann = view(live, "host")["me"]["hole_cards"], view(live, "ann")["me"]["hole_cards"]
    assert len({*host, *ann}) == 4
    for user in live.viewers:
        seen = view(live, user)
        assert "hole_cards" not in seen["me"] or user in ("host", "ann")
        assert all(seat["hole_cards"] == ["??", "??"] for seat in seen.get("seats", {}).values())


def test_only_who_is_to_act_has_moves() -> None:
    live = playing()
    to_act = live.to_act()
    assert {user for user in live.viewers if view(live, user)["me"]["legal"]} == {to_act}
    assert view(live, "bob")["turn"]["seat_index"] == live.room.seat_of(to_act or UserId(""))


def test_requests_are_listed_for_the_host_in_the_order_in_which_they_came() -> None:
    live = playing()
    live.now += 5
    live.join("nobody")
    asked = view(live, "host")["pending_requests"]
    assert [request["user_id"] for request in asked] == ["dora", "nobody"]
    assert view(live, "dora")["me"]["request"] == "pending"


def test_a_host_who_neither_sits_nor_watches_sees_the_public_side_of_the_table() -> None:
    live = playing()
    live.send("host", LeaveSeat(id="stand", room=ROOM))
    while live.room.table.turn is not None:
        live.wake()
    live.send("host", StopSpectating(id="away", room=ROOM))
    seen = view(live, "host")
    assert {"game", "seats", "spectators", "watching", "members"} <= set(seen)
    assert seen["me"]["role"] == "approved"
    assert "hole_cards" not in seen["me"]
    assert all(seat.get("hole_cards") in (None, ["??", "??"]) for seat in seen["seats"].values())
    assert seen == live.viewers[UserId("host")].view


def test_watching_in_somebodys_place_shows_no_more_than_he_may_see() -> None:
    live = playing()
    for user in live.viewers:
        seen = watched(live.room, user)
        assert "hole_cards" not in seen["me"]
        assert seen["me"]["legal"] == []
        assert seen["me"]["role"] == ("spectator" if user in ("host", "ann", "bob") else "guest")
        assert ("game" in seen) == (user in ("host", "ann", "bob"))


def test_views_hold_no_nulls() -> None:
    live = playing()
    assert nulls(as_json(summary(live.room))) == []
    assert nulls(as_json(inside(live.room))) == []
    assert nulls(view(live, "host")) == []


def test_who_changes_his_place_is_shown_the_whole_difference() -> None:
    live = playing()
    live.send("carl", TakeSeat(id="sit", room=ROOM, seat_index=2))
    viewer = live.viewers[UserId("carl")]
    assert viewer.audience == "inside"
    patch = msgspec.json.decode(viewer.frames[-1])["patch"]
    assert {"game", "seats", "turn"} <= set(patch)
    assert viewer.view == viewer.fresh(live.room)


def test_talk_at_the_table_reaches_nobody_outside() -> None:
    live = playing()
    live.send("ann", Chat(id="chat", room=ROOM, text="sesame"))
    heard = {user for user, viewer in live.viewers.items() if b"sesame" in viewer.frames[-1]}
    assert heard == {"host", "ann", "bob"}
    for user in ("carl", "dora", "nobody"):
        frame = msgspec.json.decode(live.viewers[UserId(user)].frames[-1])
        assert frame["events"] == []
        assert "patch" not in frame
