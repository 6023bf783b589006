"""Which updates of a room need not go through Redis: those that all its edges hear of on their lines."""

from __future__ import annotations

from tavola.actors.host.following_edges import LOADED_MS, LOST_MS, FollowingEdges
from tavola.actors.wire.commands import Epoch, RoomId, UserId
from tavola.actors.wire.messages import ReportPresence

SURE = LOADED_MS
LINES = {"e1", "e2"}


def report(edge: str, follows: bool | None, *here: str) -> ReportPresence:
    users = tuple(UserId(user) for user in here)
    return ReportPresence(Epoch(1), RoomId("r"), edge, users, follows=follows)


def loaded() -> FollowingEdges:
    following = FollowingEdges()
    assert not following.on_lines(LINES, SURE), "it is not in use yet"
    following.loaded(0)
    return following


def test_a_room_that_was_loaded_just_now_may_be_followed_by_edges_that_have_not_said_so() -> None:
    following = loaded()
    assert following.says(report("e1", True, "ann"))
    assert not following.on_lines(LINES, SURE - 1)
    assert following.on_lines(LINES, SURE)


def test_what_an_edge_says_counts_until_it_says_otherwise() -> None:
    following = loaded()
    assert following.says(report("e1", True, "ann"))
    assert not following.says(report("e1", True, "bob")), "that was known"
    assert following.edges == {"e1"}
    assert not following.says(report("e1", False))
    assert following.edges == set()
    assert following.says(report("e1", True, "ann"))


def test_an_edge_that_follows_and_has_no_line_that_listens_needs_redis() -> None:
    following = loaded()
    following.says(report("e3", True, "ann"))
    assert not following.on_lines(LINES, SURE)
    assert following.on_lines({*LINES, "e3"}, SURE)


def test_an_edge_whose_line_was_cut_needs_redis_for_a_while() -> None:
    following = loaded()
    following.says(report("e1", True, "ann"))
    following.says(report("e3", True, "bob"))
    following.lose("e2", SURE)
    following.says(report("e3", False))
    assert following.on_lines(LINES, SURE), "it did not follow the room"
    following.lose("e1", SURE)
    assert following.edges == set()
    following.says(report("e2", True, "bob"))
    assert not following.on_lines(LINES, SURE + LOST_MS - 1)
    assert following.on_lines(LINES, SURE + LOST_MS)


def test_where_no_edge_is_known_one_may_follow_of_which_nobody_has_heard() -> None:
    assert not loaded().on_lines(LINES, SURE)


def test_an_edge_of_the_release_before_needs_redis_as_long_as_it_has_a_line() -> None:
    following = loaded()
    following.says(report("e1", True, "bob"))
    assert not following.says(report("old", None, "ann"))
    assert following.edges == {"e1"}, "it would not understand what it is told"
    assert not following.on_lines({*LINES, "old"}, SURE)
    following.lose("old", SURE)
    assert not following.on_lines(LINES, SURE)
    assert following.on_lines(LINES, SURE + LOST_MS)
