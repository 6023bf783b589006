"""Coming, going, the button, and chips between hands."""

from typing import Any

import msgspec
import pytest

from kit.holdem import ENTROPY, GAME, Story, encode, stored
from tavola.games.base import Clock, Outcome, Refusal, SeatIndex
from tavola.games.holdem.state import HoldemOptions, HoldemTable


def places(table: Story) -> tuple[int, int, int]:
    hand = table.hand
    return hand["button"], hand["small_blind"], hand["big_blind"]


def dealt(table: Story) -> list[int]:
    return [seat.index for seat in table.state.seats if table.seat(seat.index)["in_hand"]]


def hand_over(table: Story) -> tuple[int, int, int]:
    """Deal a hand, fold it out, and say where button and blinds were."""
    table.deal()
    where = places(table)
    table.all_fold()
    return where


# Options


@pytest.mark.parametrize(
    "wrong",
    [
        {"small_blind": 20},
        {"min_buy_in": 3000},
        {"default_buy_in": 10},
        {"ante": 11},
        {"seats": 1},
        {"seats": 11},
        {"big_blind": 0},
        {"turn_seconds": 0},
        {"seats": "6"},
        {"seats": True},
        {"colour": "green"},
    ],
)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, HoldemOptions)


def test_options_make_a_form() -> None:
    schema = msgspec.json.schema(HoldemOptions)["$defs"]["HoldemOptions"]["properties"]
    assert schema["seats"] == {"title": "Seats", "type": "integer", "minimum": 2, "maximum": 10, "default": 6}
    assert all("title" in field for field in schema.values())


def test_defaults_are_the_protocols() -> None:
    options = HoldemOptions()
    assert GAME.seats(options) == 6
    assert GAME.clock(options) == Clock(turn_ms=20_000, timebank_ms=30_000, refill_ms=5_000)
    assert GAME.auto_start(options)
    assert HoldemOptions(min_buy_in=1200).usual_buy_in == 1200
    assert HoldemOptions(default_buy_in=500).usual_buy_in == 500


# Sitting down


def test_sitting_down() -> None:
    table = Story({})
    table.sits(2)
    table.sits(0, 400)
    assert table.chips(0, 2) == [400, 1000]
    assert table.hand["phase"] == "waiting"
    taken = GAME.sit_with(table.state, table.options, SeatIndex(2), None)
    assert isinstance(taken, Refusal)
    assert taken.code == "seat_taken"


@pytest.mark.parametrize("buy_in", [399, 2001, -1, 10**30, True, 500.0, "500"])
def test_a_buy_in_has_limits(buy_in: Any) -> None:
    refused = GAME.sit_with(HoldemTable(), HoldemOptions(), SeatIndex(0), buy_in)
    assert isinstance(refused, Refusal)
    assert refused.details == {"min": 400, "max": 2000}


@pytest.mark.parametrize("seat", [-1, 6, 100])
def test_there_are_only_so_many_seats(seat: int) -> None:
    assert isinstance(GAME.sit_with(HoldemTable(), HoldemOptions(), SeatIndex(seat), None), Refusal)


def test_a_hand_is_dealt_when_two_can_play() -> None:
    table = Story({0: 1000})
    assert GAME.advance_after_ms(table.state, table.options) is None
    assert isinstance(GAME.advance(table.state, table.options, ENTROPY), Refusal)
    table.sits(1)
    assert GAME.advance_after_ms(table.state, table.options) == 3000
    table.deal()
    assert GAME.advance_after_ms(table.state, table.options) is None
    refused = GAME.advance(table.state, table.options, ENTROPY)
    assert isinstance(refused, Refusal)
    assert refused.code == "illegal_move"
    table.all_fold()
    assert GAME.advance_after_ms(table.state, table.options) == 3000


def test_rounds_are_recorded_at_start_and_end() -> None:
    table = Story({0: 1000, 1: 1000, 2: 1000})
    outcome = table.deal()
    [begun] = outcome.rounds
    assert (begun.number, begun.ended) == (1, False)
    table.does(0, "fold")
    [over] = table.does(1, "fold").rounds
    assert (over.number, over.ended) == (1, True)
    assert over.record["winners"] == [{"seat_index": 2, "amount": 10}]
    assert over.record["commitment"] == begun.record["commitment"] == table.hand["commitment"]
    assert len(over.record["commitment"]) == 64
    assert over.record["board"] == []


