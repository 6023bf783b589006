"""The views of a hold'em table: the one for everybody, and the part for one player.

Chips are conserved on view: what seats have and have bet, and the pots, are at every moment all that was brought in.
"""

from __future__ import annotations

from tavola.games.base import Json, SeatIndex
from tavola.games.holdem.play import PHASES
from tavola.games.holdem.rules import MISSED_BIG_BLIND, MISSED_SMALL_BLIND
from tavola.games.holdem.state import Hand, HoldemTable

HIDDEN = ["??", "??"]
_BLINDS = ((MISSED_BIG_BLIND, "big_blind"), (MISSED_SMALL_BLIND, "small_blind"))


def hand_view(table: HoldemTable) -> dict[str, Json]:
    hand = table.hand
    if hand is None:
        return {
            "number": 0,
            "phase": "waiting",
            "board": [],
            "pots": [],
            "button": None,
            "small_blind": None,
            "big_blind": None,
            "current_bet": 0,
            "commitment": None,
        }
    view: dict[str, Json] = {
        "number": table.number,
        "phase": "showdown",
        "board": [],
        "pots": [],
        "button": hand.button,
        "small_blind": hand.small_blind,
        "big_blind": hand.big_blind,
        "current_bet": 0,
        "commitment": hand.commitment.hex(),
    }
    if hand.ending is not None:
        view["board"] = hand.board()
        return view
    betting = table.betting
    view["phase"] = PHASES[betting.street_index or 0]
    view["board"] = hand.board(betting.board_size)
    view["pots"] = _pots(table, hand)
    view["current_bet"] = betting.facing.price
    return view


def _pots(table: HoldemTable, hand: Hand) -> list[dict[str, Json]]:
    """The bets that were collected; with them, the bets of those who folded and whose seats are free already."""
    betting = table.betting
    pots: list[dict[str, Json]] = [
        {"amount": pot.amount, "seats": [hand.players[player] for player in pot.players]} for pot in betting.collected
    ]
    here = {seat.index for seat in table.seats if seat.dealt}
    gone = sum(bet for seat, bet in zip(hand.players, betting.bets, strict=True) if bet and seat not in here)
    if gone and pots:
        pots[-1]["amount"] += gone
    elif gone:
        able = [seat for seat, alive in zip(hand.players, betting.statuses, strict=True) if alive]
        pots = [{"amount": gone, "seats": able}]
    return pots


def seat_view(table: HoldemTable, index: SeatIndex) -> dict[str, Json]:
    seat = table.seat(index)
    assert seat is not None
    view: dict[str, Json] = {
        "chips": seat.chips,
        "bet": 0,
        "in_hand": False,
        "all_in": False,
        "last_action": None,
        "hole_cards": None,
        "sitting_out": seat.sitting_out,
    }
    if seat.owes:
        view["owes"] = [name for bit, name in _BLINDS if seat.owes & bit]
    hand = table.hand
    if hand is None or not seat.dealt:
        return view
    player = hand.players.index(index)
    if hand.ending is not None:
        view["in_hand"] = index in hand.ending.holding
        view["last_action"] = hand.ending.last_moves[player] or None
        if index in hand.ending.shown:
            view["hole_cards"] = hand.hole_cards(index)
        elif view["in_hand"]:
            view["hole_cards"] = HIDDEN[:]
        return view
    betting = table.betting
    view["chips"] = betting.stacks[player]
    view["bet"] = betting.bets[player]
    view["last_action"] = betting.last_moves[player] or None
    if betting.statuses[player]:
        view["in_hand"] = True
        view["all_in"] = not betting.stacks[player]
        view["hole_cards"] = HIDDEN[:]
    return view


def hole_cards(table: HoldemTable, index: SeatIndex) -> list[str] | None:
    """The cards of the player in this seat, folded or not, until the next hand is dealt."""
    seat = table.seat(index)
    if seat is None or not seat.dealt or table.hand is None:
        return None
    return table.hand.hole_cards(index)


def may_show(hand: Hand, index: SeatIndex) -> bool:
    """After the hand, who still holds cards that nobody has seen may show or muck them."""
    return hand.ending is not None and index in hand.ending.holding and index not in hand.ending.shown
