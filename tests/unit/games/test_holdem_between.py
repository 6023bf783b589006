"""Sitting out and in, the blinds that are owed for it, chips from the host, and other options."""

from typing import Any

import msgspec
import pytest

from kit.holdem import ENTROPY, GAME, Story, encode, stored
from tavola.games.base import Outcome, Refusal, SeatIndex
from tavola.games.holdem.game import MOST_CHIPS
from tavola.games.holdem.state import HoldemOptions, HoldemTable
from tavola.games.stakes import CashedOut


def table_of(*seats: int, **options: Any) -> Story:
    return Story(dict.fromkeys(seats, 1000), **options)


def dealt(table: Story) -> list[int]:
    return [seat.index for seat in table.state.seats if table.seat(seat.index)["in_hand"]]


def places(table: Story) -> tuple[int, int, int]:
    return table.hand["button"], table.hand["small_blind"], table.hand["big_blind"]


def posts(table: Story) -> set[tuple[int, str, int]]:
    [told] = table.told("blinds_posted")
    return {(post["seat_index"], post["kind"], post["amount"]) for post in told["posts"]}


def hands(table: Story, count: int) -> None:
    for _ in range(count):
        table.deal()
        table.all_fold()


def taken(outcome: Outcome[HoldemTable]) -> dict[SeatIndex, int]:
    """The chips that players take away with them."""
    return outcome.carried if isinstance(outcome, CashedOut) else {}


def code(outcome: Outcome[HoldemTable] | Refusal) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code


# Sitting out


def test_who_sits_out_plays_the_hand_to_its_end_and_is_not_dealt_the_next() -> None:
    table = table_of(0, 1, 2, 3)
    table.deal()
    table.sits_out(0)
    assert GAME.sits_out(table.state, SeatIndex(0))
    assert table.seat(0)["sitting_out"]
    table.does(3, "fold")
    table.does(0, "raise", 40)
    table.all_fold()
    assert table.chips(0) == [1015]
    table.deal()
    assert dealt(table) == [1, 2, 3]
    assert table.seat(0)["sitting_out"]
    table.all_fold()
    table.sits_in(0)
    assert not GAME.sits_out(table.state, SeatIndex(0))
    table.deal()
    assert 0 in dealt(table)


def test_a_table_without_two_who_play_waits() -> None:
    table = table_of(0, 1)
    hands(table, 1)
    table.sits_out(1)
    assert GAME.advance_after_ms(table.state, table.options) is None
    assert code(GAME.advance(table.state, table.options, ENTROPY)) == "illegal_move"
    table.sits_in(1)
    assert GAME.advance_after_ms(table.state, table.options) == 3000
    table.deal()
    assert places(table) == (1, 1, 0)
    assert posts(table) == {(1, "small_blind", 5), (0, "big_blind", 10)}, "no hand was dealt, so no blind has passed"


def test_what_is_refused() -> None:
    table = table_of(0, 1, 2)
    at, gone = SeatIndex(0), SeatIndex(4)
    assert code(GAME.sit_in(table.state, table.options, at)) == "illegal_move"
    table.sits_out(0)
    assert code(GAME.sit_out(table.state, table.options, at)) == "illegal_move"
    assert code(GAME.sit_out(table.state, table.options, gone)) == "not_seated"
    assert code(GAME.sit_in(table.state, table.options, gone)) == "not_seated"
    assert not GAME.sits_out(table.state, gone)
    table.sits_in(0)
    table.deal()
    table.leaves(1)
    assert code(GAME.sit_out(table.state, table.options, SeatIndex(1))) == "hand_in_progress"


def test_who_leaves_while_sitting_out_takes_his_chips_at_once() -> None:
    table = table_of(0, 1, 2)
    table.sits_out(2)
    table.deal()
    outcome = table.leaves(2)
    assert (outcome.vacated, taken(outcome)) == ((2,), {2: 1000})


# Blinds that are owed


