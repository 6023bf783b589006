"""Trying a game: in two processes at once, whose answers must be the same."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from tavola.config.failures import Failure
from tavola.games.base import Game
from tavola.testing.checks import STATE_LIMIT
from tavola.testing.findings import BrokenPromise, Promise
from tavola.testing.orders import TrialOrder, TriedGames

GAMES = 1000
COMPARED = 4
"""One game of so many is played in the other process too."""

_told_of = msgspec.json.Decoder(TriedGames).decode


class NotTried(Failure):
    """The game cannot be tried: it cannot be loaded, or its process ended."""


class TrialReport(msgspec.Struct, frozen=True):
    """The games that were played, the states that they came to, and what was found first: a test shows it again."""

    games: int
    states: int
    found: str = ""
    told: str = ""
    test: str = ""


def check(
    game: type[Game[Any, Any]] | str, *, games: int = GAMES, seed: int = 0, state_limit: int = STATE_LIMIT
) -> TrialReport:
    """Plays so many random games of a class (or `module:Game`), and checks every promise of `Game`, in processes of
    their own. Raises `BrokenPromise`, whose text has a test that shows it again."""
    named = game if isinstance(game, str) else f"{game.__module__}:{game.__qualname__}"
    report = examine(named, games=games, seed=seed, state_limit=state_limit)
    if report.found:
        raise BrokenPromise(Promise(report.found), f"{report.told}\n\n{report.test}")
    return report


def examine(
    named: str,
    *,
    games: int = GAMES,
    seed: int = 0,
    state_limit: int = STATE_LIMIT,
    seconds: float = math.inf,
    say: Callable[[TriedGames], None] = lambda _: None,
) -> TrialReport:
    """As `check`, and gives what was found; after so many `seconds`, of the games that were played by then. `say` is
    told of each game. Raises NotTried."""
    order = TrialOrder(named, games, seed, state_limit, tuple(sys.path))
    shorter = msgspec.structs.replace(order, games=max(1, games // COMPARED))
    with _trying(order, 1) as first, _trying(shorter, 2) as second:
        until, last = time.monotonic() + seconds, TriedGames()
        for told in first:
            if told.found:
                return TrialReport(told.games, told.states, told.found, told.told, told.test)
            last, other = told, next(second, None)
            say(told)
            if other is not None and not other.found and other.digest != told.digest:
                return _where(order, told)
            if time.monotonic() > until:
                break
    return TrialReport(last.games, last.states)


def _where(order: TrialOrder, told: TriedGames) -> TrialReport:
    """The step after which the two processes differ. One process alone cannot show it, so the test asks for two."""
    alone = msgspec.structs.replace(order, only=told.games - 1)
    with _trying(alone, 1) as first, _trying(alone, 2) as second:
        steps = next((one.told for one, other in zip(first, second, strict=False) if one.digest != other.digest), "")
    module, _, name = order.game.partition(":")
    test = (
        f"from {module} import {name.partition('.')[0]}\nfrom tavola.testing import check\n\n\n"
        f"def test_the_same_in_every_process() -> None:\n"
        f"    check({name}, games={told.games * COMPARED}, seed={order.seed})\n"
    )
    why = "another process, where texts have other hashes, gives something else: is a set gone through in its order?"
    return TrialReport(told.games, told.states, Promise.NOT_THE_SAME_TWICE, f"{why} It differs after {steps}", test)


@contextmanager
def _trying(order: TrialOrder, hashes: int) -> Iterator[Iterator[TriedGames]]:
    command = [sys.executable, "-P", "-m", "tavola.testing.child", msgspec.json.encode(order).decode()]
    environment = {**os.environ, "PYTHONHASHSEED": str(hashes)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment)

    def lines() -> Iterator[TriedGames]:
        assert process.stdout is not None
        for line in process.stdout:
            told = _told_of(line)
            if told.failed:
                raise NotTried(told.failed)
            yield told
        if process.wait():
            raise NotTried(f"{order.game}: the process in which it was tried ended with {process.returncode}")

    try:
        yield lines()
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
