"""A small game with chance and secrets, and the same game with one mistake at a time: `tavola check` finds each."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from kit.atonce import Picks, PicksOptions, PicksState
from tavola.games.base import Clock, Entropy, Event, Game, Json, Move, Outcome, Refusal, Round, SeatIndex
from tavola.testing.findings import Promise

Seats = tuple[SeatIndex, ...]


class HighCardOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    most: Annotated[int, Meta(ge=1, le=9)] = 3


class HighCardState(msgspec.Struct, frozen=True, omit_defaults=True):
    """`cards` and `bets` are in the order of the seats; no cards: nobody plays."""

    seated: Seats = ()
    number: int = 0
    cards: tuple[int, ...] = ()
    bets: tuple[int, ...] = ()


S, O = HighCardState, HighCardOptions


class HighCard(Game[Any, HighCardOptions]):
    """Two players get a card each and bet once each; the higher card wins."""

    kind = "high_card"
    title = "High card"
    state_type: ClassVar[type[msgspec.Struct]] = HighCardState
    moves: ClassVar = {"bet": ("amount",)}

    def seats(self, options: HighCardOptions) -> int:
        return 2

    def clock(self, options: HighCardOptions) -> Clock:
        return Clock(turn_ms=10_000)

    def open(self, options: HighCardOptions) -> Any:
        return HighCardState()

    def sit(self, state: Any, options: HighCardOptions, seat: SeatIndex) -> Outcome[Any] | Refusal:
        if seat in state.seated or seat not in (0, 1):
            return Refusal("seat_taken", "Somebody sits there.")
        return Outcome(replace(state, seated=(*state.seated, seat)))

    def stand(self, state: Any, options: HighCardOptions, seat: SeatIndex) -> Outcome[Any] | Refusal:
        left = replace(state, seated=tuple(other for other in state.seated if other != seat))
        over = self.over(left) if state.cards else Outcome(left)
        return replace(over, vacated=(seat,))

    def advance_after_ms(self, state: Any, options: HighCardOptions) -> int | None:
        return 1000 if len(state.seated) == 2 and not state.cards else None

    def advance(self, state: Any, options: HighCardOptions, entropy: Entropy) -> Outcome[Any] | Refusal:
        if self.advance_after_ms(state, options) is None:
            return Refusal("illegal_move", "Two players are needed.")
        dealt = replace(state, number=state.number + 1, cards=(entropy[0], entropy[1]), bets=())
        own: dict[SeatIndex, dict[str, Json]] = {SeatIndex(seat): {"card": dealt.cards[seat]} for seat in (0, 1)}
        return Outcome(dealt, (Event("dealt", self.told(dealt), own),), True, (Round(dealt.number, False, {}),))

    def told(self, dealt: Any) -> dict[str, Json]:
        return {"number": dealt.number}

    def turn(self, state: Any) -> SeatIndex | None:
        return SeatIndex(len(state.bets)) if state.cards else None

    def legal(self, state: Any, options: HighCardOptions, seat: SeatIndex) -> list[dict[str, Json]]:
        return [{"move": "bet", "amount": {"min": 1, "max": options.most}}] if seat == self.turn(state) else []

    def play(
        self, state: Any, options: HighCardOptions, seat: SeatIndex, move: Move, entropy: Entropy
    ) -> Outcome[Any] | Refusal:
        if seat != self.turn(state):
            return Refusal("not_your_turn", "It is not your turn.")
        amount = move.arguments.get("amount")
        if move.name != "bet" or type(amount) is not int or not 1 <= amount <= options.most:
            return Refusal("illegal_move", "Bet.")
        bet = replace(state, bets=(*state.bets, amount))
        event = Event("player_action", {"seat_index": seat, "move": "bet", "amount": amount})
        if len(bet.bets) < 2:
            return Outcome(bet, (event,), True)
        return replace(self.over(bet), events=(event,))

    def over(self, state: Any) -> Outcome[Any]:
        result: dict[str, Json] = {"cards": list(state.cards)}
        ended = replace(state, cards=(), bets=())
        return Outcome(ended, rounds=(Round(state.number, True, result),), result=result)

    def timeout_move(self, state: Any, options: HighCardOptions, seat: SeatIndex) -> Move:
        return Move("bet", {"amount": 1})

    def public(self, state: Any, options: HighCardOptions) -> dict[str, Json]:
        return {"bets": list(state.bets)}

    def public_seat(self, state: Any, options: HighCardOptions, seat: SeatIndex) -> dict[str, Json]:
        return {}

    def private_seat(self, state: Any, options: HighCardOptions, seat: SeatIndex) -> dict[str, Json]:
        return {"card": state.cards[seat]} if state.cards else {}


class LastBetRaises(HighCard):
    """With the highest stakes that a host may choose, the second bet fails."""

    found = Promise.RAISES

    def over(self, state: Any) -> Outcome[Any]:
        if sum(state.bets) == 18:
            raise ZeroDivisionError
        return super().over(state)


class OffersTooMuch(HighCard):
    found = Promise.OFFERED_REFUSED

    def legal(self, state: Any, options: HighCardOptions, seat: SeatIndex) -> list[dict[str, Json]]:
        most = options.most + (state.number == 2)
        return [{"move": "bet", "amount": {"min": 1, "max": most}}] if seat == self.turn(state) else []


class TakesFromAnybody(HighCard):
    found = Promise.UNOFFERED_ACCEPTED

    def turn(self, state: Any) -> SeatIndex | None:
        return super().turn(state)

    def play(
        self, state: Any, options: HighCardOptions, seat: SeatIndex, move: Move, entropy: Entropy
    ) -> Outcome[Any] | Refusal:
        turn = self.turn(state)
        return super().play(state, options, seat if turn is None else turn, move, entropy)


class TimesOutInVain(HighCard):
    found = Promise.TIMEOUT_REFUSED

    def timeout_move(self, state: Any, options: HighCardOptions, seat: SeatIndex) -> Move:
        return Move("bet", {"amount": 3 - len(state.bets)})


class DealsLate(HighCard):
    found = Promise.ADVANCE_REFUSED

    def advance(self, state: Any, options: HighCardOptions, entropy: Entropy) -> Outcome[Any] | Refusal:
        if state.number == 3:
            return Refusal("illegal_move", "Three rounds are enough.")
        return super().advance(state, options, entropy)


class ListedState(HighCardState, frozen=True):
    """`seen` is put in as a tuple, and read as a list."""

    seen: list[int] = []


class ReadsAnotherState(HighCard):
    found = Promise.ROUND_TRIP
    state_type = ListedState

    def open(self, options: HighCardOptions) -> Any:
        return ListedState()

    def over(self, state: Any) -> Outcome[Any]:
        outcome = super().over(state)
        return replace(outcome, state=replace(outcome.state, seen=tuple(state.cards)))


class HistoryState(HighCardState, frozen=True):
    history: tuple[str, ...] = ()


class KeepsAllHistory(HighCard):
    found = Promise.TOO_LARGE
    state_type = HistoryState

    def open(self, options: HighCardOptions) -> Any:
        return HistoryState()

    def over(self, state: Any) -> Outcome[Any]:
        outcome = super().over(state)
        return replace(outcome, state=replace(outcome.state, history=(*state.history, "a hand was played" * 4)))


class Counts(HighCard):
    """It remembers something beside the state."""

    found = Promise.NOT_THE_SAME_TWICE
    asked = 0

    def public(self, state: Any, options: HighCardOptions) -> dict[str, Json]:
        self.asked += 1
        return {"bets": list(state.bets), "asked": self.asked}


class GoesThroughASet(HighCard):
    """The same twice in one process, and not in another."""

    found = Promise.NOT_THE_SAME_TWICE

    def public(self, state: Any, options: HighCardOptions) -> dict[str, Json]:
        return {"bets": list(state.bets), "names": list({f"seat {seat}" for seat in (*state.seated, 7, 8, 9)})}


class MutableState(msgspec.Struct, omit_defaults=True):
    seated: Seats = ()
    number: int = 0
    cards: tuple[int, ...] = ()
    bets: tuple[int, ...] = ()


class ChangesItsState(HighCard):
    found = Promise.CHANGES_ARGUMENTS
    state_type = MutableState

    def open(self, options: HighCardOptions) -> Any:
        return MutableState()

    def over(self, state: Any) -> Outcome[Any]:
        return super().over(state)

    def stand(self, state: Any, options: HighCardOptions, seat: SeatIndex) -> Outcome[Any] | Refusal:
        outcome = super().stand(state, options, seat)
        state.seated = ()
        return outcome


class ReadsAClock(HighCard):
    found = Promise.CLOCK

    def advance_after_ms(self, state: Any, options: HighCardOptions) -> int | None:
        return super().advance_after_ms(state, options) and 1000 + int(time.time() > 0)


class DrawsByChance(HighCard):
    found = Promise.RANDOM

    def timeout_move(self, state: Any, options: HighCardOptions, seat: SeatIndex) -> Move:
        return Move("bet", {"amount": random.choice((1,))})


class ReadsAFile(HighCard):
    found = Promise.IO

    def public_seat(self, state: Any, options: HighCardOptions, seat: SeatIndex) -> dict[str, Json]:
        return {"name": Path(__file__).read_text()[:3]} if state.bets else {}


class ShowsACard(HighCard):
    """Whether the other's card is high can be seen from the moves that are offered."""

    found = Promise.SECRET_SHOWN

    def public(self, state: Any, options: HighCardOptions) -> dict[str, Json]:
        return {"bets": list(state.bets), "last": state.cards[1] % 2 if state.cards and state.bets else None}


