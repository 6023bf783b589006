"""No-limit hold'em as a cash game.

The betting is pokerkit's (`games/holdem/rules.py` says where it is not), the button's way round the table is the
dead-button rule's (`games/holdem/button.py`), what is shown is in `games/holdem/view.py`. The rules of the house:

- A player who leaves while holding cards folds at their next turn, or stays in to the end if they are all in. Their
seat is
  free when the hand has ended.
- At a showdown the last to bet or raise on the river shows first, else the first to the left of the button; the others
  show if they can win some pot, and muck otherwise. When somebody is all in and the betting is over, all show.
- After the hand, whoever holds cards that nobody has seen may `show` them until the next hand begins, or `muck` them.
- An odd chip goes to the first winner to the left of the button.
- Table stakes: chips are added between hands only, up to the largest buy-in. Without chips a player keeps their seat.
- A player who sits out keeps their seat and plays the running hand to its end. The blinds that pass them meanwhile they
  owe; so does a newcomer the big blind (`games/holdem/button.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from msgspec.structs import replace

from tavola.games.base import Clock, Entropy, Event, Game, Json, Move, Outcome, Refusal, SeatIndex
from tavola.games.events import PLAYER_ACTION, PLAYER_LEAVING
from tavola.games.holdem.bots import STYLES, choose
from tavola.games.holdem.button import next_places
from tavola.games.holdem.events import CARDS_SHOWN
from tavola.games.holdem.play import act, call_off, start
from tavola.games.holdem.rules import MISSED_BIG_BLIND
from tavola.games.holdem.state import Hand, HoldemOptions, HoldemSeat, HoldemTable
from tavola.games.holdem.view import hand_view, hole_cards, may_show, seat_view
from tavola.games.stakes import CashedOut, Stakes

MOST_CHIPS = 10**12
"""The most that a host may bring a stack to."""
BETTING_MOVES = frozenset(("fold", "check", "call", "bet", "raise", "all_in"))
_CODES = {"fold": "f", "check": "c", "call": "c", "all_in": "a"}
_ARGUMENTS = {"bet": ("amount",), "raise": ("amount",)}


class Holdem(Stakes[HoldemTable, HoldemOptions], Game[HoldemTable, HoldemOptions]):
    """The rules, as the room calls them."""

    kind = "holdem"
    title = "No-limit hold'em"
    page = "page"
    host_rolls_back = True  # Chips are the host's to give and take anyhow.
    bots: ClassVar = (*STYLES, "random")
    moves: ClassVar = {name: _ARGUMENTS.get(name, ()) for name in (*BETTING_MOVES, "show", "muck")}
    chance_in_moves: ClassVar = False

    # The table

    def seats(self, options: HoldemOptions) -> int:
        return options.seats

    def clock(self, options: HoldemOptions) -> Clock:
        return Clock(
            turn_ms=options.turn_seconds * 1000,
            timebank_ms=options.timebank_seconds * 1000,
            refill_ms=options.timebank_refill_seconds * 1000,
        )

    def auto_start(self, options: HoldemOptions) -> bool:
        return options.auto_start

    def open(self, options: HoldemOptions) -> HoldemTable:
        return HoldemTable()

    def sit_with(
        self, state: HoldemTable, options: HoldemOptions, seat: SeatIndex, buy_in: int | None
    ) -> Outcome[HoldemTable] | Refusal:
        if not 0 <= seat < options.seats:
            return Refusal("illegal_move", "There is no such seat.", {"seats": options.seats})
        if state.seat(seat) is not None:
            return Refusal("seat_taken", "Somebody sits there.")
        chips = options.usual_buy_in if buy_in is None else buy_in
        least, most = options.min_buy_in, options.max_buy_in
        if type(chips) is not int or not least <= chips <= most:
            return Refusal("illegal_move", f"Bring between {least} and {most} chips.", {"min": least, "max": most})
        owes = 0 if state.hand is None else MISSED_BIG_BLIND
        return Outcome(_with_seats(state, [*state.seats, HoldemSeat(seat, chips, owes=owes)]))

    def stand(self, state: HoldemTable, options: HoldemOptions, seat: SeatIndex) -> Outcome[HoldemTable] | Refusal:
        taken = state.seat(seat)
        if taken is None:
            return Refusal("not_seated", "Nobody sits there.")
        if taken.leaving:
            return Refusal("hand_in_progress", "This player leaves as soon as the hand has ended.")
        hand = state.running
        if hand is None or not _holds_cards(state, hand, taken):
            rest = _with_seats(state, [s for s in state.seats if s is not taken])
            return CashedOut(rest, vacated=(seat,), carried={seat: _chips_behind(state, taken)})
        going = _with_seat(state, replace(taken, leaving=True))
        leaving = Event(PLAYER_LEAVING, {"seat_index": seat})
        if self.turn(state) != seat:
            return Outcome(going, (leaving,))
        outcome = act(going, hand, "f", automatic=True)
        return outcome if outcome.vacated else replace(outcome, events=(leaving, *outcome.events))

    # Between rounds

    def between_rounds(self, state: HoldemTable) -> bool:
        return state.running is None

    def sit_out(self, state: HoldemTable, options: HoldemOptions, seat: SeatIndex) -> Outcome[HoldemTable] | Refusal:
        return _set_sitting_out(state, seat, True)

    def sit_in(self, state: HoldemTable, options: HoldemOptions, seat: SeatIndex) -> Outcome[HoldemTable] | Refusal:
        return _set_sitting_out(state, seat, False)

    def sits_out(self, state: HoldemTable, seat: SeatIndex) -> bool:
        taken = state.seat(seat)
        return taken is not None and taken.sitting_out

    def rebuy(
        self, state: HoldemTable, options: HoldemOptions, seat: SeatIndex, amount: int
    ) -> Outcome[HoldemTable] | Refusal:
        """The player in `seat` adds `amount` (unchecked) chips, between hands, up to what is a legal buy-in."""
        taken = state.seat(seat)
        if taken is None:
            return Refusal("not_seated", "Nobody sits there.")
        if state.running is not None and taken.dealt:
            return Refusal("hand_in_progress", "Chips can be added when the hand has ended.")
        least, most = max(1, options.min_buy_in - taken.chips), options.max_buy_in - taken.chips
        if most < 1:
            return Refusal("illegal_move", f"No more than {options.max_buy_in} chips may be brought to this table.")
        if type(amount) is not int or not least <= amount <= most:
            return Refusal("illegal_move", f"Add between {least} and {most} chips.", {"min": least, "max": most})
        return Outcome(_with_seat(state, replace(taken, chips=taken.chips + amount)))

    def adjust_chips(
        self, state: HoldemTable, options: HoldemOptions, seat: SeatIndex, amount: int
    ) -> Outcome[HoldemTable] | Refusal:
        """Any stack may come of it, from none to `MOST_CHIPS`: the limits on buying in do not bind the host."""
        taken = state.seat(seat)
        if taken is None:
            return Refusal("not_seated", "Nobody sits there.")
        if state.running is not None:
            return Refusal("hand_in_progress", "Chips can be given or taken when the hand has ended.")
        least, most = -taken.chips, MOST_CHIPS - taken.chips
        if type(amount) is not int or not amount or not least <= amount <= most:
            message = f"This player has {taken.chips} chips: give up to {most}, or take up to {taken.chips}."
            return Refusal("illegal_move", message, {"min": least, "max": most})
        return Outcome(_with_seat(state, replace(taken, chips=taken.chips + amount)))

    def change_options(
        self, state: HoldemTable, before: HoldemOptions, after: HoldemOptions
    ) -> Outcome[HoldemTable] | Refusal:
        """Stacks stay as they are. In a smaller table a dead button may mark a seat that is no longer there."""
        if state.running is not None:
            return Refusal("hand_in_progress", "The table can be changed when the hand has ended.")
        if state.seats and state.seats[-1].index >= after.seats:
            return Refusal("invalid_options", "Somebody sits beyond that many seats.", {"seats": after.seats})
        return Outcome(state)

    # Play

    def advance_after_ms(self, state: HoldemTable, options: HoldemOptions) -> int | None:
        if state.running is not None or next_places(state) is None:
            return None
        return options.next_hand_seconds * 1000

    def advance(self, state: HoldemTable, options: HoldemOptions, entropy: Entropy) -> Outcome[HoldemTable] | Refusal:
        places = None if state.running is not None else next_places(state)
        if places is None:
            return Refusal("illegal_move", "A hand is dealt when the last has ended and two players have chips.")
        return start(state, options, places, entropy)

    def turn(self, state: HoldemTable) -> SeatIndex | None:
        hand = state.running
        return None if hand is None else hand.players[state.betting.actor_indices[0]]

    def legal(self, state: HoldemTable, options: HoldemOptions, seat: SeatIndex) -> list[dict[str, Json]]:
        if state.hand is not None and _may_show(state, state.hand, seat):
            return [{"move": "show"}, {"move": "muck"}]
        if self.turn(state) != seat:
            return []
        price, to_call, raises = state.betting.facing
        moves: list[dict[str, Json]] = [{"move": "fold"}, {"move": "call" if to_call else "check"}]
        if raises is not None:
            least, most = raises
            moves.append({"move": "raise" if price else "bet", "amount": {"min": least, "max": most}})
        if raises is not None or to_call == _chips_to_act(state):
            moves.append({"move": "all_in"})
        return moves

    def play(
        self, state: HoldemTable, options: HoldemOptions, seat: SeatIndex, move: Move, entropy: Entropy
    ) -> Outcome[HoldemTable] | Refusal:
        name = move.name
        if name in ("show", "muck"):
            return _expose(state, seat, name)
        if name not in BETTING_MOVES:
            return Refusal("illegal_move", "Hold'em knows no such move.")
        hand = state.running
        if hand is None or self.turn(state) != seat:
            return Refusal("not_your_turn", "It is not your turn.")
        price, to_call, raises = state.betting.facing
        match name:
            case "check" if to_call:
                return Refusal("illegal_move", f"There is a bet: call {to_call}, raise or fold.")
            case "call" if not to_call:
                return Refusal("illegal_move", "There is no bet to call.")
            case "bet" if price:
                return Refusal("illegal_move", "There is a bet already: raise it.")
            case "raise" if not price:
                return Refusal("illegal_move", "There is no bet to raise: bet.")
            case "bet" | "raise":
                if raises is None:
                    return Refusal("illegal_move", "You may not raise now.")
                least, most = raises
                amount = move.arguments.get("amount")
                if type(amount) is not int or not least <= amount <= most:
                    message = f"Choose a total between {least} and {most}."
                    return Refusal("illegal_move", message, {"min": least, "max": most})
                return act(state, hand, "r", amount - least)
            case "all_in" if raises is None and to_call < _chips_to_act(state):
                return Refusal("illegal_move", "You may not raise now.")
        return act(state, hand, _CODES[name])

    def timeout_move(self, state: HoldemTable, options: HoldemOptions, seat: SeatIndex) -> Move:
        return Move("fold" if state.betting.facing.to_call else "check")

    def void(
        self, state: HoldemTable, options: HoldemOptions, seats: Sequence[SeatIndex]
    ) -> Outcome[HoldemTable] | Refusal:
        """All bets go back, nobody's cards are shown, and the button moves on."""
        hand = state.running
        if hand is None:
            return Refusal("illegal_move", "No hand is being played.")
        return call_off(state, hand, seats)

    # Views

    def public(self, state: HoldemTable, options: HoldemOptions) -> dict[str, Json]:
        return {"hand": hand_view(state)}

    def public_seat(self, state: HoldemTable, options: HoldemOptions, seat: SeatIndex) -> dict[str, Json]:
        return seat_view(state, seat)

    def private_seat(self, state: HoldemTable, options: HoldemOptions, seat: SeatIndex) -> dict[str, Json]:
        return {"hole_cards": hole_cards(state, seat)}

    def bot(self, name: str, view: Mapping[str, Json], entropy: Entropy) -> Move:
        return super().bot(name, view, entropy) if name == "random" else choose(name, view, entropy)

    def chips(self, state: HoldemTable, seat: SeatIndex) -> int:
        taken = state.seat(seat)
        return 0 if taken is None else taken.chips


