"""A game at one table, played step by step without servers. Every call is made twice and watched."""

from __future__ import annotations

import hashlib
import traceback
from random import Random
from typing import Any, Self

import msgspec

from tavola.games.base import Entropy, Game, Json, Move, Outcome, Refusal, SeatIndex
from tavola.games.stakes import stakes_of
from tavola.testing import guard
from tavola.testing.findings import BrokenPromise, Promise
from tavola.testing.moves import offered, spelled

AnyGame = Game[Any, Any]
LONGEST = 1500
"""Moves within which a round must be over."""
encode = msgspec.json.Encoder().encode


def entropy_of(number: int) -> Entropy:
    """The chance that goes by this number."""
    return Entropy(hashlib.sha256(str(number).encode()).digest())


class GameTable:
    """A table of the game. Its methods are the steps that a room takes; each gives the outcome, or the refusal, and
    raises `BrokenPromise` where the game breaks a promise."""

    def __init__(self, game: AnyGame | type[AnyGame], options: Any = None) -> None:
        """`options` are a dict as a host would send them, or the game's own struct. Raises `msgspec.ValidationError`
        for those that the game's type refuses."""
        self.game: AnyGame = game() if isinstance(game, type) else game
        given = {} if options is None else options
        options_type = self.game.options_type
        self.options: Any = given if isinstance(given, options_type) else msgspec.convert(given, options_type)
        self.seated: list[SeatIndex] = []
        self.rounds = 0
        """Rounds that have ended."""
        self.digest = hashlib.sha256()
        """Of all that the game has answered."""
        self.last: Outcome[Any] | None = None
        self.state: Any = self.ask("open", self.options)

    # Steps

    def sit(self, seat: int, buy_in: int | None = None) -> Outcome[Any] | Refusal:
        """`buy_in` is for games with chips (`Stakes`); None means the default."""
        asked = self.state, self.options, SeatIndex(seat)
        if stakes_of(self.game) is not None:
            return self._taken(self.ask("sit_with", *asked, buy_in), sits=SeatIndex(seat))
        assert buy_in is None, "this game has no chips"
        return self._taken(self.ask("sit", *asked), sits=SeatIndex(seat))

    def stand(self, seat: int) -> Outcome[Any] | Refusal:
        return self._taken(self.ask("stand", self.state, self.options, SeatIndex(seat)))

    def advance(self, chance: int = 0) -> Outcome[Any] | Refusal:
        """The next round begins, with the chance of that number."""
        return self._taken(self.ask("advance", self.state, self.options, entropy_of(chance)))

    def act(self, seat: int, move: str, /, **arguments: Json) -> Outcome[Any] | Refusal:
        return self.play(seat, Move(move, arguments))

    def play(self, seat: int, move: Move, chance: int = 0) -> Outcome[Any] | Refusal:
        return self._taken(self.ask("play", self.state, self.options, SeatIndex(seat), move, entropy_of(chance)))

    def time_out(self, seat: int | None = None) -> Outcome[Any] | Refusal:
        """The time of the seat to act runs out; of several, that of the first or of `seat`. Raises `BrokenPromise`
        where that does not take the game on."""
        seats = self.to_act
        assert seats, "nobody is to act"
        assert seat is None or seat in seats, f"seat {seat} is not to act"
        seat = seats[0] if seat is None else SeatIndex(seat)
        before, move = self.state, self.ask("timeout_move", self.state, self.options, seat)
        outcome = self.play(seat, move)
        if isinstance(outcome, Refusal):
            raise BrokenPromise(
                Promise.TIMEOUT_REFUSED, f"timeout_move gives {spelled(move)}, and play: {outcome.message}"
            )
        if outcome.state == before:
            raise BrokenPromise(Promise.TIMEOUT_REFUSED, f"timeout_move gives {spelled(move)}, which changes nothing")
        return outcome

    def sit_out(self, seat: int) -> Outcome[Any] | Refusal:
        return self._taken(self.ask("sit_out", self.state, self.options, SeatIndex(seat)))

    def sit_in(self, seat: int) -> Outcome[Any] | Refusal:
        return self._taken(self.ask("sit_in", self.state, self.options, SeatIndex(seat)))

    def until_it_ends(self, chance: int | None = None, most: int = LONGEST) -> None:
        """Times run out, or with `chance` whatever is legal is played, until the round is over. Raises `BrokenPromise`
        when it is not after so many moves."""
        rounds, drawn = self.rounds, Random(chance)
        for _ in range(most):
            if not (seats := self.to_act) or self.rounds > rounds:
                return
            turn = seats[0] if len(seats) == 1 or chance is None else drawn.choice(seats)
            moves = offered(self.legal(turn)) if chance is not None else []
            if moves:
                self.play(turn, drawn.choice(moves), drawn.randrange(1 << 16))
            else:
                self.time_out(turn)
        raise BrokenPromise(Promise.NEVER_ENDS, f"the round is not over after {most} moves")

    # Questions

    @property
    def to_act(self) -> list[SeatIndex]:
        """The seats to act."""
        return [*self.ask("to_act", self.state)]

    @property
    def turn(self) -> SeatIndex | None:
        """The seat to act, or the first of several."""
        seat: SeatIndex | None = self.ask("turn", self.state)
        return seat

    def legal(self, seat: int) -> list[dict[str, Json]]:
        moves: list[dict[str, Json]] = self.ask("legal", self.state, self.options, SeatIndex(seat))
        return moves

    def seen_by(self, seat: SeatIndex) -> dict[str, Json]:
        """All that is shown to the player there."""
        return {
            "public": self.ask("public", self.state, self.options),
            "seats": {other: self.ask("public_seat", self.state, self.options, other) for other in self.seated},
            "own": self.ask("private_seat", self.state, self.options, seat),
            "legal": self.legal(seat),
        }

    def at(self, state: Any) -> Self:
        """The same table with another state."""
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__, state=state, seated=[*self.seated], digest=self.digest.copy())
        return other

    def ask(self, method: str, *arguments: Any) -> Any:
        """The answer of one of the game's methods, twice the same: the second time of a state that was stored and
        read. Raises `BrokenPromise`."""
        before = _encoded(arguments[0]) if arguments else b""
        answer = self._asked(method, arguments)
        told = _encoded(answer)
        if arguments and _encoded(arguments[0]) != before:
            raise BrokenPromise(Promise.CHANGES_ARGUMENTS, f"{method} changes what it is given")
        again = _encoded(self._asked(method, (self._stored(arguments[0], before), *arguments[1:])))
        if again != told:
            raise BrokenPromise(
                Promise.NOT_THE_SAME_TWICE, f"{method}, asked twice, gives {_short(told)} and {_short(again)}"
            )
        self.digest.update(told)
        return answer

    def _asked(self, method: str, arguments: tuple[Any, ...]) -> Any:
        try:
            with guard.Asking(self.game):
                return getattr(self.game, method)(*arguments)
        except BrokenPromise as finding:
            raise BrokenPromise(finding.found, f"{method}: {finding.told}") from None
        except Exception as error:
            at = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{at.filename}:{at.lineno}"
            with_move = f" for {spelled(arguments[3])}" if method == "play" else ""
            raise BrokenPromise(
                Promise.RAISES, f"{method} raises {type(error).__name__}: {error}{with_move} ({where})"
            ) from error

    def _stored(self, argument: Any, text: bytes) -> Any:
        for stored in (self.game.state_type, self.game.options_type):
            if isinstance(argument, stored):
                try:
                    return msgspec.json.decode(text, type=stored)
                except msgspec.MsgspecError as error:
                    raise BrokenPromise(Promise.ROUND_TRIP, f"what was stored cannot be read: {error}") from error
        return argument

    def _taken(self, outcome: Outcome[Any] | Refusal, sits: SeatIndex | None = None) -> Outcome[Any] | Refusal:
        if isinstance(outcome, Outcome):
            self.state, self.last = outcome.state, outcome
            if sits is not None:
                self.seated.append(sits)
            self.seated = [seat for seat in self.seated if seat not in outcome.vacated]
            self.rounds += sum(round.ended for round in outcome.rounds)
        return outcome


def _encoded(value: Any) -> bytes:
    try:
        return encode(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise BrokenPromise(Promise.ROUND_TRIP, f"{type(value).__name__} cannot be stored or sent: {error}") from error


def _short(text: bytes) -> str:
    return text.decode(errors="replace")[:120]
