"""Games whose code changes while it is played: for `tavola dev --reload`, never for a deployment.

Each process watches the source of the games from outside and imports it again when it was saved. Nothing of the game's
own modules is kept, for what is half old and half new is neither.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import invalidate_caches
from pathlib import Path
from types import ModuleType

from tavola.games.registry import shipped
from tavola.games.registry.discovery import GameNotLoaded, Listed, WantedGames, found

LOOK_S = 0.2
"""How often it is looked whether something was saved."""


class Reloader:
    """The games as they are saved. `fault` says what is wrong with what was saved last, if something is."""

    def __init__(self, named: Sequence[str], folder: Path, listed: Sequence[Listed]) -> None:
        """`listed` are the games that the process has now."""
        self._wanted = WantedGames(tuple(named), folder if named else None)
        self._roots = {_root(type(each.game).__module__) for each in listed if each.game not in shipped()}
        self._seen = self._times()
        self.fault: GameNotLoaded | None = None
        sys.dont_write_bytecode = True

    def saved(self) -> tuple[Listed, ...] | None:
        """The games as they are now, if any of their source was saved since the last time and can be loaded. Where it
        cannot, `fault` is set, and the games that there are stay."""
        times = self._times()
        if times == self._seen:
            return None
        self._seen = times
        before = self._forgotten()
        try:
            listed = found(self._wanted)
        except GameNotLoaded as fault:
            self.fault = fault
            self._forgotten()
            sys.modules.update(before)
            return None
        self.fault = None
        return listed

    def _times(self) -> dict[Path, tuple[int, int]]:
        times = {}
        for path in self._sources():
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            times[path] = status.st_mtime_ns, status.st_size
        return times

    def _sources(self) -> list[Path]:
        return [path for root in self._roots for path in ([root] if root.suffix == ".py" else root.rglob("*.py"))]

    def _forgotten(self) -> dict[str, ModuleType]:
        """The modules of the games, which are imported afresh from now on. Their compiled files go as well: Python
        tells them from newer source by whole seconds and size alone."""
        sources = {*self._sources()}
        gone = {}
        for name, module in [*sys.modules.items()]:
            file = getattr(module, "__file__", None)
            if file is not None and Path(file) in sources:
                gone[name] = sys.modules.pop(name)
                if compiled := getattr(module, "__cached__", None):
                    Path(compiled).unlink(missing_ok=True)
        invalidate_caches()
        return gone


def _root(module: str) -> Path:
    """The folder of the package that a module is of, or the file of one that is of none."""
    top = sys.modules[module.partition(".")[0]]
    if top.__file__ is None:  # A folder without `__init__.py`, of which there may be several by that name.
        own = sys.modules[module].__file__
        assert own is not None, f"{module} has no file"
        return next(folder for folder in map(Path, top.__path__) if Path(own).is_relative_to(folder))
    file = Path(top.__file__)
    return file.parent if file.name == "__init__.py" else file
