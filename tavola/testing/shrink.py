"""The smallest script that still shows a finding: steps are left out, arguments and options made tamer, for as long as
the game breaks the same promise."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from tavola.games.base import Move
from tavola.testing.findings import BrokenPromise
from tavola.testing.walk import GameScript

WITHIN_S = 10.0
"""For so long smaller scripts are tried."""

Judge = Callable[[GameScript], BrokenPromise | None]
"""The finding that a script shows, with all that can be checked at its end."""


def shrunk(script: GameScript, finding: BrokenPromise, judge: Judge) -> tuple[GameScript, BrokenPromise]:
    """A script that shows a finding of the same kind, and that finding. It may be the script itself."""
    until = time.monotonic() + WITHIN_S
    smaller = True
    while smaller and time.monotonic() < until:
        smaller = False
        for candidate in _candidates(script):
            shown = judge(candidate)
            if shown is not None and shown.found == finding.found:
                script, finding, smaller = candidate, shown, True
                break
            if time.monotonic() > until:
                break
    return script, finding


def _candidates(script: GameScript) -> Iterator[GameScript]:
    steps = script.steps
    size = 2 * len(steps)
    while size := size // 2:
        for start in range(0, len(steps), size):
            yield replace(script, steps=steps[:start] + steps[start + size :])
    for option in script.options:
        yield replace(script, options={name: value for name, value in script.options.items() if name != option})
    for index, step in enumerate(steps):
        for tamer in _tamer_moves(step.move):
            yield replace(script, steps=(*steps[:index], replace(step, move=tamer), *steps[index + 1 :]))
        if step.chance:
            yield replace(script, steps=(*steps[:index], replace(step, chance=0), *steps[index + 1 :]))


def _tamer_moves(move: Move | None) -> Iterator[Move]:
    for name, value in (move.arguments if move else {}).items():
        assert move is not None
        if type(value) is int and value > 0:
            for less in sorted({0, 1, value // 2} - {value}):
                if less < value:
                    yield Move(move.name, {**move.arguments, name: less})
