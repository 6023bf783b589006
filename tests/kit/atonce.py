"""Small games in which all act at once, by any clock: nothing but turns. Each seat picks a number, and again when all
have; or at once, while the others still think."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec.structs import replace

from tavola.games.base import Clock, Entropy, Event, Game, Json, Move, Outcome, Refusal, Round, SeatIndex


class PicksOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`picks` are what each has to make in a round."""

    seats: Annotated[int, msgspec.Meta(ge=2, le=5)] = 3
    picks: Annotated[int, msgspec.Meta(ge=1, le=4)] = 2


class PicksState(msgspec.Struct, frozen=True, omit_defaults=True):
    seated: tuple[SeatIndex, ...] = ()
    number: int = 0
    running: bool = False
    picked: dict[SeatIndex, tuple[int, ...]] = {}


class Picks(Game[PicksState, PicksOptions]):
    """`rule` is the clock of all its rooms, from the next turn on."""

    kind = "picks"
    title = "Picks"
    moves: ClassVar = {"pick": ("n",)}
    chance_in_moves: ClassVar = False
    rule: ClassVar[Any] = Clock(turn_ms=20_000, timebank_ms=30_000)

    def seats(self, options: PicksOptions) -> int:
        return options.seats

    def clock(self, options: PicksOptions) -> Any:
        return self.rule

    def open(self, options: PicksOptions) -> PicksState:
        return PicksState()

    def sit(self, state: PicksState, options: PicksOptions, seat: SeatIndex) -> Outcome[PicksState] | Refusal:
        if seat in state.seated or not 0 <= seat < options.seats:
            return Refusal("seat_taken", "Somebody sits there.")
        return Outcome(replace(state, seated=tuple(sorted((*state.seated, seat)))))

    def stand(self, state: PicksState, options: PicksOptions, seat: SeatIndex) -> Outcome[PicksState] | Refusal:
        seated = tuple(each for each in state.seated if each != seat)
        picked = {each: made for each, made in state.picked.items() if each != seat}
        left = replace(state, seated=seated, picked=picked)
        return replace(self._on(left, options, seat) if state.running else Outcome(left), vacated=(seat,))

    def advance_after_ms(self, state: PicksState, options: PicksOptions) -> int | None:
        return 1000 if len(state.seated) == options.seats and not state.running else None

    def advance(self, state: PicksState, options: PicksOptions, entropy: Entropy) -> Outcome[PicksState] | Refusal:
        if self.advance_after_ms(state, options) is None:
            return Refusal("illegal_move", "All seats must be taken.")
        picked: dict[SeatIndex, tuple[int, ...]] = {seat: () for seat in state.seated}
        begun = replace(state, number=state.number + 1, running=True, picked=picked)
        return Outcome(begun, new_turn=True, rounds=(Round(begun.number, False, {}),))

    def to_act(self, state: PicksState) -> Sequence[SeatIndex]:
        if not state.running:
            return ()
        least = min(map(len, state.picked.values()))
        return [seat for seat, made in state.picked.items() if len(made) == least]

    def legal(self, state: PicksState, options: PicksOptions, seat: SeatIndex) -> list[dict[str, Json]]:
        return [{"move": "pick", "n": {"choices": [0, 1]}}] if seat in self.to_act(state) else []

    def play(
        self, state: PicksState, options: PicksOptions, seat: SeatIndex, move: Move, entropy: Entropy
    ) -> Outcome[PicksState] | Refusal:
        if seat not in self.to_act(state):
            return Refusal("not_your_turn", "It is not your turn.")
        n = move.arguments.get("n")
        if move.name != "pick" or type(n) is not int or n not in (0, 1):
            return Refusal("illegal_move", "Pick 0 or 1.")
        picked = {**state.picked, seat: (*state.picked[seat], n)}
        told = Event("player_action", {"seat_index": seat, "move": "pick"}, {seat: {"n": n}})
        return replace(self._on(replace(state, picked=picked), options, seat), events=(told,))

    def _on(self, state: PicksState, options: PicksOptions, seat: SeatIndex) -> Outcome[PicksState]:
        if len(state.picked) < 2 or min(map(len, state.picked.values())) == options.picks:
            over = replace(state, running=False, picked={})
            return Outcome(over, rounds=(Round(state.number, True, {}),), result={"picked": len(state.picked)})
        anew = len(set(map(len, state.picked.values()))) == 1
        return Outcome(state, new_turn=anew)

    def timeout_move(self, state: PicksState, options: PicksOptions, seat: SeatIndex) -> Move:
        return Move("pick", {"n": 0})

    def public(self, state: PicksState, options: PicksOptions) -> dict[str, Json]:
        return {"made": {str(seat): len(made) for seat, made in state.picked.items()}}

    def public_seat(self, state: PicksState, options: PicksOptions, seat: SeatIndex) -> dict[str, Json]:
        return {}

    def private_seat(self, state: PicksState, options: PicksOptions, seat: SeatIndex) -> dict[str, Json]:
        return {"mine": list(state.picked.get(seat, ()))}


class Races(Picks):
    """Nobody waits for the others: a seat picks again at once, in a turn of its own, until it has picked enough."""

    kind = "races"

    def to_act(self, state: PicksState) -> Sequence[SeatIndex]:
        return [seat for seat, made in state.picked.items() if len(made) < 2] if state.running else ()

    def _on(self, state: PicksState, options: PicksOptions, seat: SeatIndex) -> Outcome[PicksState]:
        outcome = super()._on(state, options, seat)
        return replace(outcome, new_turn=False, anew=(seat,))