def test_cards_are_dealt_in_private() -> None:
    table = Story({0: 1000, 1: 1000, 2: 1000})
    outcome = table.deal()
    [dealing] = [event for event in outcome.events if event.kind == "hole_cards_dealt"]
    assert dealing.fields == {"seats": [1, 2, 0]}
    for seat in (0, 1, 2):
        cards = GAME.private_seat(table.state, table.options, SeatIndex(seat))["hole_cards"]
        assert dealing.private[SeatIndex(seat)] == {"hole_cards": cards}
        assert len(cards) == 2
        assert table.seat(seat)["hole_cards"] == ["??", "??"]


def test_one_keeps_seeing_ones_own_cards_after_folding() -> None:
    table = Story({0: 1000, 1: 1000, 2: 1000})
    table.deal({0: "AsAh"})
    table.does(0, "fold")
    assert GAME.private_seat(table.state, table.options, SeatIndex(0)) == {"hole_cards": ["As", "Ah"]}
    assert table.seat(0)["hole_cards"] is None


def test_the_state_of_an_ended_hand_holds_no_card_that_was_not_dealt() -> None:
    table = Story({0: 1000, 1: 1000, 2: 1000})
    table.deal()
    assert table.state.hand is not None
    assert len(table.state.hand.cards) == 2 * (6 + 5)
    table.all_fold()
    assert table.state.hand is not None
    assert len(table.state.hand.cards) == 2 * 6
    assert "betting" not in table.state.__dict__, "no cache while nothing is played"


def test_a_war_of_smallest_raises_fits_into_the_state() -> None:
    table = Story(dict.fromkeys(range(6), 2000))
    table.deal()
    raised = 0
    while (seat := table.turn) is not None:
        range_ = table.raises(seat)
        if range_ is None or raised == 300:
            table.does(seat, "call" if "call" in table.moves(seat) else "check")
        else:
            table.does(seat, *(("raise", range_[0]) if table.hand["current_bet"] else ("bet", range_[0])))
            raised += 1
        assert len(encode(table.state)) < 650
    assert raised > 150


# The button


def test_the_button_goes_round() -> None:
    table = Story({0: 1000, 2: 1000, 4: 1000})
    assert [hand_over(table) for _ in range(4)] == [(0, 2, 4), (2, 4, 0), (4, 0, 2), (0, 2, 4)]


def test_heads_up_the_button_alternates() -> None:
    table = Story({1: 1000, 4: 1000})
    assert [hand_over(table) for _ in range(3)] == [(1, 1, 4), (4, 4, 1), (1, 1, 4)]


def test_a_big_blind_who_left_leaves_a_dead_small_blind() -> None:
    table = Story({0: 1000, 1: 1000, 2: 1000, 3: 1000})
    assert hand_over(table) == (0, 1, 2)
    table.leaves(2)
    table.deal()
    assert places(table) == (1, 2, 3)
    assert table.told("blinds_posted") == [{"posts": [{"seat_index": 3, "kind": "big_blind", "amount": 10}]}]
    assert table.turn == 0
    table.does(0, "call")
    table.does(1, "call")
    table.does(3, "check")
    assert table.turn == 3, "first to the left of the button"
    table.all_fold()
    table.deal()
    assert places(table) == (2, 3, 0), "and then the button is dead"
    table.all_fold()
    assert hand_over(table) == (3, 0, 1)


def test_a_walk_over_a_dead_small_blind_wins_the_big_blind_itself() -> None:
    table = Story({0: 1000, 1: 1000, 2: 1000, 3: 1000})
    hand_over(table)
    table.leaves(2)
    table.deal()
    table.all_fold()
    assert table.told("pot_distributed") == [
        {"pots": [{"amount": 10, "winners": [{"seat_index": 3, "amount": 10, "hand": None}]}]}
    ]
    assert table.chips(3) == [1000]


def test_a_small_blind_who_left_leaves_a_dead_button() -> None:
    table = Story({0: 1000, 1: 1000, 2: 1000, 3: 1000})
    hand_over(table)
    table.leaves(1)
    assert hand_over(table) == (1, 2, 3)
    assert hand_over(table) == (2, 3, 0)


