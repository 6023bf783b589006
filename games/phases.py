"""A round's phases as data: who acts in each, by which moves, and which phase comes next.

For a game that has several phases and would otherwise ask in each of its functions which one it is in. It is no base
class: a game keeps a `Phases` in a class variable, and calls it from its own `to_act`, `legal`, `play` and `advance`.

    ROUND = Phases(
        Phase("bidding", acts=still_to_bid, moves={"bid": Choice(amounts, bid)}, ends=turned_up, next="paying"),
        Phase("paying", ends=paid, next=lambda table: "bidding" if table.lots else "over"),
        Phase("over"),
    )

The state has the name of its phase, in a field `phase`. In the example all who are still to bid act, in any order; when
nobody is left to, the bids are turned up (`ends`) and `paying` is next. Nobody acts there, so it ends at once. A phase
without a `next` is left by the game itself, with `enter`: here a later `advance` says `ROUND.enter("bidding", …)`.

Everything is pure: functions of the state, the options, and for a move its seat and arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from msgspec.structs import replace

from tavola.games.base import Json, Move, Outcome, Refusal, SeatIndex, takes
from tavola.games.stakes import CashedOut

S = TypeVar("S", bound=msgspec.Struct)
O = TypeVar("O", bound=msgspec.Struct)

LONGEST = 500
"""Moves and ends of phases without anybody, in a row. A round that goes on for longer goes in a circle."""


class Choice(msgspec.Struct, Generic[S, O], frozen=True):
    """A move of a phase. `offers` gives the entries of `Game.legal` for a seat that is to act, without the name of the
    move: its arguments, each with range, choices or value. `made` gives the outcome of a move that is among them; it
    need not check that again."""

    offers: Callable[[S, O, SeatIndex], Sequence[Mapping[str, Json]]]
    made: Callable[[S, O, SeatIndex, Move], Outcome[S]]


class Phase(msgspec.Struct, Generic[S, O], frozen=True, kw_only=True):
    """A part of a round. It is over as soon as nobody acts in it; then `ends` says what comes of that, and `next` names
    the phase that follows, for all states alike or of the state that `ends` gave."""

    name: str
    acts: Callable[[S], Sequence[SeatIndex]] = lambda _: ()
    """The seats that are to act: one in its turn, several at once, or nobody."""
    moves: Mapping[str, Choice[S, O]] = {}
    ends: Callable[[S, O], Outcome[S]] = lambda state, _: Outcome(state)
    next: str | Callable[[S], str] | None = None


class Phases(Generic[S, O]):
    """The phases of a game. `stand_in` names a seat that acts without its player (who has left, say) and its move; such
    moves are made in passing, as soon as it is to act."""

    def __init__(
        self,
        *phases: Phase[S, O],
        stand_in: Callable[[S, O], tuple[SeatIndex, Move] | None] = lambda state, options: None,
    ) -> None:
        self._phases = {phase.name: phase for phase in phases}
        self._stand_in = stand_in
        unknown = {phase.next for phase in phases if isinstance(phase.next, str)} - self._phases.keys()
        if unknown or len(self._phases) < len(phases):
            raise ValueError(f"These phases are followed by none of theirs, or have one name: {sorted(unknown)}")

    def to_act(self, state: S) -> Sequence[SeatIndex]:
        """`Game.to_act`."""
        return self._at(state).acts(state)

    def legal(self, state: S, options: O, seat: SeatIndex) -> list[dict[str, Json]]:
        """`Game.legal`."""
        phase = self._at(state)
        if seat not in phase.acts(state):
            return []
        choices = phase.moves.items()
        return [{"move": name, **entry} for name, choice in choices for entry in choice.offers(state, options, seat)]

    def play(self, state: S, options: O, seat: SeatIndex, move: Move) -> Outcome[S] | Refusal:
        """`Game.play`: the move is made if it is one that `legal` offers, and the round goes on as far as it can."""
        phase = self._at(state)
        if seat not in phase.acts(state):
            return Refusal("not_your_turn", "It is not your turn.")
        choice = phase.moves.get(move.name)
        if choice is None or not any(takes(entry, move) for entry in choice.offers(state, options, seat)):
            return Refusal("illegal_move", "That is none of your legal moves.")
        return self.go_on(choice.made(state, options, seat, move), options)

    def enter(self, name: str, outcome: Outcome[S], options: O) -> Outcome[S]:
        """The outcome, with the round in the phase of that name, and gone on from there."""
        return self.go_on(self._into(name, outcome), options)

    def go_on(self, outcome: Outcome[S], options: O) -> Outcome[S]:
        """The outcome, and all that comes of it without anybody: phases that are over end, and seats without a player
        act. Where a phase began, the turns are given anew."""
        for _ in range(LONGEST):
            state = outcome.state
            phase = self._at(state)
            if phase.acts(state):
                waits = self._stand_in(state, options)
                if waits is None:
                    return outcome
                seat, move = waits
                outcome = joined(outcome, phase.moves[move.name].made(state, options, seat, move))
            elif phase.next is None:
                return outcome
            else:
                outcome = joined(outcome, phase.ends(state, options))
                name = phase.next if isinstance(phase.next, str) else phase.next(outcome.state)
                outcome = self._into(name, outcome)
        raise RuntimeError(f"The round goes in a circle, by way of {self._at(outcome.state).name!r}")

    def _at(self, state: S) -> Phase[S, O]:
        return self._phases[state.phase]  # type: ignore[attr-defined]

    def _into(self, name: str, outcome: Outcome[S]) -> Outcome[S]:
        state: Any = replace(outcome.state, phase=self._phases[name].name)
        return replace(outcome, state=state, new_turn=True)


def joined(first: Outcome[S], then: Outcome[S]) -> Outcome[S]:
    """Two outcomes as one: the state of the second, and what happened in both."""
    both: dict[str, Any] = {
        "events": first.events + then.events,
        "new_turn": first.new_turn or then.new_turn,
        "rounds": first.rounds + then.rounds,
        "vacated": first.vacated + then.vacated,
        "result": then.result or first.result,
        "anew": first.anew + then.anew,
    }
    carried = {**_carried(first), **_carried(then)}
    return CashedOut(then.state, carried=carried, **both) if carried else replace(then, **both)


def _carried(outcome: Outcome[S]) -> dict[SeatIndex, int]:
    return outcome.carried if isinstance(outcome, CashedOut) else {}
