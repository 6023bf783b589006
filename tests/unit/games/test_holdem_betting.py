"""The betting: blinds, prices, raises, pots, showdown. Seat 0 has the button in a first hand."""

from typing import Any

import pytest

from kit.holdem import Story

LOW, HIGH = "2c7d", "AsAh"


def three(*stacks: int, **options: Any) -> Story:
    return Story(dict(enumerate(stacks or (1000, 1000, 1000))), **options)


# Blinds and order


def test_three_players_blinds_and_order() -> None:
    table = three()
    table.deal()
    assert table.told("blinds_posted") == [
        {
            "posts": [
                {"seat_index": 1, "kind": "small_blind", "amount": 5},
                {"seat_index": 2, "kind": "big_blind", "amount": 10},
            ]
        }
    ]
    assert (table.hand["button"], table.hand["small_blind"], table.hand["big_blind"]) == (0, 1, 2)
    order = []
    for move in ("call", "call", "check"):
        order.append(table.turn)
        table.does(table.turn or 0, move)
    assert order == [0, 1, 2]
    assert table.told("street_advanced") == [{"phase": "flop", "board": table.hand["board"]}]
    assert table.turn == 1


@pytest.mark.parametrize("small_blind", [5, 10])
def test_heads_up_the_button_posts_the_small_blind_and_acts_first_before_the_flop_only(small_blind: int) -> None:
    table = Story({0: 1000, 3: 1000}, small_blind=small_blind)
    table.deal()
    assert (table.hand["button"], table.hand["small_blind"], table.hand["big_blind"]) == (0, 0, 3)
    assert (table.seat(0)["bet"], table.seat(3)["bet"]) == (small_blind, 10)
    assert table.turn == 0
    table.does(0, "call" if small_blind == 5 else "check")
    assert table.turn == 3
    table.does(3, "check")
    assert table.hand["phase"] == "flop"
    assert table.turn == 3


def test_the_big_blind_has_an_option() -> None:
    table = three()
    table.deal()
    table.does(0, "call")
    table.does(1, "call")
    assert table.moves(2) == {"fold", "check", "raise", "all_in"}
    assert table.raises(2) == (20, 1000)


def test_antes_are_collected_before_the_blinds() -> None:
    table = three(1000, 1000, 1000, ante=2)
    table.deal()
    assert [post["kind"] for post in table.told("blinds_posted")[0]["posts"]] == [
        *("ante", "ante", "ante", "small_blind", "big_blind")
    ]
    assert table.hand["pots"] == [{"amount": 6, "seats": [1, 2, 0]}]
    assert table.chips(0, 1, 2) == [998, 993, 988]
    assert table.hand["current_bet"] == 10
    outcome = table.does(0, "call")
    assert outcome.events[0].fields["pot"] == 31


def test_whoever_cannot_pay_the_ante_plays_for_what_he_has() -> None:
    table = three(1000, 1000, 3, ante=10)
    table.deal({2: HIGH, 0: LOW, 1: "3c8d"}, "4s9sTdJc2h")
    table.does(0, "fold")
    assert table.kinds[-1] == "hand_complete", "nobody is left for the small blind to play against"
    assert table.pots == [(9, {2: 9}), (14, {1: 14})]
    assert table.told("pot_distributed")[0]["returned"] == [{"seat_index": 1, "amount": 5}]
    assert table.chips(0, 1, 2) == [990, 1004, 9]


# Raises


def test_a_raise_is_at_least_as_large_as_the_last() -> None:
    table = three()
    table.deal()
    assert table.raises(0) == (20, 1000)
    assert table.tries(0, "raise", 19).details == {"min": 20, "max": 1000}
    table.does(0, "raise", 35)
    assert table.raises(1) == (60, 1000)
    table.does(1, "raise", 100)
    assert table.raises(2) == (165, 1000)
    table.does(2, "fold")
    table.does(0, "call")
    assert table.raises(1) == (10, 900), "on a new street the smallest bet is a big blind"
    assert "raise" not in table.moves(1)