def test_both_blinds_left() -> None:
    table = Story({0: 1000, 1: 1000, 2: 1000, 3: 1000, 4: 1000})
    hand_over(table)
    table.leaves(1)
    table.leaves(2)
    assert hand_over(table) == (1, 2, 3)
    assert hand_over(table) == (2, 3, 4)


def test_from_three_to_two_nobody_is_big_blind_twice_running() -> None:
    for gone, then in ((0, (1, 1, 2)), (1, (2, 2, 0)), (2, (1, 1, 0))):
        table = Story({0: 1000, 1: 1000, 2: 1000})
        assert hand_over(table) == (0, 1, 2)
        table.leaves(gone)
        where = hand_over(table)
        assert where[2] != 2
        if gone != 0:
            assert where == then


def test_from_two_to_three_the_newcomer_left_of_the_big_blind_is_dealt_in_as_big_blind() -> None:
    table = Story({0: 1000, 1: 1000})
    assert hand_over(table) == (0, 0, 1)
    table.sits(2)
    assert hand_over(table) == (0, 1, 2), "the button stays for once, so that nobody skips a blind"


def test_from_two_to_three_a_newcomer_between_them_waits_for_the_button_to_pass() -> None:
    table = Story({0: 1000, 4: 1000})
    assert hand_over(table) == (0, 0, 4)
    table.sits(2)
    table.deal()
    assert dealt(table) == [0, 4]
    assert places(table) == (4, 4, 0)
    table.all_fold()
    table.deal()
    assert dealt(table) == [0, 2, 4]
    assert places(table) == (4, 0, 2)


def test_a_newcomer_is_dealt_in_at_once_unless_he_sits_between_button_and_big_blind() -> None:
    table = Story({0: 1000, 1: 1000, 3: 1000, 4: 1000}, seats=8)
    assert hand_over(table) == (0, 1, 3)
    table.sits(2)
    table.sits(6)
    table.deal()
    assert places(table) == (1, 3, 4)
    assert dealt(table) == [0, 1, 3, 4, 6]
    table.all_fold()
    table.deal()
    assert places(table) == (3, 4, 6)
    assert dealt(table) == [0, 1, 2, 3, 4, 6], "the button has passed them"


def test_a_newcomer_in_the_seat_of_the_button_or_small_blind_waits() -> None:
    table = Story({0: 1000, 1: 1000, 2: 1000, 3: 1000, 4: 1000})
    assert hand_over(table) == (0, 1, 2)
    for seat in (1, 2):
        table.leaves(seat)
        table.sits(seat)
    table.deal()
    assert places(table) == (1, 2, 3)
    assert dealt(table) == [0, 3, 4]
    table.all_fold()
    table.deal()
    assert (places(table), dealt(table)) == ((2, 3, 4), [0, 1, 3, 4])
    table.all_fold()
    table.deal()
    assert (places(table), dealt(table)) == ((3, 4, 0), [0, 1, 2, 3, 4])


def test_when_too_few_could_play_otherwise_nobody_waits() -> None:
    table = Story({0: 1000, 1: 1000})
    hand_over(table)
    for seat in (0, 1):
        table.leaves(seat)
    for seat in (0, 1, 2):
        table.sits(seat)
    table.deal()
    assert dealt(table) == [0, 1, 2]
    assert places(table) == (0, 1, 2)


def test_who_sits_out_or_has_no_chips_is_not_dealt_in_and_keeps_his_seat() -> None:
    table = Story({0: 1000, 1: 1000, 2: 1000, 3: 0})
    seats = [msgspec.structs.replace(s, sitting_out=s.index == 1) for s in table.state.seats]
    table.state = HoldemTable(tuple(seats))
    table.deal()
    assert dealt(table) == [0, 2]
    assert table.seat(1)["sitting_out"]
    assert [seat.index for seat in table.state.seats] == [0, 1, 2, 3]


# Leaving


def four() -> Story:
    table = Story({0: 1000, 1: 1000, 2: 1000, 3: 1000})
    table.deal()
    assert table.turn == 3
    return table


def test_leaving_between_hands_is_at_once() -> None:
    table = four()
    table.all_fold()
    outcome = table.leaves(3)
    assert (outcome.vacated, outcome.events) == ((3,), ())
    assert table.state.seat(SeatIndex(3)) is None