def _with_seats(state: HoldemTable, seats: list[HoldemSeat]) -> HoldemTable:
    """The same table and hand with other seats; the hand's betting knows nothing of seats, so its cache goes along."""
    table = HoldemTable(tuple(sorted(seats, key=lambda seat: seat.index)), state.number, state.hand)
    return table if state.running is None else table.with_betting(state.betting)


def _with_seat(state: HoldemTable, changed: HoldemSeat) -> HoldemTable:
    return _with_seats(state, [changed if seat.index == changed.index else seat for seat in state.seats])


def _set_sitting_out(state: HoldemTable, index: SeatIndex, out: bool) -> Outcome[HoldemTable] | Refusal:
    seat = state.seat(index)
    if seat is None:
        return Refusal("not_seated", "Nobody sits there.")
    if seat.leaving:
        return Refusal("hand_in_progress", "This player leaves as soon as the hand has ended.")
    if seat.sitting_out == out:
        return Refusal("illegal_move", "You sit out already." if out else "You do not sit out.")
    return Outcome(_with_seat(state, replace(seat, sitting_out=out)))


def _holds_cards(state: HoldemTable, hand: Hand, seat: HoldemSeat) -> bool:
    return seat.dealt and state.betting.statuses[hand.players.index(seat.index)]


def _chips_to_act(state: HoldemTable) -> int:
    """The chips that the player to act has left."""
    betting = state.betting
    return betting.stacks[betting.actor_indices[0]]