def test_bet_and_raise_are_two_moves() -> None:
    table = three()
    table.deal()
    assert table.tries(0, "bet", 20).code == "illegal_move"
    table.does(0, "call")
    table.does(1, "call")
    table.does(2, "check")
    assert table.tries(1, "raise", 20).code == "illegal_move"
    table.does(1, "bet", 10)
    assert table.told("player_action") == [
        {"seat_index": 1, "move": "bet", "amount": 10, "chips": 980, "pot": 40},
    ]


def test_what_a_move_tells() -> None:
    table = three()
    table.deal()
    table.does(0, "raise", 40)
    assert table.told("player_action") == [{"seat_index": 0, "move": "raise", "amount": 40, "chips": 960, "pot": 55}]
    table.does(1, "call")
    assert table.told("player_action") == [{"seat_index": 1, "move": "call", "amount": 35, "chips": 960, "pot": 90}]
    table.does(2, "all_in")
    assert table.told("player_action") == [{"seat_index": 2, "move": "all_in", "amount": 1000, "chips": 0, "pot": 1080}]
    assert table.seat(2)["all_in"]
    table.does(0, "fold")
    assert table.told("player_action") == [{"seat_index": 0, "move": "fold", "amount": 0, "chips": 960, "pot": 1080}]
    assert table.seat(0) == {
        "chips": 960,
        "bet": 40,
        "in_hand": False,
        "all_in": False,
        "last_action": "fold",
        "hole_cards": None,
        "sitting_out": False,
    }


def test_a_short_all_in_before_the_flop_does_not_reopen_the_betting_to_a_limper() -> None:
    table = Story({0: 1000, 1: 15, 2: 1000, 3: 1000})
    table.deal()
    table.does(3, "call")
    table.does(0, "call")
    table.does(1, "all_in")
    assert table.told("player_action")[0]["amount"] == 15
    assert table.raises(2) == (25, 1000), "the big blind has not acted: they may raise, by a full big blind"
    table.does(2, "call")
    for seat in (3, 0):
        assert table.moves(seat) == {"fold", "call"}, "five more is less than a raise"
        assert table.tries(seat, "raise", 25).message == "You may not raise now."
        assert table.tries(seat, "all_in").code == "illegal_move"
        table.does(seat, "call")
    assert table.hand["phase"] == "flop"


def test_a_short_all_in_does_not_reopen_the_betting_to_the_bettor() -> None:
    table = three(1000, 1000, 150)
    table.deal()
    for seat, move in ((0, "call"), (1, "call"), (2, "check")):
        table.does(seat, move)
    table.does(1, "bet", 100)
    table.does(2, "all_in")
    assert table.raises(0) == (240, 990), "who has not acted may raise by the last full bet"
    table.does(0, "call")
    assert table.moves(1) == {"fold", "call"}


def test_two_short_all_ins_that_make_a_full_raise_reopen_it_to_whoever_faces_it() -> None:
    table = Story({0: 1000, 1: 1000, 2: 160, 3: 1000, 4: 220})
    table.deal()
    for seat, move in ((3, "call"), (4, "call"), (0, "call"), (1, "call"), (2, "check")):
        table.does(seat, move)
    table.does(1, "bet", 100)
    table.does(2, "all_in")
    table.does(3, "call")
    table.does(4, "all_in")
    assert table.hand["current_bet"] == 210
    assert table.raises(0) == (310, 990)
    table.does(0, "fold")
    assert table.raises(1) == (310, 990), "they face 110, a full raise"
    table.does(1, "call")
    assert table.moves(3) == {"fold", "call"}, "they face 60 only"


def test_an_all_in_bet_of_less_than_a_big_blind_does_not_reopen_it_to_who_checked() -> None:
    table = three(1000, 1000, 14)
    table.deal()
    for seat, move in ((0, "call"), (1, "call"), (2, "check"), (1, "check")):
        table.does(seat, move)
    table.does(2, "all_in")
    assert table.raises(0) == (14, 990)
    table.does(0, "call")
    assert table.moves(1) == {"fold", "call"}


def test_a_player_with_less_than_a_raise_may_go_all_in() -> None:
    table = three(1000, 1000, 45)
    table.deal()
    table.does(0, "raise", 40)
    table.does(1, "fold")
    assert table.legal(2) == {"fold": {}, "call": {}, "raise": {"amount": {"min": 45, "max": 45}}, "all_in": {}}