def test_leaving_at_ones_turn_folds_at_once_and_frees_the_seat_when_the_hand_ends() -> None:
    table = four()
    outcome = table.leaves(3)
    assert outcome.vacated == ()
    assert outcome.new_turn
    assert table.kinds == ["player_leaving", "player_action"]
    assert table.told("player_action") == [
        {"seat_index": 3, "move": "fold", "amount": 0, "chips": 1000, "pot": 15, "automatic": True}
    ]
    assert table.turn == 0
    table.does(0, "fold")
    assert table.does(1, "fold").vacated == (3,)


def test_leaving_before_ones_turn_folds_when_it_comes() -> None:
    table = four()
    outcome = table.leaves(0)
    assert (outcome.vacated, outcome.new_turn, table.kinds) == ((), False, ["player_leaving"])
    assert table.seat(0)["in_hand"]
    table.does(3, "call")
    assert [event["seat_index"] for event in table.told("player_action")] == [3, 0]
    assert table.told("player_action")[1]["automatic"]
    assert table.turn == 1


def test_leaving_twice_is_refused() -> None:
    table = four()
    table.leaves(0)
    refused = GAME.stand(table.state, table.options, SeatIndex(0))
    assert isinstance(refused, Refusal)
    assert refused.code == "hand_in_progress"


def test_leaving_after_folding_is_at_once_and_the_pot_stays() -> None:
    table = four()
    table.does(3, "raise", 40)
    table.does(0, "call")
    table.does(1, "fold")
    outcome = table.leaves(1)
    assert outcome.vacated == (1,)
    table.sits(1, 700)
    assert not table.seat(1)["in_hand"]
    assert GAME.private_seat(table.state, table.options, SeatIndex(1)) == {"hole_cards": None}
    table.does(2, "fold")
    table.all_check()
    assert table.seat(1)["chips"] == 700
    assert sum(pot[0] for pot in table.pots) == 95
    assert table.moves(1) == set(), "the newcomer has no cards to show"
    assert GAME.private_seat(table.state, table.options, SeatIndex(1)) == {"hole_cards": None}


def test_the_bets_of_one_who_folded_and_left_are_in_the_pot() -> None:
    table = four()
    table.does(3, "raise", 40)
    for seat in (0, 1):
        table.does(seat, "fold")
    table.leaves(1)
    assert table.hand["pots"] == [{"amount": 5, "seats": [2, 3]}]
    table.does(2, "call")
    assert table.hand["pots"] == [{"amount": 85, "seats": [2, 3]}]

    table = four()
    for seat, move in ((3, "call"), (0, "call"), (1, "call"), (2, "check")):
        table.does(seat, move)
    table.does(1, "bet", 30)
    table.does(2, "call")
    table.does(3, "raise", 90)
    table.does(0, "call")
    table.does(1, "fold")
    table.leaves(1)
    assert table.hand["pots"] == [{"amount": 70, "seats": [2, 3, 0]}]
    table.does(2, "call")
    assert table.hand["pots"] == [{"amount": 340, "seats": [2, 3, 0]}]


def test_leaving_while_all_in_stays_to_the_end() -> None:
    table = four()
    table.does(3, "all_in")
    table.leaves(3)
    table.does(0, "call")
    assert table.seat(3)["in_hand"]
    table.does(1, "fold")
    outcome = table.does(2, "fold")
    assert outcome.vacated == (3,)
    assert table.kinds[-1] == "hand_complete"
    assert {event["seat_index"] for event in table.told("cards_shown")} == {0, 3}


def test_who_leaves_can_still_win_when_all_others_fold() -> None:
    table = four()
    table.leaves(2)
    table.does(3, "fold")
    table.does(0, "fold")
    outcome = table.does(1, "fold")
    assert outcome.vacated == (2,)
    assert table.pots == [(10, {2: 10})]


def test_who_leaves_folds_even_when_checking_is_free() -> None:
    table = four()
    for seat in (3, 0, 1):
        table.does(seat, "call")
    table.leaves(2)
    assert table.told("player_action")[0]["move"] == "fold"
    assert table.hand["phase"] == "flop"


def test_all_leave_and_the_last_wins() -> None:
    table = four()
    for seat in (0, 1, 2):
        table.leaves(seat)
    outcome = table.leaves(3)
    assert set(outcome.vacated) == {0, 1, 2, 3}
    assert table.kinds[-2:] == ["pot_distributed", "hand_complete"]
    assert table.state.seats == ()
    assert GAME.advance_after_ms(table.state, table.options) is None


