"""`tavola check`: random games without servers, and the first promise that the game breaks, as a test."""

from __future__ import annotations

import json
import math
import sys
import time

from tavola.config.failures import Failure
from tavola.config.settings import completed
from tavola.games.registry.discovery import install
from tavola.testing.orders import TriedGames
from tavola.testing.run import TrialReport, examine

SAY_S = 1.0


class NoSuchGame(Failure):
    """The name is neither that of a class nor a game's kind."""

    exit_code = 2


def run(named: str, *, games: int, seconds: float, seed: int, state_limit: int, as_json: bool) -> bool:
    """Prints what was found, and gives whether nothing was. Raises NoSuchGame, and NotTried for a game that cannot be
    loaded."""
    settings = completed()
    if str(settings.games_path) not in sys.path:
        sys.path.append(str(settings.games_path))
    if ":" not in named:
        by_kind = {each.game.kind: type(each.game) for each in install(settings.games, settings.games_path)}
        if named not in by_kind:
            raise NoSuchGame(f"there is no game {named!r}: give package.module:Game, or one of {', '.join(by_kind)}")
        named = f"{by_kind[named].__module__}:{by_kind[named].__qualname__}"
    began = said = time.monotonic()

    def say(told: TriedGames) -> None:
        nonlocal said
        if not as_json and time.monotonic() > said + SAY_S:
            said = time.monotonic()
            print(f"{told.games:,} of {games:,} games, {told.states:,} states", file=sys.stderr)

    report = examine(named, games=games, seed=seed, state_limit=state_limit, seconds=seconds or math.inf, say=say)
    if as_json:
        print(json.dumps({name: getattr(report, name) for name in report.__struct_fields__}, indent=2))
    else:
        _show(named, report, time.monotonic() - began, games)
    return not report.found


def _show(named: str, report: TrialReport, seconds: float, games: int) -> None:
    played = f"{report.games:,} games, {report.states:,} states, {seconds:.1f} s"
    if not report.found:
        of = f" (of {games:,} games; --seconds 0 plays them all)" if report.games < games else ""
        print(f"{named}: nothing found in {played}{of}")
        return
    print(f"{named}: {report.found}\n\n  {report.told}\n\nThis test shows it, after {played}:\n")
    print(report.test)
