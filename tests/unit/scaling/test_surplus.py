"""Which node the others could do without."""

from __future__ import annotations

import pytest

from tavola.actors.scaling.demand import MORE
from tavola.actors.scaling.surplus import NodeRooms, needed_again, unneeded

HEAD = NodeRooms("head", most=10, actors=4, working=3, rooms=3, free=0, may_end=False)
WORKER = NodeRooms("worker", most=10, actors=4, working=3, rooms=3, free=0, may_end=True)


def found(*nodes: NodeRooms, capacity: int = 1, spares: int = 1, least: int = 1) -> str | None:
    node = unneeded(nodes, capacity=capacity, spares=spares, least=least)
    return node.address if node is not None else None


def test_one_whose_rooms_have_room_elsewhere_is_not_needed() -> None:
    assert found(HEAD, WORKER) == "worker"
    assert found(HEAD, WORKER._replace(rooms=4)) is None, "3, 4 more, a spare and perhaps another, and one to grow: 10"


def test_the_head_and_as_many_as_shall_be_there_stay() -> None:
    assert found(HEAD, WORKER._replace(may_end=False)) is None
    assert found(HEAD, WORKER, least=2) is None
    assert found(HEAD, WORKER, WORKER._replace(address="other"), least=2) == "other"


def test_the_one_with_the_fewest_rooms_goes() -> None:
    assert found(HEAD, WORKER, WORKER._replace(address="fuller", rooms=4)) == "worker"
    assert found(HEAD._replace(rooms=0), WORKER) == "worker"


def test_actors_at_work_take_rooms_before_others_are_started() -> None:
    full = HEAD._replace(working=7, rooms=7)
    assert found(full, WORKER, capacity=20) is None
    assert found(full._replace(working=5, free=2), WORKER, capacity=20) == "worker", "one more has room for the third"
    assert found(full._replace(working=6, free=2), WORKER, capacity=20) is None
    assert found(full._replace(working=6, free=3), WORKER, capacity=20) == "worker"


def test_one_that_is_drained_counts_as_gone() -> None:
    assert found(HEAD, WORKER, WORKER._replace(address="drained", why="asked"), least=2) is None
    full = HEAD._replace(working=8)
    assert found(full, WORKER, WORKER._replace(address="drained", why="ending")) is None


def test_it_is_needed_again_when_ray_would_start_another() -> None:
    going = WORKER._replace(why="unneeded", rooms=0, actors=0)
    assert not needed_again([HEAD, going], 1)
    assert not needed_again([HEAD._replace(actors=10 - MORE), going], 1)
    assert needed_again([HEAD._replace(actors=10), going], 1)
    assert needed_again([HEAD._replace(actors=9), going._replace(rooms=1)], 1)
    assert not needed_again([HEAD._replace(actors=9, free=1), going._replace(rooms=1)], 1)


@pytest.mark.parametrize("capacity", [1, 20])
@pytest.mark.parametrize("spares", [0, 1, 3])
def test_none_is_emptied_that_would_be_needed_at_once(capacity: int, spares: int) -> None:
    emptied = 0
    for working in range(11):
        for rooms in range(41):
            actors = min(10, working + spares + 1)
            head = NodeRooms("head", 10, actors, working, working, working * (capacity - 1), may_end=False)
            worker = NodeRooms("worker", 10, 1, 1, rooms, 0, may_end=True)
            if unneeded([head, worker], capacity=capacity, spares=spares, least=1) is not None:
                emptied += 1
                assert not needed_again([head, worker._replace(why="unneeded")], capacity)
    assert emptied