def test_who_missed_both_blinds_posts_both_one_live_one_dead() -> None:
    table = table_of(0, 1, 2, 3, 4)
    hands(table, 1)
    assert places(table) == (0, 1, 2)
    table.sits_out(3)
    assert "owes" not in table.seat(3)
    hands(table, 1)
    assert places(table) == (1, 2, 4)
    assert table.seat(3)["owes"] == ["big_blind", "small_blind"]
    hands(table, 1)
    table.sits_in(3)
    table.deal()
    assert places(table) == (4, 0, 1)
    assert dealt(table) == [0, 1, 2, 3, 4]
    assert posts(table) == {(0, "small_blind", 5), (1, "big_blind", 10), (3, "live_post", 10), (3, "dead_post", 5)}
    assert "owes" not in table.seat(3)
    assert (table.seat(3)["chips"], table.seat(3)["bet"]) == (985, 10)
    assert table.hand["pots"] == [{"amount": 5, "seats": [0, 1, 2, 3, 4]}]
    assert table.turn == 2, "a post does not move the first turn"
    table.does(2, "call")
    assert table.moves(3) == {"fold", "check", "raise", "all_in"}
    assert table.raises(3) == (20, 995)
    table.does(3, "check")
    table.does(4, "fold")
    table.does(0, "call")
    table.does(1, "check")
    assert table.hand["pots"] == [{"amount": 45, "seats": [0, 1, 2, 3]}], "the dead blind is in the main pot"
    table.all_check()
    [(amount, _)] = table.pots
    assert amount == 45
    assert table.told("pot_distributed")[0].keys() == {"pots"}, "and nothing of it comes back"
    assert table.state.hand is not None
    assert table.state.hand.posts == (), "what has been posted is not kept"


def test_who_missed_the_small_blind_only_posts_it_dead() -> None:
    table = table_of(0, 1, 2, 3, 4)
    hands(table, 1)
    table.sits_out(2)
    table.deal()
    assert places(table) == (1, 2, 3)
    assert posts(table) == {(3, "big_blind", 10)}, "the small blind is dead"
    assert table.seat(2)["owes"] == ["small_blind"]
    table.all_fold()
    table.sits_in(2)
    table.deal()
    assert places(table) == (2, 3, 4)
    assert dealt(table) == [0, 1, 3, 4], "they sit at the button and wait"
    table.all_fold()
    table.deal()
    assert posts(table) == {(4, "small_blind", 5), (0, "big_blind", 10), (2, "dead_post", 5)}
    assert (table.seat(2)["chips"], table.seat(2)["bet"]) == (1000, 0)
    table.does(1, "fold")
    assert "call" in table.moves(2), "a dead blind is no bet"


def test_coming_back_between_the_blinds_does_not_save_the_small_one() -> None:
    table = table_of(0, 1, 2, 3, 4)
    hands(table, 1)
    table.sits_out(3)
    hands(table, 1)
    table.sits_in(3)
    table.deal()
    assert 3 not in dealt(table)
    table.all_fold()
    table.deal()
    assert {post for post in posts(table) if post[0] == 3} == {(3, "live_post", 10), (3, "dead_post", 5)}


def test_who_comes_back_as_the_big_blind_owes_nothing_more() -> None:
    table = table_of(0, 1, 2, 3)
    hands(table, 1)
    table.sits_out(3)
    hands(table, 3)
    assert table.seat(3)["owes"] == ["big_blind", "small_blind"]
    table.sits_in(3)
    table.deal()
    assert places(table)[2] == 3
    assert {kind for _, kind, _ in posts(table)} == {"small_blind", "big_blind"}
    table.all_fold()
    table.deal()
    assert {kind for _, kind, _ in posts(table)} == {"small_blind", "big_blind"}


