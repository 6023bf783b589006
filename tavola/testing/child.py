"""The process in which a game is tried: it alone imports the game, watched by `guard`, and tells in lines of JSON what
it does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec

from tavola.games.registry.discovery import GameNotLoaded, load
from tavola.testing import guard
from tavola.testing.checks import check
from tavola.testing.findings import BrokenPromise
from tavola.testing.game_table import AnyGame
from tavola.testing.orders import TrialOrder, TriedGames
from tavola.testing.playing import Playing
from tavola.testing.shrink import shrunk
from tavola.testing.walk import RANGE, GameScript, GameStep, chosen, some_options

LENGTHS = (8, 30, 100)
"""The steps of a game."""
TRIED = 3
"""Moves, and other worlds, that are tried of each state; thousands of games make them many."""


class Trial:
    """One game, from its number alone."""

    def __init__(self, game: AnyGame, order: TrialOrder, number: int) -> None:
        self.chance = Random(f"{order.seed} {number}")
        self.options = {} if number % 3 == 0 else some_options(game, self.chance)
        self.playing = Playing(game, self.options)
        self.steps: list[GameStep] = []
        self.last = "check()"
        self._order, self._number = order, number

    def play(self, after: Callable[[Trial], None]) -> None:
        """Raises `BrokenPromise`; `steps` and `last` lead to it."""
        self._check()
        for _ in range(self.chance.choice(LENGTHS)):
            step = chosen(self.playing, self.chance.randrange(RANGE))
            self.steps.append(step)
            if not step.take(self.playing):
                self.steps.pop()
            self._check()
            after(self)
        if self._number % 5 == 0:
            for chance in (None, self._number):
                self.last = f"until_it_ends({'' if chance is None else chance})"
                self.playing.at(self.playing.state).until_it_ends(chance)
            self.last = "check()"

    def script(self) -> GameScript:
        return GameScript(self.options, tuple(self.steps))

    def _check(self) -> None:
        check(self.playing, state_limit=self._order.state_limit, some=self._some)

    def _some(self, of: list[Any]) -> list[Any]:
        return of if len(of) <= TRIED else self.chance.sample(of, TRIED)


def main(order: TrialOrder, say: Callable[[TriedGames], None]) -> None:
    """Tries the games until one shows a finding."""
    sys.path += [place for place in order.path if place not in sys.path]
    guard.install()
    try:
        game = load(order.game, "tavola check")
    except GameNotLoaded as error:
        say(TriedGames(failed=str(error)))
        return
    Playing(game)  # A module that a game imports at its first call is there from now on.
    states = 0
    for number in range(order.games) if order.only is None else (order.only,):
        try:
            tried = Trial(game, order, number)
        except BrokenPromise as finding:
            say(
                TriedGames(
                    number + 1,
                    states,
                    found=finding.found,
                    told=finding.told,
                    test=GameScript().written(game, finding, "check()"),
                )
            )
            return
        try:
            tried.play(_telling(say, order))
        except BrokenPromise as finding:
            say(_small(game, order, tried, finding, number + 1, states))
            return
        states += len(tried.steps)
        if order.only is None:
            say(TriedGames(number + 1, states, tried.playing.digest.hexdigest()))


def _telling(say: Callable[[TriedGames], None], order: TrialOrder) -> Callable[[Trial], None]:
    def after(tried: Trial) -> None:
        if order.only is not None:
            steps = "; ".join(step.written() for step in tried.steps)
            say(TriedGames(told=steps, digest=tried.playing.digest.hexdigest()))

    return after


def _small(
    game: AnyGame, order: TrialOrder, tried: Trial, finding: BrokenPromise, games: int, states: int
) -> TriedGames:
    def judge(script: GameScript) -> BrokenPromise | None:
        try:
            playing = script.play(game)
            if tried.last == "check()":
                playing.check(state_limit=order.state_limit)
            else:
                playing.until_it_ends(*(int(part) for part in tried.last[len("until_it_ends(") : -1].split()))
        except BrokenPromise as shown:
            return shown
        except msgspec.ValidationError:
            return None  # Options that no host may choose together.
        return None

    script, smallest = shrunk(tried.script(), finding, judge)
    last = tried.last
    if order.state_limit != 1024 and last == "check()":
        last = f"check(state_limit={order.state_limit})"
    return TriedGames(
        games, states, found=smallest.found, told=smallest.told, test=script.written(game, smallest, last)
    )


if __name__ == "__main__":
    out, encode = sys.stdout.buffer, msgspec.json.Encoder().encode

    def say(told: TriedGames) -> None:
        out.write(encode(told) + b"\n")
        out.flush()

    main(msgspec.json.decode(sys.argv[1], type=TrialOrder), say)