class TellsACard(HighCard):
    """The view keeps the secret, and the event of the deal does not."""

    found = Promise.SECRET_SHOWN

    def told(self, dealt: Any) -> dict[str, Json]:
        return {"number": dealt.number, "first": dealt.cards[1]}


class NeverEnds(HighCard):
    found = Promise.NEVER_ENDS

    def play(
        self, state: Any, options: HighCardOptions, seat: SeatIndex, move: Move, entropy: Entropy
    ) -> Outcome[Any] | Refusal:
        outcome = super().play(state, options, seat, move, entropy)
        if isinstance(outcome, Outcome) and outcome.result is not None:
            return Outcome(replace(state, number=state.number + 1, bets=()), new_turn=True)
        return outcome


class TellsAPick(Picks):
    """All choose at once, and who has not yet is told what another chose."""

    found = Promise.SECRET_SHOWN

    def play(
        self, state: PicksState, options: PicksOptions, seat: SeatIndex, move: Move, entropy: Entropy
    ) -> Outcome[PicksState] | Refusal:
        outcome = super().play(state, options, seat, move, entropy)
        if not isinstance(outcome, Outcome):
            return outcome
        [event] = outcome.events
        return replace(outcome, events=(replace(event, fields={**event.fields, **event.private[seat]}),))


class ShowsAPick(Picks):
    """The events keep the secret, and the view does not."""

    found = Promise.SECRET_SHOWN

    def public(self, state: PicksState, options: PicksOptions) -> dict[str, Json]:
        return {"made": {str(seat): sum(made) for seat, made in state.picked.items()}}


class GivesATurnTwice(Picks):
    found = Promise.RAISES

    def to_act(self, state: PicksState) -> Seats:
        seats = tuple(super().to_act(state))
        return (*seats, *seats[-1:]) if len(seats) == 2 else seats


PLANTED: tuple[Any, ...] = (
    LastBetRaises, OffersTooMuch, TakesFromAnybody, TimesOutInVain, DealsLate, ReadsAnotherState, KeepsAllHistory,
    Counts, GoesThroughASet, ChangesItsState, ReadsAClock, DrawsByChance, ReadsAFile, ShowsACard, TellsACard, NeverEnds,
    TellsAPick, ShowsAPick, GivesATurnTwice,
)  # fmt: skip