def test_leaving_that_ends_the_hand_is_at_once() -> None:
    table = Story({0: 1000, 1: 1000})
    table.deal()
    outcome = table.leaves(0)
    assert outcome.vacated == (0,)
    assert "player_leaving" not in table.kinds
    assert table.chips(1) == [1005]


def test_automatic_folds_tell_streets_in_order() -> None:
    table = four()
    for seat in (3, 0, 1):
        table.does(seat, "call")
    table.leaves(1)
    table.does(2, "check")
    assert table.kinds == ["player_action", "street_advanced", "player_action"]
    assert table.turn == 2
    assert encode(stored(table.state)) == encode(table.state)


def test_a_leaver_has_nothing_to_play() -> None:
    table = four()
    table.leaves(0)
    assert table.moves(0) == set()
    assert table.tries(0, "fold").code == "not_your_turn"


def test_nobody_leaves_a_seat_that_is_empty() -> None:
    refused = GAME.stand(HoldemTable(), HoldemOptions(), SeatIndex(0))
    assert isinstance(refused, Refusal)
    assert refused.code == "not_seated"


def test_the_next_player_in_the_seat_gets_nothing_of_the_last_one() -> None:
    table = four()
    table.all_fold()
    assert table.moves(2) == {"show", "muck"}
    table.leaves(2)
    table.sits(2)
    assert table.moves(2) == set()
    assert table.tries(2, "show").code == "illegal_move"
    assert table.seat(2)["hole_cards"] is None
    assert GAME.private_seat(table.state, table.options, SeatIndex(2)) == {"hole_cards": None}


# Chips


def rebuy(table: Story, seat: int, amount: Any) -> Outcome[HoldemTable] | Refusal:
    return GAME.rebuy(table.state, table.options, SeatIndex(seat), amount)


def test_a_rebuy_brings_a_broke_player_back() -> None:
    table = Story({0: 1000, 1: 0, 2: 1000})
    outcome = rebuy(table, 1, 500)
    assert isinstance(outcome, Outcome)
    assert outcome.events == (), "the room tells of it"
    table.state = outcome.state
    assert table.chips(1) == [500]
    table.deal()
    assert dealt(table) == [0, 1, 2]


@pytest.mark.parametrize("amount", [399, 2001, 0, -5, True, 500.0, None, 10**30])
def test_a_rebuy_has_the_limits_of_a_buy_in(amount: Any) -> None:
    refused = rebuy(Story({0: 0}), 0, amount)
    assert isinstance(refused, Refusal)
    assert refused.details == {"min": 400, "max": 2000}


def test_a_rebuy_waits_for_the_end_of_the_hand() -> None:
    table = Story({0: 1000, 1: 1000, 2: 0})
    table.deal()
    refused = rebuy(table, 0, 100)
    assert isinstance(refused, Refusal)
    assert refused.code == "hand_in_progress"
    outcome = rebuy(table, 2, 400)
    assert isinstance(outcome, Outcome), "they are not in this hand"
    table.state = outcome.state
    table.all_fold()
    assert table.chips(2) == [400]
    assert isinstance(rebuy(table, 0, 100), Outcome)


def test_a_rebuy_cannot_pass_the_limit_and_is_no_move() -> None:
    table = Story({0: 2500, 1: 1000})
    assert isinstance(rebuy(table, 0, 1), Refusal)
    assert isinstance(rebuy(table, 5, 1), Refusal)
    assert isinstance(rebuy(table, 1, True), Refusal)
    assert isinstance(rebuy(table, 1, 1), Outcome)
    assert table.tries(1, "rebuy", 500).code == "illegal_move"


def test_chips_between_hands_are_what_the_seat_keeps() -> None:
    table = Story({0: 1000, 1: 1000})
    table.deal()
    assert GAME.chips(table.state, SeatIndex(1)) == 1000
    table.does(0, "fold")
    assert GAME.chips(table.state, SeatIndex(1)) == 1005
    assert GAME.chips(table.state, SeatIndex(5)) == 0


def test_out_of_time_checks_when_that_is_free_and_folds_otherwise() -> None:
    table = Story({0: 1000, 1: 1000})
    table.deal()
    assert GAME.timeout_move(table.state, table.options, SeatIndex(0)).name == "fold"
    table.does(0, "call")
    assert GAME.timeout_move(table.state, table.options, SeatIndex(1)).name == "check"
