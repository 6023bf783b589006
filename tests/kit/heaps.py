"""Nim with several heaps, of which more may be taken of a large one: arguments that depend on each other, said in three
ways, and wrongly."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from msgspec.structs import replace

from tavola.games.base import Clock, Entropy, Event, Game, Json, Move, Outcome, Refusal, Round, SeatIndex


class HeapsOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class HeapsState(msgspec.Struct, frozen=True, omit_defaults=True):
    """No heaps: nobody plays."""

    seated: tuple[SeatIndex, ...] = ()
    number: int = 0
    heaps: tuple[int, ...] = ()
    turn: SeatIndex | None = None


S, O = HeapsState, HeapsOptions
Legal = list[dict[str, Json]]


class Heaps(Game[HeapsState, HeapsOptions]):
    """An entry a heap."""

    kind = "heaps"
    title = "Heaps"
    moves: ClassVar = {"take": ("heap", "stones")}

    def seats(self, options: HeapsOptions) -> int:
        return 2

    def clock(self, options: HeapsOptions) -> Clock:
        return Clock(turn_ms=10_000)

    def open(self, options: HeapsOptions) -> HeapsState:
        return HeapsState()

    def sit(self, state: HeapsState, options: HeapsOptions, seat: SeatIndex) -> Outcome[HeapsState] | Refusal:
        if seat in state.seated or seat not in (0, 1):
            return Refusal("seat_taken", "Somebody sits there.")
        return Outcome(replace(state, seated=(*state.seated, seat)))

    def stand(self, state: HeapsState, options: HeapsOptions, seat: SeatIndex) -> Outcome[HeapsState] | Refusal:
        left = replace(state, seated=tuple(other for other in state.seated if other != seat))
        return replace(self.over(left) if state.heaps else Outcome(left), vacated=(seat,))

    def advance_after_ms(self, state: HeapsState, options: HeapsOptions) -> int | None:
        return 1000 if len(state.seated) == 2 and not state.heaps else None

    def advance(self, state: HeapsState, options: HeapsOptions, entropy: Entropy) -> Outcome[HeapsState] | Refusal:
        if self.advance_after_ms(state, options) is None:
            return Refusal("illegal_move", "Two players are needed.")
        begun = replace(state, number=state.number + 1, heaps=(1, 3, 5), turn=SeatIndex(entropy[0] % 2))
        return Outcome(begun, new_turn=True, rounds=(Round(begun.number, False, {}),))

    def turn(self, state: HeapsState) -> SeatIndex | None:
        return state.turn

    def legal(self, state: HeapsState, options: HeapsOptions, seat: SeatIndex) -> Legal:
        if seat != state.turn:
            return []
        return self.offer({heap: stones for heap, stones in enumerate(state.heaps) if stones})

    def offer(self, heaps: dict[int, int]) -> Legal:
        return [{"move": "take", "heap": heap, "stones": {"min": 1, "max": most}} for heap, most in heaps.items()]

    def play(
        self, state: HeapsState, options: HeapsOptions, seat: SeatIndex, move: Move, entropy: Entropy
    ) -> Outcome[HeapsState] | Refusal:
        if seat != state.turn:
            return Refusal("not_your_turn", "It is not your turn.")
        heap, stones = move.arguments.get("heap"), move.arguments.get("stones")
        if move.name != "take" or type(heap) is not int or type(stones) is not int or heap not in range(3):
            return Refusal("illegal_move", "Take stones of a heap.")
        if not 1 <= stones <= state.heaps[heap]:
            return Refusal("illegal_move", "So many are not there.")
        heaps = tuple(there - stones * (index == heap) for index, there in enumerate(state.heaps))
        taken = Event("player_action", {"seat_index": seat, "move": "take", "heap": heap, "stones": stones})
        if not any(heaps):
            return replace(self.over(state), events=(taken,))
        return Outcome(replace(state, heaps=heaps, turn=SeatIndex(1 - seat)), (taken,), new_turn=True)

    def over(self, state: HeapsState) -> Outcome[HeapsState]:
        result: dict[str, Json] = {"winner": state.turn}
        ended = replace(state, heaps=(), turn=None)
        return Outcome(ended, rounds=(Round(state.number, True, result),), result=result)

    def timeout_move(self, state: HeapsState, options: HeapsOptions, seat: SeatIndex) -> Move:
        return Move("take", {"heap": next(heap for heap, stones in enumerate(state.heaps) if stones), "stones": 1})

    def public(self, state: HeapsState, options: HeapsOptions) -> dict[str, Json]:
        return {"heaps": list(state.heaps)}

    def public_seat(self, state: HeapsState, options: HeapsOptions, seat: SeatIndex) -> dict[str, Json]:
        return {}


class ListsWholeMoves(Heaps):
    def offer(self, heaps: dict[int, int]) -> Legal:
        return [
            {"move": "take", "heap": heap, "stones": stones, "exact": True}
            for heap, most in heaps.items()
            for stones in range(1, most + 1)
        ]


class SaysItIsInexact(Heaps):
    def offer(self, heaps: dict[int, int]) -> Legal:
        most = max(heaps.values())
        return [{"move": "take", "heap": {"choices": [*heaps]}, "stones": {"min": 1, "max": most}, "exact": False}]


class OffersWhatDoesNotGoTogether(SaysItIsInexact):
    """As if heap and stones did not depend on each other."""

    def offer(self, heaps: dict[int, int]) -> Legal:
        return [{name: offer for name, offer in entry.items() if name != "exact"} for entry in super().offer(heaps)]


class KeepsOneMoveBack(ListsWholeMoves):
    """A move is not listed, although it plays, and its arguments are listed in other ones."""

    def offer(self, heaps: dict[int, int]) -> Legal:
        return [entry for entry in super().offer(heaps) if (entry["heap"], entry["stones"]) != (2, 1)]


class OffersTooFewWithoutAHeap(SaysItIsInexact):
    """It offers more than plays, and says so; and less, which it may not."""

    def offer(self, heaps: dict[int, int]) -> Legal:
        [entry] = super().offer({heap: stones for heap, stones in heaps.items() if heap != 2} or heaps)
        return [entry]