def test_nobody_raises_whom_nobody_can_answer() -> None:
    table = Story({0: 1000, 3: 300})
    table.deal()
    table.does(0, "call")
    table.does(3, "all_in")
    assert table.moves(0) == {"fold", "call"}
    assert table.tries(0, "all_in").code == "illegal_move"


def test_a_call_for_all_one_has_is_also_an_all_in() -> None:
    table = three(1000, 1000, 45)
    table.deal()
    table.does(0, "raise", 100)
    table.does(1, "fold")
    assert table.moves(2) == {"fold", "call", "all_in"}


# A big blind that is short


def test_the_price_is_a_whole_big_blind_even_when_the_blind_is_short() -> None:
    table = Story({0: 1000, 1: 1000, 2: 7, 3: 1000})
    table.deal({2: HIGH, 0: "KcKd", 1: LOW, 3: "3c8d"}, "4s9sTdJc2h")
    assert table.hand["current_bet"] == 10
    assert table.raises(3) == (20, 1000)
    assert table.does(3, "call").events[0].fields["amount"] == 10
    table.does(0, "raise", 20)
    assert table.raises(1) == (30, 1000)
    table.does(1, "fold")
    table.does(3, "call")
    assert table.hand["pots"] == [{"amount": 26, "seats": [2, 3, 0]}, {"amount": 26, "seats": [3, 0]}]
    table.all_check()
    assert table.pots == [(26, {2: 26}), (26, {0: 26})]


def test_a_raise_over_a_short_big_blind_is_measured_from_the_price() -> None:
    table = Story({0: 1000, 1: 1000, 2: 7, 3: 1000})
    table.deal()
    table.does(3, "raise", 20)
    assert table.raises(0) == (30, 1000)


def test_a_short_big_blind_whom_one_calls_returns_the_rest() -> None:
    table = three(1000, 1000, 7)
    table.deal({2: HIGH, 0: LOW, 1: "3c8d"}, "4s9sTdJcQh")
    table.does(0, "call")
    table.does(1, "fold")
    assert table.told("pot_distributed")[0]["returned"] == [{"seat_index": 0, "amount": 3}]
    assert table.pots == [(19, {2: 19})]
    assert table.chips(0, 1, 2) == [993, 995, 19]


def test_blinds_that_put_both_all_in_are_played_out_at_once() -> None:
    table = Story({0: 3, 1: 1000})
    table.deal()
    assert table.kinds == [
        *("hand_started", "blinds_posted", "hole_cards_dealt", "cards_shown", "cards_shown"),
        *("street_advanced", "street_advanced", "street_advanced", "pot_distributed", "hand_complete"),
    ]
    assert sum(table.chips(0, 1)) == 1003
    assert table.told("pot_distributed")[0]["returned"] == [{"seat_index": 1, "amount": 7}]


# Pots


def test_three_way_side_pots_with_exact_amounts() -> None:
    table = Story({0: 100, 1: 300, 2: 1000, 3: 1000})
    table.deal({0: "AsAh", 1: "KsKh", 2: "QsQh", 3: "2c7d"}, "3c8d9sTd4h")
    table.does(3, "call")
    table.does(0, "all_in")
    table.does(1, "all_in")
    table.does(2, "raise", 600)
    table.does(3, "fold")
    assert table.told("pot_distributed")[0] == {
        "pots": [
            {"amount": 310, "winners": [{"seat_index": 0, "amount": 310, "hand": "One pair"}]},
            {"amount": 400, "winners": [{"seat_index": 1, "amount": 400, "hand": "One pair"}]},
        ],
        "returned": [{"seat_index": 2, "amount": 300}],
    }
    assert table.chips(0, 1, 2, 3) == [310, 400, 700, 990]


