"""Games from outside: found by the entry points `tavola.games` of what is installed, and by name (`TAVOLA_GAMES`).

A process does this once, at its root (`install`), before anything is decided in it. A game that cannot be loaded stops
the start: a process without it would tell players that their table cannot be read.
"""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points, version
from inspect import getfile
from pathlib import Path
from typing import Any, NamedTuple

from tavola.config.failures import Failure
from tavola.games.base import Game
from tavola.games.registry import AnyGame, shipped, use
from tavola.games.registry.page_files import MODULE, page_folder
from tavola.games.stakes import unclaimed

GROUP = "tavola.games"
"""The group of entry points. The name of one is for people; its value is `package.module:Game`."""
KIND = re.compile(r"[a-z][a-z0-9_]{0,31}")
"""The kinds that a game may have: they stand in addresses, in the database and on the wire."""
PARTS = ("kind", "title", "moves")
"""The attributes that every game sets; its types its class has, or it could not be made."""


class GameNotLoaded(Failure):
    """A game that was named cannot be had: `origin` says by whom it was named, `problem` why, with its traceback."""

    def __init__(self, origin: str, problem: str) -> None:
        super().__init__(f"{origin}: {problem}")
        self.origin, self.problem = origin, problem

    def __reduce__(self) -> tuple[Any, ...]:
        # An actor that may not start says so to another process.
        return type(self), (self.origin, self.problem)


class Listed(NamedTuple):
    """A game of this process, and where it comes from."""

    game: AnyGame
    origin: str


class WantedGames(NamedTuple):
    """The games that a process shall have beside those of entry points. `folder`: where their modules are looked for,
    after all other places; None for nowhere else."""

    named: tuple[str, ...] = ()
    folder: Path | None = None


class _Installed:
    """The games that this process took, and what it wanted when it did."""

    wanted: WantedGames | None = None
    listed: tuple[Listed, ...] = ()


def install(named: Sequence[str], folder: Path) -> tuple[Listed, ...]:
    """On return the games of this process are those that come with Tavola, those of the entry points, and the `named`.
    A process that was forked from one which took the same has them already. Raises GameNotLoaded, also for two games of
    one kind; then nothing has changed."""
    wanted = WantedGames(tuple(named), folder if named else None)
    if _Installed.wanted != wanted:
        _Installed.listed = found(wanted)
        use(each.game for each in _Installed.listed)
        _Installed.wanted = wanted
    return _Installed.listed


def from_outside(named: Sequence[str]) -> bool:
    """Whether there are games that do not come with Tavola. Without any, `install` can only succeed."""
    return bool(named) or bool(entry_points(group=GROUP))


def found(wanted: WantedGames) -> tuple[Listed, ...]:
    """All games, those of Tavola first. Nothing of this process but its modules is changed. Raises GameNotLoaded."""
    if wanted.folder is not None and str(wanted.folder) not in sys.path:
        sys.path.append(str(wanted.folder))
    listed: dict[str, Listed] = {}
    for origin, game in _all(wanted):
        if (other := listed.get(game.kind)) is not None:
            if type(other.game) is type(game):
                continue  # Named twice, as by the entry point of an installed project and by its author.
            raise GameNotLoaded(origin, f"its kind {game.kind!r} is that of another game, of {other.origin}")
        listed[game.kind] = Listed(game, origin)
    return tuple(listed.values())


def load(named: str, origin: str) -> AnyGame:
    """The game that `package.module:Game` names, a class or an instance. Raises GameNotLoaded."""
    module, _, attribute = named.partition(":")
    try:
        game = import_module(module)
        for part in attribute.split("."):
            game = getattr(game, part)
        if isinstance(game, type):
            game = game()
    except Exception as error:
        why = traceback.format_exception_only(error)[-1].strip()
        raise GameNotLoaded(origin, f"{named} cannot be loaded: {why}\n\n{_told(error)}") from error
    if not isinstance(game, Game):
        raise GameNotLoaded(origin, f"{named} is a {type(game).__name__}, and no Game")
    if missing := [part for part in PARTS if not hasattr(game, part)]:
        raise GameNotLoaded(origin, f"{named} does not say its {missing[0]}")
    if not KIND.fullmatch(game.kind):
        raise GameNotLoaded(origin, f"{named} is of kind {game.kind!r}; a kind is like connect_four, up to 32 letters")
    if left := unclaimed(game):
        raise GameNotLoaded(
            origin,
            f"{named} has `{left[0]}`, and not the capability `Stakes` to which it belongs: name that before "
            "`Game` among its bases (tavola/games/stakes.py), or call it otherwise",
        )
    folder = page_folder(game)
    if folder is not None and not (folder / MODULE).is_file():
        raise GameNotLoaded(origin, f"{named} says that it has a page, but there is no {folder / MODULE}")
    return game


def _all(wanted: WantedGames) -> Iterator[tuple[str, AnyGame]]:
    for game in shipped():
        yield f"tavola {version('tavola')}", game
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.value, point.name)):
        origin = _origin(point)
        yield origin, load(point.value, origin)
    for named in wanted.named:
        game = load(named, f"TAVOLA_GAMES, with {wanted.folder} on the path")
        yield f"TAVOLA_GAMES ({getfile(type(game))})", game


def _origin(point: EntryPoint) -> str:
    owner = f"{point.dist.name} {point.dist.version}" if point.dist is not None else "an unnamed package"
    return f"{owner} (entry point {point.name})"


def _told(error: Exception) -> str:
    """Its traceback, without the steps before the game's own code."""
    tail = error.__traceback__
    while tail is not None and (tail.tb_frame.f_code.co_filename == __file__ or _importing(tail.tb_frame.f_code)):
        tail = tail.tb_next
    return "".join(traceback.format_exception(type(error), error, tail)).rstrip()


def _importing(code: Any) -> bool:
    return "importlib" in code.co_filename
