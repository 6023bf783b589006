"""A follower is given old, doubled, missing and early numbers."""

from __future__ import annotations

from typing import Any

from tavola.client.follower import Fault, Follower
from tavola.client.frames import Hydrated, Json, UpdateReceived, Updates
from tavola.client.view import FullView

Events = list[Json]


class Diary:
    """An audience that writes down what it is told."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.views: list[tuple[int, int]] = []
        self.faults: list[Fault] = []

    def updated(self, update: UpdateReceived[Json, Events]) -> None:
        self.seen.append(update.seq)

    def hydrated(self, frame: Hydrated[Json], before: int) -> None:
        self.views.append((before, frame.seq))

    def faulted(self, fault: Fault) -> None:
        self.faults.append(fault)


def update(seq: int, **patch: Any) -> UpdateReceived[Json, Events]:
    return UpdateReceived(room="r", seq=seq, events=[], patch={"last": seq, **patch})


def updates(*seqs: int) -> Updates[Json, Events]:
    return Updates(room="r", updates=[update(seq) for seq in seqs])


def hydrated(seq: int, *, stale: bool = False) -> Hydrated[Json]:
    return Hydrated(room="r", seq=seq, view={"last": seq, "fresh": True}, stale=stale)


def following(seq: int) -> tuple[Follower[Json, Events], Diary]:
    diary = Diary()
    follower: Follower[Json, Events] = Follower(FullView(), diary)
    assert follower.asking() is None
    assert not follower.hydrated(hydrated(seq))
    return follower, diary


def data(follower: Follower[Json, Events]) -> Json:
    assert isinstance(follower.view, FullView)
    return follower.view.data


def test_updates_in_order_are_merged_one_by_one() -> None:
    follower, diary = following(4)
    assert not any(follower.update(update(seq)) for seq in (5, 6, 7))
    assert diary.seen == [5, 6, 7]
    assert data(follower) == {"last": 7, "fresh": True}
    assert diary.faults == []


def test_an_update_without_a_patch_counts() -> None:
    follower, _ = following(4)
    follower.update(UpdateReceived(room="r", seq=5, events=[]))
    assert follower.seq == 5
    assert data(follower)["last"] == 4


def test_a_number_that_was_seen_is_dropped_and_reported() -> None:
    follower, diary = following(4)
    for seq in (5, 5, 3):
        assert not follower.update(update(seq))
    assert diary.seen == [5]
    assert [(fault.kind, fault.seq) for fault in diary.faults] == [("duplicate", 5), ("duplicate", 3)]


def test_a_hole_is_reported_and_filled_by_asking() -> None:
    follower, diary = following(4)
    assert follower.update(update(7))
    assert follower.asking() == 4
    assert follower.catching_up
    assert not follower.updates(updates(5, 6, 7))
    assert diary.seen == [5, 6, 7]
    assert [fault.kind for fault in diary.faults] == ["hole"]


def test_what_comes_while_asking_waits_for_the_answer() -> None:
    follower, diary = following(4)
    follower.update(update(7))
    follower.asking()
    assert not follower.update(update(9))
    assert not follower.update(update(8))
    assert not follower.updates(updates(5, 6, 7))
    assert diary.seen == [5, 6, 7, 8, 9]
    assert len(diary.faults) == 1


def test_an_answer_that_overlaps_what_came_live_is_no_fault() -> None:
    follower, diary = following(4)
    follower.asking()
    assert not follower.update(update(5))
    assert not follower.updates(updates(5, 6))
    assert diary.seen == [5, 6]
    assert diary.faults == []


def test_a_hole_behind_the_answer_asks_again() -> None:
    follower, diary = following(4)
    follower.asking()
    follower.update(update(8))
    assert follower.updates(updates(5, 6))
    assert follower.asking() == 6
    assert not follower.updates(updates(7, 8))
    assert diary.seen == [5, 6, 7, 8]


def test_a_hole_inside_the_answer_is_a_fault() -> None:
    follower, diary = following(4)
    follower.asking()
    assert follower.updates(updates(5, 7))
    assert diary.seen == [5]
    assert [fault.kind for fault in diary.faults] == ["hole"]


def test_a_full_view_may_jump_forward() -> None:
    follower, diary = following(4)
    follower.asking()
    follower.update(update(301))
    assert not follower.hydrated(hydrated(300))
    assert diary.views == [(-1, 4), (4, 300)]
    assert diary.seen == [301]
    assert diary.faults == []


def test_a_full_view_from_before_what_we_had_seen_is_a_fault() -> None:
    follower, diary = following(4)
    follower.update(update(5))
    follower.asking()
    follower.hydrated(hydrated(3))
    assert [fault.kind for fault in diary.faults] == ["went_back"]
    assert follower.seq == 3


def test_a_full_view_that_is_but_stale_is_left_aside() -> None:
    follower, diary = following(4)
    follower.asking()
    follower.update(update(5))
    assert not follower.hydrated(hydrated(4, stale=True))
    assert follower.seq == 5
    assert diary.faults == []


def test_a_stale_view_that_is_older_than_what_was_told_is_a_fault() -> None:
    follower, diary = following(4)
    assert follower.asking() == 4
    follower.hydrated(hydrated(3, stale=True))
    assert [fault.kind for fault in diary.faults] == ["went_back"]


def test_a_client_without_a_memory_takes_a_stale_view() -> None:
    follower, diary = following(4)
    follower.forget()
    assert follower.asking() is None
    assert not follower.hydrated(hydrated(3, stale=True))
    assert follower.seq == 3
    assert diary.faults == []
    follower.update(update(4))
    assert (follower.seq, diary.faults) == (4, [])


def test_an_older_full_view_that_nobody_asked_for_is_the_truth() -> None:
    """The server's database went back; what waits for a missing number is of what is gone."""
    follower, diary = following(4)
    follower.update(update(5))
    follower.asking()
    follower.update(update(7))
    follower.updates(updates())
    assert not follower.hydrated(hydrated(3))
    assert (follower.seq, data(follower)["last"]) == (3, 3)
    assert [fault.kind for fault in diary.faults] == ["went_back"]
    follower.update(update(4))
    assert follower.seq == 4


def test_it_says_of_which_history_its_number_is() -> None:
    follower, _ = following(4)
    epochs = [follower.epoch]
    follower.hydrated(Hydrated(room="r", seq=6, view={}, epoch=8))
    epochs.append(follower.epoch)
    follower.update(UpdateReceived(room="r", seq=7, events=[], epoch=9))
    epochs.append(follower.epoch)
    assert epochs == [None, 8, 9], "a server of old says nothing of them"


def test_a_full_view_that_nobody_asked_for_is_taken() -> None:
    follower, diary = following(4)
    assert not follower.hydrated(hydrated(9))
    assert follower.seq == 9
    assert diary.faults == []