def test_an_all_in_of_all_runs_the_board_out() -> None:
    table = three(100, 300, 300)
    table.deal({0: "AsAh", 1: "KsKh", 2: "QsQh"}, "3c8d9sTd4h")
    table.does(0, "all_in")
    table.does(1, "all_in")
    table.does(2, "call")
    assert table.kinds == [
        *("player_action", "cards_shown", "cards_shown", "cards_shown"),
        *("street_advanced", "street_advanced", "street_advanced", "pot_distributed", "hand_complete"),
    ]
    assert [event["phase"] for event in table.told("street_advanced")] == ["flop", "turn", "river"]
    assert table.told("street_advanced")[0]["board"] == ["3c", "8d", "9s"]
    assert table.told("street_advanced")[2]["board"] == ["3c", "8d", "9s", "Td", "4h"]
    assert table.pots == [(300, {0: 300}), (400, {1: 400})]
    assert table.hand["phase"] == "showdown"
    assert [table.seat(seat)["hole_cards"] for seat in (0, 1, 2)] == [["As", "Ah"], ["Ks", "Kh"], ["Qs", "Qh"]]


def test_nobody_is_asked_when_the_rest_is_all_in() -> None:
    table = three(7, 1000, 1000)
    table.deal()
    table.does(0, "all_in")
    table.does(1, "fold")
    assert table.turn is None, "the big blind has nobody to play against"
    assert table.kinds[-1] == "hand_complete"


def test_the_odd_chip_goes_left_of_the_button() -> None:
    table = three(1000, 1000, 1000, small_blind=5)
    table.deal({0: "AsKh", 1: LOW, 2: "AdKc"}, "3c8d9sTd4h")
    table.does(0, "call")
    table.does(1, "fold")
    table.does(2, "check")
    table.all_check()
    assert table.pots == [(25, {2: 13, 0: 12})]


def test_each_pot_is_split_by_itself() -> None:
    table = Story({0: 25, 1: 40, 2: 1000, 3: 1000}, small_blind=5)
    table.deal({0: "QsQh", 1: "KsKh", 2: "AsTh", 3: "AhTc"}, "Ad3c8d9s4h")
    table.does(3, "raise", 41)
    for seat in (0, 1):
        table.does(seat, "all_in")
    table.does(2, "call")
    table.all_check()
    assert table.pots == [(100, {2: 50, 3: 50}), (45, {2: 23, 3: 22}), (2, {2: 1, 3: 1})]


def test_an_uncalled_bet_is_returned() -> None:
    table = three()
    table.deal()
    table.does(0, "raise", 200)
    table.does(1, "fold")
    table.does(2, "fold")
    assert table.told("pot_distributed") == [
        {
            "pots": [{"amount": 25, "winners": [{"seat_index": 0, "amount": 25, "hand": None}]}],
            "returned": [{"seat_index": 0, "amount": 190}],
        }
    ]
    assert table.chips(0, 1, 2) == [1015, 995, 990]


def test_everybody_folds_to_the_big_blind() -> None:
    table = three()
    table.deal()
    table.all_fold()
    assert table.pots == [(10, {2: 10})]
    assert table.told("pot_distributed")[0]["returned"] == [{"seat_index": 2, "amount": 5}]
    assert table.chips(0, 1, 2) == [1000, 995, 1005]
    assert table.told("hand_complete") == [
        {"number": 1, "board": [], "winners": [{"seat_index": 2, "amount": 10}]},
    ]


def test_pots_hold_what_is_collected_and_bets_what_is_not() -> None:
    table = three()
    table.deal()
    assert table.hand["pots"] == []
    for seat, move in ((0, "call"), (1, "call"), (2, "check")):
        table.does(seat, move)
    assert table.hand["pots"] == [{"amount": 30, "seats": [1, 2, 0]}]
    table.does(1, "fold")
    assert table.hand["pots"] == [{"amount": 30, "seats": [2, 0]}]


# Showdown


def test_the_last_to_bet_shows_first_and_a_beaten_hand_is_mucked() -> None:
    table = three()
    table.deal({0: HIGH, 1: "KsKh", 2: LOW}, "3c8d9sTd4h")
    for seat, move in ((0, "call"), (1, "call"), (2, "check"), (1, "check"), (2, "check"), (0, "check")):
        table.does(seat, move)
    for seat in (1, 2, 0):
        table.does(seat, "check")
    table.does(1, "check")
    table.does(2, "check")
    table.does(0, "bet", 50)
    table.does(1, "call")
    table.does(2, "call")
    assert table.told("cards_shown") == [{"seat_index": 0, "hole_cards": ["As", "Ah"]}]
    assert table.seat(0)["hole_cards"] == ["As", "Ah"]
    assert table.seat(1)["hole_cards"] == ["??", "??"]
    assert table.pots == [(180, {0: 180})]


