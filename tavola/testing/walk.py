"""Random games: numbers that choose steps, the steps as a script, and the script as a test in Python."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any, Literal

import msgspec

from tavola.games.base import Json, Move, Refusal
from tavola.testing.findings import BrokenPromise
from tavola.testing.game_table import AnyGame
from tavola.testing.moves import offered, spelled
from tavola.testing.playing import Playing

Kind = Literal["sit", "stand", "advance", "play", "time_out", "sit_out", "sit_in"]
RANGE = 1 << 16
"""Numbers that choose a step are below this; the lowest choose the tamest."""
SELDOM = 0.85
"""The part of the numbers that choose what players do in turn; the others make somebody come, go or think too long."""


class GameStep(msgspec.Struct, frozen=True):
    """One call of `Playing`. Of a time-out, `seat` is 0 for the first that is to act."""

    kind: Kind
    seat: int = 0
    move: Move | None = None
    chance: int = 0

    def take(self, playing: Playing) -> bool:
        """Whether the game took it. Raises `BrokenPromise`."""
        match self.kind:
            case "advance":
                outcome = playing.advance(self.chance)
            case "play":
                assert self.move is not None
                outcome = playing.play(self.seat, self.move, self.chance)
            case "time_out":
                seats = playing.to_act
                if not seats or (self.seat and self.seat not in seats):
                    return False
                outcome = playing.time_out(self.seat or None)
            case "sit":
                outcome = Refusal("", "") if self.seat in playing.seated else playing.sit(self.seat)
            case "stand" | "sit_out" | "sit_in":
                if self.seat not in playing.seated:
                    return False
                outcome = getattr(playing, self.kind)(self.seat)
        return not isinstance(outcome, Refusal)

    def written(self) -> str:
        """As a line of a test."""
        match self.kind:
            case "advance":
                return f"playing.advance({self.chance})"
            case "play":
                assert self.move is not None
                if self.chance:
                    move = f"Move({self.move.name!r}, {dict(self.move.arguments)!r})"
                    return f"playing.play({self.seat}, {move}, {self.chance})"
                return f"playing.act({self.seat}, {spelled(self.move)})"
            case "time_out":
                return f"playing.time_out({self.seat or ''})"
            case _:
                return f"playing.{self.kind}({self.seat})"


class GameScript(msgspec.Struct, frozen=True):
    """A game from an empty table on: the options as a host sends them, and what happens."""

    options: dict[str, Json] = {}
    steps: tuple[GameStep, ...] = ()

    def play(self, game: AnyGame) -> Playing:
        """The table afterwards. Steps that the game refuses are left out. Raises `BrokenPromise`."""
        playing = Playing(game, self.options)
        for step in self.steps:
            step.take(playing)
        return playing

    def written(self, game: AnyGame, finding: BrokenPromise, last: str) -> str:
        """As a test that fails with the finding until the game is mended. `last` is its last call of `playing`."""
        name = type(game).__qualname__
        imports = [
            "from tavola.testing import Playing",
            f"from {type(game).__module__} import {name.partition('.')[0]}",
        ]
        if any(step.kind == "play" and step.chance for step in self.steps):
            imports.append("from tavola.games.base import Move")
        options = f", {self.options!r}" if self.options else ""
        told = finding.told.replace("\\", "\\\\").replace('"""', "'''")
        lines = [f"playing = Playing({name}{options})", *(step.written() for step in self.steps), f"playing.{last}"]
        body = "\n    ".join((f'"""{told}"""', *lines))
        test = f"def test_{game.kind}_{finding.found.replace('-', '_')}() -> None:\n    {body}"
        return "\n".join((*sorted(imports), "", "", test, ""))


def chosen(playing: Playing, number: int) -> GameStep:
    """The step that the number chooses at this table."""
    share, number = number / RANGE, number * 31 + number // 7
    seats = playing.game.seats(playing.options)
    free = [seat for seat in range(seats) if seat not in playing.seated]
    if len(playing.seated) < 2 and free:
        return GameStep("sit", free[number % len(free)])
    to_act = playing.to_act
    turn = to_act[number // 3 % len(to_act)] if to_act else None
    late = GameStep("time_out", turn if turn is not None and len(to_act) > 1 else 0)
    if share > SELDOM:
        return _aside(playing, free, late if to_act else None, number)
    if turn is None:
        for seat in playing.seated:
            moves = offered(playing.legal(seat))
            if moves and number % 3 == 0:
                return GameStep("play", seat, moves[number % len(moves)])
        if playing.ask("advance_after_ms", playing.state, playing.options) is None and free:
            return GameStep("sit", free[number % len(free)])
        return GameStep("advance", chance=number % 1000)
    moves = offered(playing.legal(turn))
    if not moves:
        return late
    return GameStep("play", turn, moves[number % len(moves)], 0 if share < SELDOM / 2 else number % 1000)


def _aside(playing: Playing, free: list[int], late: GameStep | None, number: int) -> GameStep:
    if late is not None and number % 2:
        return late
    seated = playing.seated[number % len(playing.seated)] if playing.seated else 0
    kinds: tuple[GameStep, ...] = (GameStep("stand", seated), GameStep("sit_out", seated), GameStep("sit_in", seated))
    if free:
        kinds = (GameStep("sit", free[number % len(free)]), *kinds)
    return kinds[number // 5 % len(kinds)]


def walked(game: AnyGame, options: dict[str, Json], numbers: Iterable[int]) -> GameScript:
    """The script that the numbers choose. Steps that the game refuses are not in it. Raises `BrokenPromise`."""
    playing, steps = Playing(game, options), []
    for number in numbers:
        step = chosen(playing, number)
        if step.take(playing):
            steps.append(step)
    return GameScript(options, tuple(steps))


def some_options(game: AnyGame, chance: Random) -> dict[str, Json]:
    """Options that a host may choose: most as they are by default, some at an end of what is allowed."""
    for _ in range(20):
        options = {}
        for field in msgspec.inspect.type_info(game.options_type).fields:  # type: ignore[attr-defined]
            if chance.random() < 0.3 and (values := _allowed(field.type)):
                options[field.encode_name] = chance.choice(values)
        try:
            msgspec.convert(options, game.options_type)
        except msgspec.ValidationError:
            continue
        return options
    return {}


def _allowed(kind: Any) -> list[Json]:
    match kind:
        case msgspec.inspect.IntType(ge=least, le=most, gt=above, lt=below):
            least = least if least is not None else above + 1 if above is not None else -1
            most = most if most is not None else below - 1 if below is not None else 1 << 31
            return sorted({least, min(least + 1, most), min(least + 7, most), most})
        case msgspec.inspect.BoolType():
            return [False, True]
        case msgspec.inspect.LiteralType(values=values):
            return list(values)
        case msgspec.inspect.EnumType(cls=values):
            return [each.value for each in values]
        case msgspec.inspect.UnionType(types=types):
            return [value for each in types for value in _allowed(each)]
        case msgspec.inspect.NoneType():
            return [None]
        case _:
            return []
