"""A hold'em table for tests that read like a story: `table.deal(...)`, then `table.does(seat, "raise", 30)`.

Every step is also checked for what must always hold: chips are conserved, the outcome is the same when the state comes
from JSON, and the state before is what it was.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tavola.games.base import Entropy, Event, Move, Outcome, Refusal, SeatIndex
from tavola.games.cards import DECK
from tavola.games.holdem.game import Holdem
from tavola.games.holdem.state import HoldemOptions, HoldemSeat, HoldemTable

GAME = Holdem()
ENTROPY = Entropy(bytes(range(32)))


def encode(value: object) -> bytes:
    return msgspec.json.encode(value)


def stored(state: HoldemTable) -> HoldemTable:
    """The state as the next actor would load it."""
    return msgspec.json.decode(encode(state), type=HoldemTable)


def on_view(state: HoldemTable, options: HoldemOptions) -> int:
    """All chips that anybody can see."""
    seats = [GAME.public_seat(state, options, seat.index) for seat in state.seats]
    pots = GAME.public(state, options)["hand"]["pots"]
    total: int = sum(seat["chips"] + seat["bet"] for seat in seats) + sum(pot["amount"] for pot in pots)
    return total


class Story:
    """A table whose players have `stacks`: {seat: chips}."""

    def __init__(self, stacks: dict[int, int], **options: Any) -> None:
        self.options = HoldemOptions(**options)
        seats = tuple(HoldemSeat(SeatIndex(seat), chips) for seat, chips in sorted(stacks.items()))
        self.state = HoldemTable(seats)
        self.events: tuple[Event, ...] = ()

    def deal(self, holes: dict[int, str] | None = None, board: str = "") -> Outcome[HoldemTable]:
        """The next hand; with these cards, as far as they are given."""
        before = encode(self.state)
        outcome = GAME.advance(self.state, self.options, ENTROPY)
        assert isinstance(outcome, Outcome)
        assert encode(self.state) == before
        self._take(outcome)
        hand = self.state.hand
        if (holes or board) and hand is not None:
            holes = holes or {}
            used = board + "".join(holes.values())
            spare = (card for card in DECK if card not in used)
            wanted = [holes[seat] if seat in holes else "".join(next(spare) for _ in range(2)) for seat in hand.players]
            rest = "".join(next(spare) for _ in range(5 - len(board) // 2))
            hand = msgspec.structs.replace(hand, cards="".join(wanted) + board + rest)
            self.state = HoldemTable(self.state.seats, self.state.number, hand)
        return outcome

    def tries(self, seat: int, move: str, amount: object = None) -> Refusal:
        outcome = GAME.play(self.state, self.options, SeatIndex(seat), _move(move, amount), ENTROPY)
        assert isinstance(outcome, Refusal), outcome
        return outcome

    def does(self, seat: int, move: str, amount: int | None = None) -> Outcome[HoldemTable]:
        at = SeatIndex(seat)
        before, total = encode(self.state), on_view(self.state, self.options)
        loaded = stored(self.state)
        outcome = GAME.play(self.state, self.options, at, _move(move, amount), ENTROPY)
        assert isinstance(outcome, Outcome), outcome
        assert encode(self.state) == before
        assert encode(GAME.play(loaded, self.options, at, _move(move, amount), ENTROPY)) == encode(outcome)
        if not outcome.vacated:
            assert on_view(outcome.state, self.options) == total
        return self._take(outcome)

    def leaves(self, seat: int) -> Outcome[HoldemTable]:
        at = SeatIndex(seat)
        loaded = stored(self.state)
        outcome = GAME.stand(self.state, self.options, at)
        assert isinstance(outcome, Outcome), outcome
        assert encode(GAME.stand(loaded, self.options, at)) == encode(outcome)
        return self._take(outcome)

    def sits(self, seat: int, buy_in: int | None = None) -> Outcome[HoldemTable]:
        outcome = GAME.sit_with(self.state, self.options, SeatIndex(seat), buy_in)
        assert isinstance(outcome, Outcome), outcome
        return self._take(outcome)

    def sits_out(self, seat: int) -> Outcome[HoldemTable]:
        return self._between(GAME.sit_out(self.state, self.options, SeatIndex(seat)))

    def sits_in(self, seat: int) -> Outcome[HoldemTable]:
        return self._between(GAME.sit_in(self.state, self.options, SeatIndex(seat)))

    def rebuys(self, seat: int, amount: int) -> Outcome[HoldemTable]:
        return self._between(GAME.rebuy(self.state, self.options, SeatIndex(seat), amount))

    def is_given(self, seat: int, amount: int) -> Outcome[HoldemTable]:
        return self._between(GAME.adjust_chips(self.state, self.options, SeatIndex(seat), amount))

    def all_check(self) -> None:
        """Everybody checks or calls to the end of the hand."""
        while (seat := self.turn) is not None:
            self.does(seat, "call" if "call" in self.moves(seat) else "check")

    def all_fold(self) -> None:
        while (seat := self.turn) is not None:
            self.does(seat, "fold")

    # Views

    @property
    def turn(self) -> int | None:
        return GAME.turn(self.state)

    @property
    def hand(self) -> dict[str, Any]:
        hand: dict[str, Any] = GAME.public(self.state, self.options)["hand"]
        return hand

    def seat(self, seat: int) -> dict[str, Any]:
        return GAME.public_seat(self.state, self.options, SeatIndex(seat))

    def chips(self, *seats: int) -> list[int]:
        return [self.seat(seat)["chips"] for seat in seats]

    def legal(self, seat: int) -> dict[str, dict[str, Any]]:
        """Each legal move → its arguments."""
        moves = GAME.legal(self.state, self.options, SeatIndex(seat))
        return {move["move"]: {name: value for name, value in move.items() if name != "move"} for move in moves}

    def moves(self, seat: int) -> set[str]:
        return set(self.legal(seat))

    def raises(self, seat: int) -> tuple[int, int] | None:
        for name in ("bet", "raise"):
            if name in (legal := self.legal(seat)):
                return legal[name]["amount"]["min"], legal[name]["amount"]["max"]
        return None

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The fields of the last outcome's events of this kind."""
        return [event.fields for event in self.events if event.kind == kind]

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    @property
    def pots(self) -> list[tuple[int, dict[int, int]]]:
        """The pots won in the last outcome: amounts, and who got how much."""
        [distributed] = self.told("pot_distributed")
        return [
            (pot["amount"], {winner["seat_index"]: winner["amount"] for winner in pot["winners"]})
            for pot in distributed["pots"]
        ]

    def _between(self, outcome: Outcome[HoldemTable] | Refusal) -> Outcome[HoldemTable]:
        assert isinstance(outcome, Outcome), outcome
        assert (outcome.events, outcome.new_turn) == ((), False), "the room tells of it"
        return self._take(outcome)

    def _take(self, outcome: Outcome[HoldemTable]) -> Outcome[HoldemTable]:
        self.state, self.events = outcome.state, outcome.events
        indices = [seat.index for seat in self.state.seats]
        assert indices == sorted(set(indices))
        return outcome


def _move(name: str, amount: object) -> Move:
    return Move(name, {} if amount is None else {"amount": amount})
