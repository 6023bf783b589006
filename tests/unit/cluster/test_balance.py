"""Which rooms are moved to even out nodes: few, one way, and to an end."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tavola.actors.cluster.balance import ActorLoad, RoomShift, shifts


def loads(*rooms: tuple[str, int], most: int = 10, capacity: int = 500) -> list[ActorLoad]:
    """Actors by their node and their rooms."""
    return [ActorLoad(f"{node}{index}", node, most, count, capacity) for index, (node, count) in enumerate(rooms)]


def after(actors: list[ActorLoad], moved: list[RoomShift]) -> list[ActorLoad]:
    more = Counter(shift.to for shift in moved)
    less = Counter(shift.away_from for shift in moved)
    return [each._replace(rooms=each.rooms + more[each.name] - less[each.name]) for each in actors]


def test_a_node_that_came_is_given_rooms_and_its_spare_first_then_that_one() -> None:
    actors = loads(("a", 40), ("a", 0), ("b", 0), ("b", 0))
    assert shifts(actors, 3, under_way=False) == [RoomShift("a0", "b2")] * 3
    moved = shifts(actors, 1000, under_way=False)
    assert [each.rooms for each in after(actors, moved)] == [21, 0, 19, 0], "until there is little difference"
    assert shifts(after(actors, moved), 3, under_way=True) == []


def test_it_begins_late_and_ends_late() -> None:
    actors = loads(("a", 22), ("b", 18))
    assert shifts(actors, 9, under_way=False) == []
    assert shifts(actors, 9, under_way=True) == [RoomShift("a0", "b1")]


def test_actors_of_one_node_are_left_as_they_are() -> None:
    assert shifts(loads(("a", 400), ("a", 3), ("a", 0)), 9, under_way=False) == []


def test_nodes_that_carry_more_have_more() -> None:
    large = loads(("a", 30), most=30)
    assert shifts([*large, *loads(("b", 10), most=10)], 9, under_way=True) == []
    moved = shifts([*large, *loads(("b", 30), most=10)], 99, under_way=False)
    assert Counter(moved) == {RoomShift("b0", "a0"): 14}


def test_actors_of_one_room_give_theirs_to_spares() -> None:
    actors = loads(*[("a", 1)] * 8, ("b", 0), ("b", 0), capacity=1)
    moved = shifts(actors, 99, under_way=False)
    assert [shift.to for shift in moved] == ["b8", "b9"], "as many as there are; more come when these are taken"
    assert len({shift.away_from for shift in moved}) == 2


def test_a_crowded_actor_gives_one_room_at_a_time_and_gets_none() -> None:
    [one, other, spare] = loads(("a", 30), ("a", 25), ("a", 0))
    crowded = one._replace(crowded=True)
    assert shifts([crowded, other, spare], 9, under_way=False) == [RoomShift("a0", "a1")]
    assert shifts([crowded, other._replace(crowded=True), spare], 9, under_way=False) == [
        RoomShift("a0", "a2"), RoomShift("a1", "a2"),
    ]  # fmt: skip
    assert shifts([crowded, other._replace(crowded=True)], 9, under_way=False) == []


nodes = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 60)), min_size=1, max_size=12)


@given(nodes, st.booleans())
def test_no_room_goes_to_and_fro_and_it_comes_to_an_end(rooms: list[tuple[str, int]], under_way: bool) -> None:
    actors = loads(*rooms)
    givers, takers = set[str](), set[str]()
    for _ in range(2000):
        moved = shifts(actors, 3, under_way=under_way)
        under_way = bool(moved)
        nodes_of = {each.name: each.node for each in actors}
        givers |= {nodes_of[shift.away_from] for shift in moved}
        takers |= {nodes_of[shift.to] for shift in moved}
        actors = after(actors, moved)
        if not moved:
            break
    assert not moved
    assert not givers & takers, "a node that gives takes none"
    assert all(0 <= each.rooms <= each.capacity for each in actors)
    assert sum(each.rooms for each in actors) == sum(count for _, count in rooms)