def test_who_comes_back_before_a_blind_has_passed_owes_nothing() -> None:
    table = table_of(0, 1, 2, 3, 4)
    hands(table, 1)
    table.sits_out(0)
    hands(table, 1)
    table.sits_in(0)
    table.deal()
    assert dealt(table) == [0, 1, 2, 3, 4]
    assert {kind for _, kind, _ in posts(table)} == {"small_blind", "big_blind"}


def test_a_broke_player_owes_the_blinds_that_pass_him() -> None:
    table = table_of(0, 1, 2, 3, 4)
    hands(table, 1)
    table.is_given(3, -1000)
    hands(table, 3)
    table.rebuys(3, 500)
    table.deal()
    assert {post for post in posts(table) if post[0] == 3} == {(3, "live_post", 10), (3, "dead_post", 5)}


def test_leaving_and_coming_back_costs_a_big_blind() -> None:
    table = table_of(0, 1, 2, 3, 4)
    hands(table, 1)
    table.leaves(3)
    hands(table, 3)
    table.sits(3)
    assert table.seat(3)["owes"] == ["big_blind"]
    table.deal()
    assert {post for post in posts(table) if post[0] == 3} == {(3, "live_post", 10)}


def test_a_newcomer_who_waits_while_the_small_blind_passes_him_owes_no_more_for_it() -> None:
    table = table_of(0, 1, 2, 3, 4)
    hands(table, 1)
    table.leaves(2)
    table.sits(2)
    for where in ((1, 2, 3), (2, 3, 4)):
        table.deal()
        assert places(table) == where
        assert 2 not in dealt(table)
        table.all_fold()
    table.deal()
    assert {post for post in posts(table) if post[0] == 2} == {(2, "live_post", 10)}


def test_before_the_first_hand_a_newcomer_owes_nothing() -> None:
    table = Story({})
    for seat in (0, 1, 2, 3):
        table.sits(seat)
        assert "owes" not in table.seat(seat)
    table.deal()
    assert posts(table) == {(1, "small_blind", 5), (2, "big_blind", 10)}


def test_a_short_stack_bets_first_and_is_never_all_in_by_a_dead_blind() -> None:
    for chips, live, dead in ((7, 7, 0), (10, 10, 0), (12, 10, 2), (15, 10, 5), (16, 10, 5)):
        table = table_of(0, 1, 2, 3, 4)
        hands(table, 1)
        table.sits_out(3)
        hands(table, 3)
        table.is_given(3, chips - table.chips(3)[0])
        table.sits_in(3)
        table.deal()
        expected = {(3, "live_post", live)} | ({(3, "dead_post", dead)} if dead else set())
        assert {post for post in posts(table) if post[0] == 3} == expected
        assert table.seat(3)["all_in"] == (chips <= live + dead)
        assert encode(stored(table.state)) == encode(table.state)
        table.all_check()
        assert sum(table.chips(0, 1, 2, 3, 4)) == 4000 + chips


def test_a_dead_blind_in_a_hand_that_all_fold_is_won() -> None:
    table = table_of(0, 1, 2, 3, 4)
    hands(table, 1)
    table.sits_out(2)
    hands(table, 2)
    table.sits_in(2)
    table.deal()
    assert (2, "dead_post", 5) in posts(table)
    table.all_fold()
    assert table.pots == [(15, {0: 15})]


def test_two_who_remain_of_more_settle_what_they_owe_by_their_blinds() -> None:
    table = table_of(0, 1, 2)
    hands(table, 1)
    table.sits_out(0)
    hands(table, 2)
    assert table.seat(0)["owes"] == ["big_blind", "small_blind"]
    table.sits_in(0)
    table.leaves(1)
    table.deal()
    assert dealt(table) == [0, 2]
    assert {kind for _, kind, _ in posts(table)} == {"small_blind", "big_blind"}
    assert "owes" not in table.seat(0)


