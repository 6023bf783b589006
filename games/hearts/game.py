"""Hearts, for four: the example of a game with hidden cards, of phases, and of one in which at times all act at once.

Everybody has thirteen cards. Before a hand is played each passes three of them, all at once and in secret: to the left,
in the next hand to the right, then across, and in every fourth hand to nobody. The two of clubs leads the first trick.
A player must follow suit if they can; the highest card of the suit that was led takes the trick, and its winner leads
the next. Each heart that is taken costs a point, the queen of spades thirteen. Nobody may lead a heart before one has
been played, nor throw away points in the first trick, unless they hold nothing else. A player who takes all points has
none, and everybody else 26. When somebody has a hundred (or after so many hands, by the options), the fewest win.

Points belong to seats. A player who leaves in the middle of a hand has their cards played for them, the lowest that may
be, until it is over; the next to take the seat plays on with its points. A table that all have left begins anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from msgspec.structs import replace

from tavola.games.base import Clock, Entropy, Event, Game, Json, Move, Outcome, Refusal, SeatIndex
from tavola.games.events import PLAYER_LEAVING
from tavola.games.hearts.bots import cautious
from tavola.games.hearts.hand import ROUND, dealt, first_move, game_over
from tavola.games.hearts.state import SEATS, HeartsOptions, HeartsPlayer, HeartsState, Trick
from tavola.games.hearts.tricks import split, winner


class Hearts(Game[HeartsState, HeartsOptions]):
    """The rules."""

    kind = "hearts"
    title = "Hearts"
    page = "page"
    host_rolls_back = True
    moves: ClassVar = {"pass": ("cards",), "play": ("card",)}
    chance_in_moves: ClassVar = False
    bots: ClassVar = ("cautious", "random")

    # The table

    def seats(self, options: HeartsOptions) -> int:
        return SEATS

    def clock(self, options: HeartsOptions) -> Clock:
        bank_ms = options.timebank_seconds * 1000
        return Clock(options.turn_seconds * 1000, bank_ms, refill_ms=bank_ms)

    def auto_start(self, options: HeartsOptions) -> bool:
        return options.auto_start

    def open(self, options: HeartsOptions) -> HeartsState:
        return HeartsState()

    def sit(self, state: HeartsState, options: HeartsOptions, seat: SeatIndex) -> Outcome[HeartsState] | Refusal:
        if not 0 <= seat < SEATS:
            return Refusal("illegal_move", f"This table has the seats 0 to {SEATS - 1}.")
        if state.at(seat) is not None:
            return Refusal("seat_taken", "Somebody sits there.")
        players = sorted((*state.players, HeartsPlayer(seat)), key=lambda player: player.seat)
        return Outcome(replace(state, players=tuple(players)))

    def stand(self, state: HeartsState, options: HeartsOptions, seat: SeatIndex) -> Outcome[HeartsState] | Refusal:
        player = state.at(seat)
        if player is None:
            return Refusal("not_seated", "Nobody sits there.")
        if player.leaving:
            return Refusal("hand_in_progress", "This player leaves as soon as the hand has ended.")
        if not self.between_rounds(state):
            players = tuple(replace(each, leaving=True) if each is player else each for each in state.players)
            leaving = Event(PLAYER_LEAVING, {"seat_index": seat})
            return ROUND.go_on(Outcome(replace(state, players=players), (leaving,)), options)
        left = replace(state, players=tuple(each for each in state.players if each is not player))
        outcome = game_over(left) if left.hand and not left.players else Outcome(left)
        return replace(outcome, vacated=(seat,))

    # Play

    def advance_after_ms(self, state: HeartsState, options: HeartsOptions) -> int | None:
        if not self.between_rounds(state) or len(state.players) < SEATS:
            return None
        return options.pause_seconds * 1000 if state.number else 0

    def advance(self, state: HeartsState, options: HeartsOptions, entropy: Entropy) -> Outcome[HeartsState] | Refusal:
        if self.advance_after_ms(state, options) is None:
            return Refusal("illegal_move", "A hand is dealt when four are seated and none is being played.")
        return dealt(state, options, entropy)

    def to_act(self, state: HeartsState) -> Sequence[SeatIndex]:
        return ROUND.to_act(state)

    def legal(self, state: HeartsState, options: HeartsOptions, seat: SeatIndex) -> list[dict[str, Json]]:
        return ROUND.legal(state, options, seat)

    def play(
        self, state: HeartsState, options: HeartsOptions, seat: SeatIndex, move: Move, entropy: Entropy
    ) -> Outcome[HeartsState] | Refusal:
        return ROUND.play(state, options, seat, move)

    def timeout_move(self, state: HeartsState, options: HeartsOptions, seat: SeatIndex) -> Move:
        return first_move(state, options, seat)

    def void(
        self, state: HeartsState, options: HeartsOptions, seats: Sequence[SeatIndex]
    ) -> Outcome[HeartsState] | Refusal:
        """The points of the hands before stay."""
        players = tuple(HeartsPlayer(seat) for seat in seats)
        return Outcome(HeartsState("waiting", state.number, max(0, state.hand - 1), state.points, players))

    # Bots

    def bot(self, name: str, view: Mapping[str, Json], entropy: Entropy) -> Move:
        return cautious(view) if name == "cautious" else super().bot(name, view, entropy)

    # Views

    def public(self, state: HeartsState, options: HeartsOptions) -> dict[str, Json]:
        last = state.last
        return {
            "number": state.number,
            "phase": state.phase,
            "pass": state.direction if state.hand else None,
            "points": list(state.points),
            "trick": _shown(state.trick),
            "last": None
            if last is None
            else {"winner": last.seat_of(winner(split(last.cards))), "cards": _shown(last)},
            "broken": state.broken,
        }

    def public_seat(self, state: HeartsState, options: HeartsOptions, seat: SeatIndex) -> dict[str, Json]:
        player = state.at(seat)
        assert player is not None
        return {
            "points": state.points[seat],
            "taken": player.taken,
            "cards": len(player.hand) // 2,
            "has_passed": bool(player.aside),
        }

    def private_seat(self, state: HeartsState, options: HeartsOptions, seat: SeatIndex) -> dict[str, Json]:
        player = state.at(seat)
        return {"hand": state.cards_of(seat), "aside": split(player.aside) if player is not None else []}


def _shown(trick: Trick) -> list[dict[str, Json]]:
    return [{"seat_index": trick.seat_of(at), "card": card} for at, card in enumerate(split(trick.cards))]