def test_without_a_bet_the_first_to_the_left_of_the_button_shows_first() -> None:
    table = three()
    table.deal({0: HIGH, 1: LOW, 2: "KsKh"}, "3c8d9sTd4h")
    table.all_check()
    assert [shown["seat_index"] for shown in table.told("cards_shown")] == [1, 2, 0]


def test_who_wins_a_side_pot_only_shows() -> None:
    table = three(50, 1000, 1000)
    table.deal({0: HIGH, 1: "KsKh", 2: "QsQh"}, "3c8d9sTd4h")
    table.does(0, "all_in")
    table.does(1, "call")
    table.does(2, "call")
    table.does(1, "bet", 100)
    table.does(2, "call")
    table.all_check()
    assert table.pots == [(150, {0: 150}), (200, {1: 200})]
    assert {shown["seat_index"] for shown in table.told("cards_shown")} >= {0, 1}


def test_who_wins_without_a_showdown_shows_nothing_and_may_show_afterwards() -> None:
    table = three()
    table.deal({2: HIGH})
    table.all_fold()
    assert table.told("cards_shown") == []
    assert table.seat(2)["hole_cards"] == ["??", "??"]
    assert table.moves(2) == {"show", "muck"}
    assert table.moves(0) == set(), "folded cards are gone"
    assert table.tries(0, "show").code == "illegal_move"
    outcome = table.does(2, "show")
    assert table.told("cards_shown") == [{"seat_index": 2, "hole_cards": ["As", "Ah"]}]
    assert not outcome.new_turn
    assert table.seat(2)["hole_cards"] == ["As", "Ah"]
    assert table.moves(2) == set()
    assert table.tries(2, "show").code == "illegal_move"


def test_who_mucks_cannot_show_any_more() -> None:
    table = three()
    table.deal()
    table.all_fold()
    table.does(2, "muck")
    assert table.kinds == ["player_action"]
    assert table.seat(2)["hole_cards"] is None
    assert table.tries(2, "show").code == "illegal_move"


def test_showing_is_for_after_the_hand() -> None:
    table = three()
    assert table.tries(0, "show").code == "illegal_move"
    table.deal()
    for seat in (0, 1, 2):
        assert table.tries(seat, "show").code == "illegal_move"
        assert table.tries(seat, "muck").code == "illegal_move"
    table.all_fold()
    table.deal()
    assert table.tries(2, "show").code == "illegal_move"


# Refusals


@pytest.mark.parametrize("amount", [None, "40", 40.0, True, [40], {"a": 1}, -40, 0, 19, 1001, 10**40])
def test_an_amount_is_a_whole_number_within_the_range(amount: Any) -> None:
    table = three()
    table.deal()
    refused = table.tries(0, "raise", amount)
    assert (refused.code, refused.details) == ("illegal_move", {"min": 20, "max": 1000})
    assert refused.message == "Choose a total between 20 and 1000."


def test_true_is_not_one_chip() -> None:
    table = three(1000, 1000, 1000, small_blind=1, big_blind=1)
    table.deal()
    for seat, move in ((0, "call"), (1, "check"), (2, "check")):
        table.does(seat, move)
    assert table.raises(1) == (1, 999)
    assert table.tries(1, "bet", True).code == "illegal_move"
    table.does(1, "bet", 1)


def test_moves_that_are_no_moves_now() -> None:
    table = three()
    assert table.tries(0, "fold").code == "not_your_turn"
    table.deal()
    assert table.tries(1, "fold").code == "not_your_turn"
    assert table.tries(5, "fold").code == "not_your_turn"
    assert table.tries(0, "check").code == "illegal_move"
    assert table.tries(0, "dance").code == "illegal_move"
    table.does(0, "call")
    table.does(1, "call")
    assert table.tries(2, "call").code == "illegal_move"