def _chips_behind(state: HoldemTable, seat: HoldemSeat) -> int:
    """The chips in front of a player just now, without their bets."""
    hand = state.running
    return seat.chips if hand is None or not seat.dealt else state.betting.stacks[hand.players.index(seat.index)]


def _may_show(state: HoldemTable, hand: Hand, index: SeatIndex) -> bool:
    seat = state.seat(index)
    return seat is not None and seat.dealt and may_show(hand, index)


def _expose(state: HoldemTable, index: SeatIndex, name: str) -> Outcome[HoldemTable] | Refusal:
    hand = state.hand
    if hand is None or hand.ending is None or not _may_show(state, hand, index):
        return Refusal("illegal_move", f"You have no cards to {name} now.")
    ending = hand.ending
    if name == "show":
        ending = replace(ending, shown=(*ending.shown, index))
        event = Event(CARDS_SHOWN, {"seat_index": index, "hole_cards": hand.hole_cards(index)})
    else:
        ending = replace(ending, holding=tuple(seat for seat in ending.holding if seat != index))
        seat = state.seat(index)
        chips = 0 if seat is None else seat.chips
        fields = {"seat_index": index, "move": "muck", "amount": 0, "chips": chips, "pot": 0}
        event = Event(PLAYER_ACTION, fields)
    return Outcome(HoldemTable(state.seats, state.number, replace(hand, ending=ending)), (event,))