def test_blinds_are_where_they_are_told_when_two_became_more_over_an_absent_small_blind() -> None:
    table = table_of(0, 3, seats=6)
    hands(table, 1)
    assert places(table) == (0, 0, 3)
    table.sits_out(0)
    table.sits(1)
    table.sits(2)
    table.deal()
    assert places(table) == (2, 3, 1)
    assert posts(table) == {(3, "small_blind", 5), (1, "big_blind", 10)}


# Chips


def test_the_host_gives_and_takes_between_hands() -> None:
    table = table_of(0, 1, 2)
    table.is_given(0, 5000)
    assert table.chips(0) == [6000], "more than a buy-in may be"
    table.is_given(0, -6000)
    assert table.chips(0) == [0]
    table.deal()
    assert dealt(table) == [1, 2]
    assert code(GAME.adjust_chips(table.state, table.options, SeatIndex(0), 10)) == "hand_in_progress"
    table.all_fold()
    table.is_given(0, 10)
    assert code(GAME.adjust_chips(table.state, table.options, SeatIndex(4), 10)) == "not_seated"


@pytest.mark.parametrize("amount", [-1001, 0, True, 1.0, "5", None, MOST_CHIPS - 999, 10**30])
def test_what_the_host_cannot_give_or_take(amount: Any) -> None:
    refused = GAME.adjust_chips(table_of(0).state, HoldemOptions(), SeatIndex(0), amount)
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.details) == ("illegal_move", {"min": -1000, "max": MOST_CHIPS - 1000})


def test_chips_go_with_who_leaves() -> None:
    table = table_of(0, 1, 2)
    table.deal()
    table.does(0, "raise", 100)
    table.does(1, "call")
    table.does(2, "call")
    table.does(1, "check")
    table.does(2, "fold")
    assert taken(table.leaves(2)) == {2: 900}
    assert taken(table.leaves(0)) == {0: 900}
    assert table.chips(1) == [1200]

    table = table_of(0, 1, 2)
    table.deal({0: "AsAh", 1: "7d2c"}, "AcKd9h4s3s")
    table.does(0, "all_in")
    assert taken(table.leaves(0)) == {}
    table.does(1, "call")
    outcome = table.does(2, "fold")
    assert (outcome.vacated, taken(outcome)) == ((0,), {0: 2010})


# Options


def test_between_hands_the_table_goes_on_with_other_options() -> None:
    table = table_of(0, 1, 3)
    table.deal()
    other = HoldemOptions(seats=4, small_blind=10, big_blind=20)
    assert not GAME.between_rounds(table.state)
    assert code(GAME.change_options(table.state, table.options, other)) == "hand_in_progress"
    table.all_fold()
    assert GAME.between_rounds(table.state)
    before = table.hand
    outcome = GAME.change_options(table.state, table.options, other)
    assert isinstance(outcome, Outcome)
    table.state, table.options = outcome.state, other
    assert table.hand == before
    assert code(GAME.change_options(table.state, other, HoldemOptions(seats=3))) == "invalid_options"
    table.deal()
    assert {(kind, amount) for _, kind, amount in posts(table)} == {("small_blind", 10), ("big_blind", 20)}


def test_a_table_that_shrinks_goes_on_where_it_was() -> None:
    table = table_of(0, 1, 2, 5)
    hands(table, 2)
    assert places(table) == (1, 2, 5)
    table.leaves(5)
    table.options = HoldemOptions(seats=3)
    assert isinstance(GAME.change_options(table.state, HoldemOptions(), table.options), Outcome)
    table.deal()
    assert places(table) == (2, 5, 0), "the big blind goes from the seat that is gone to the next"
    assert posts(table) == {(0, "big_blind", 10)}


def test_a_table_stored_before_blinds_were_owed_is_read() -> None:
    table = table_of(0, 1, 2)
    table.deal()
    old = msgspec.json.decode(encode(table.state))
    for seat in old[0]:
        assert seat.pop() == 0
    assert old[2].pop() == []
    assert encode(stored(table.state)) == encode(msgspec.convert(old, HoldemTable))
