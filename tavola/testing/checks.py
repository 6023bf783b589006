"""The promises of `Game`, checked of one state of a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from tavola.games.base import Outcome, Refusal, SeatIndex, is_exact
from tavola.games.stakes import stakes_of
from tavola.testing.findings import BrokenPromise, Promise
from tavola.testing.game_table import GameTable, encode
from tavola.testing.hidden import check_secrets
from tavola.testing.moves import offered, spelled, unoffered

T = TypeVar("T")

STATE_LIMIT = 1024
"""Bytes that a state may take: it is written with every move."""

Some = Callable[[list[T]], list[T]]
"""The part of a list that is tried."""


def everything(of: list[T]) -> list[T]:
    return of


def check(playing: GameTable, *, state_limit: int = STATE_LIMIT, some: Some[Any] = everything) -> None:
    """Raises `BrokenPromise`. Of moves and seats `some` are tried, by default all."""
    _stored(playing, state_limit)
    to_act = playing.to_act
    _to_act(playing, to_act)
    for seat in some(playing.seated):
        legal = playing.legal(seat)
        _offered(playing, seat, some(offered([entry for entry in legal if is_exact(entry)])))
        for move in some(offered([entry for entry in legal if not is_exact(entry)])):
            playing.at(playing.state).play(seat, move)  # Refused or not, it may not fail.
        for move in some(unoffered(playing.game.moves, legal)):
            if isinstance(playing.at(playing.state).play(seat, move), Outcome):
                raise BrokenPromise(
                    Promise.UNOFFERED_ACCEPTED, f"play takes {spelled(move)} of seat {seat}; legal offers {legal}"
                )
    for seat in some(to_act):
        playing.at(playing.state).time_out(seat)
    _advances(playing, to_act)
    for seat in playing.seated:
        _shown(playing, seat)
    check_secrets(playing, some)


def _to_act(playing: GameTable, to_act: list[SeatIndex]) -> None:
    for seat in to_act:
        if seat not in playing.seated:
            raise BrokenPromise(Promise.RAISES, f"seat {seat} is to act, where nobody sits")
    if len(set(to_act)) < len(to_act):
        raise BrokenPromise(Promise.RAISES, f"to_act gives a seat twice: {to_act}")
    turn = playing.turn
    if (turn is None) is bool(to_act) or (to_act and turn not in to_act):
        raise BrokenPromise(Promise.RAISES, f"turn gives seat {turn}, and to_act {to_act}")


def _offered(playing: GameTable, seat: SeatIndex, moves: list[Any]) -> None:
    for move in moves:
        outcome = playing.at(playing.state).play(seat, move)
        if isinstance(outcome, Refusal):
            raise BrokenPromise(
                Promise.OFFERED_REFUSED, f"legal offers {spelled(move)} to seat {seat}, and play: {outcome.message}"
            )


def _stored(playing: GameTable, limit: int) -> None:
    state, options = playing.state, playing.options
    for name, value in (("state", state), ("options", options)):
        text = encode(value)
        try:
            again = msgspec.json.decode(text, type=type(value))
        except msgspec.MsgspecError as error:
            raise BrokenPromise(Promise.ROUND_TRIP, f"the {name} cannot be read again: {error}") from error
        if again != value or encode(again) != text:
            raise BrokenPromise(Promise.ROUND_TRIP, f"the {name} read again is {again}, and was {value}")
    if not isinstance(state, playing.game.state_type):
        raise BrokenPromise(Promise.ROUND_TRIP, f"the state is a {type(state).__name__}")
    if (size := len(encode(state))) > limit:
        raise BrokenPromise(Promise.TOO_LARGE, f"the state takes {size} bytes, of {limit}")


def _advances(playing: GameTable, to_act: list[SeatIndex]) -> None:
    after = playing.ask("advance_after_ms", playing.state, playing.options)
    outcome = playing.at(playing.state).advance(1)
    if isinstance(outcome, Refusal):
        if after is not None:
            told = f"the game goes on after {after} ms, and advance: {outcome.message}"
            raise BrokenPromise(Promise.ADVANCE_REFUSED, told)
    elif after is not None and outcome.state == playing.state:
        raise BrokenPromise(Promise.ADVANCE_REFUSED, "advance leaves the game as it was")
    elif to_act:
        raise BrokenPromise(Promise.ADVANCE_REFUSED, "advance goes on while a turn runs")


def _shown(playing: GameTable, seat: SeatIndex) -> None:
    playing.seen_by(seat)
    game, state = playing.game, playing.state
    assert game.clock(playing.options).first_ms > 0, "a turn takes no time"
    playing.ask("between_rounds", state)
    if stakes_of(game) is not None:
        playing.ask("chips", state, seat)
    playing.ask("sits_out", state, seat)
    playing.at(state).stand(seat)
