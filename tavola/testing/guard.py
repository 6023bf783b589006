"""The watch over a game's calls in a process of their own: a clock that is read, chance that is drawn, a file that is
opened while the game is asked something is noticed, whoever does it.

`tavola check` has it installed before the game is imported, so that all that the game's modules have is watched; in a
test, where `Playing` is used by itself, it is put in place around each call. Nobody minds what modules do when they are
imported.
"""

from __future__ import annotations

import builtins
import datetime
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any

from tavola.testing.findings import BrokenPromise, Promise

CLOCKS = (
    "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time", "sleep",
    "localtime", "gmtime", "ctime",
)  # fmt: skip
EVENTS = ("open", "os.", "socket.", "subprocess.", "shutil.", "sqlite3.", "_thread.", "tempfile.", "urllib.")
"""The beginnings of the audit events that are input or output."""
IMPORTING = "<frozen importlib"
"""A module that is imported while a game is asked is read from its file; nobody may hold that against it."""


class _Watch:
    on = False
    installed = False
    hooked = False
    noticed: BrokenPromise | None = None


class Asking:
    """While it lasts the game is asked. Raises what was noticed, also where the game would have caught it. Where
    nothing is installed, what the game's own module has is watched, for so long.

    A game is asked tens of thousands of times a second: hence no generator."""

    __slots__ = ("_replaced",)

    def __init__(self, game: object) -> None:
        self._replaced = None if _Watch.installed else _replaced(sys.modules[type(game).__module__])

    def __enter__(self) -> None:
        _Watch.noticed = None
        if self._replaced is not None:
            self._replaced.__enter__()
        _Watch.on = True

    def __exit__(self, *error: object) -> None:
        _Watch.on = False
        if self._replaced is not None:
            self._replaced.__exit__(None, None, None)
        if _Watch.noticed is not None:
            raise _Watch.noticed


def install() -> None:
    """From now on all calls in this process are watched while a game is asked. It cannot be undone."""
    _hook()
    for module, name, instead in _places():
        setattr(module, name, instead)
    datetime.datetime = _Datetime  # type: ignore[misc]
    datetime.date = _Date  # type: ignore[misc]
    _Watch.installed = True


def _hook() -> None:
    if not _Watch.hooked:
        sys.addaudithook(_audit)
        _Watch.hooked = True


@contextmanager
def _replaced(module: ModuleType) -> Iterator[None]:
    _hook()
    before = []
    for owner, name, instead in (*_places(), *_borrowed(module)):
        before.append((owner, name, getattr(owner, name)))
        setattr(owner, name, instead)
    try:
        yield
    finally:
        for owner, name, real in before:
            setattr(owner, name, real)


@cache
def _places() -> tuple[tuple[Any, str, Any], ...]:
    """Where what is stands that is watched, and what is put there."""
    named = [(time, name, Promise.CLOCK) for name in CLOCKS]
    drawing = [
        name for name in dir(random) if isinstance(getattr(getattr(random, name), "__self__", None), random.Random)
    ]
    named += [(random, name, Promise.RANDOM) for name in (*drawing, "_urandom")]
    named += [(os, name, Promise.RANDOM) for name in ("urandom", "getrandom")]
    named += [(builtins, name, Promise.IO) for name in ("print", "input")]
    places = [(module, name, _telling(module, name, found)) for module, name, found in named]
    return (*places, (random.Random, "seed", _seed(random.Random.seed)))


@cache
def _borrowed(module: ModuleType) -> tuple[tuple[Any, str, Any], ...]:
    """The same in a module that has imported some of it by name."""
    instead = {id(getattr(owner, name)): each for owner, name, each in _places()}
    instead |= {id(datetime.datetime): _Datetime, id(datetime.date): _Date}
    return tuple((module, name, instead[id(value)]) for name, value in vars(module).items() if id(value) in instead)


def _notice(found: Promise, told: str) -> None:
    if _Watch.on and _Watch.noticed is None:
        _Watch.noticed = BrokenPromise(found, told)


def _telling(module: Any, name: str, found: Promise) -> Callable[..., Any]:
    real: Callable[..., Any] = getattr(module, name)

    def instead(*arguments: Any, **named: Any) -> Any:
        if not (name == "shuffle" and arguments and len(arguments[0]) < 2):  # Of that there is one order alone.
            _notice(found, f"it calls {module.__name__}.{name}")
        return real(*arguments, **named)

    return instead


def _seed(real: Callable[..., None]) -> Callable[..., None]:
    def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        if a is None:
            _notice(Promise.RANDOM, "it makes a random.Random without a seed")
        real(self, a, version)

    return seed


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _Watch.on and event.startswith(EVENTS) and not _importing():
        about = f"({arguments[0]!r})" if arguments and isinstance(arguments[0], str) else ""
        _notice(Promise.IO, f"it does {event}{about}")


def _importing() -> bool:
    frame: Any = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename.startswith(IMPORTING):
            return True
        frame = frame.f_back
    return False


class _Date(datetime.date):
    @classmethod
    def today(cls) -> Any:
        _notice(Promise.CLOCK, "it calls date.today")
        return super().today()


class _Datetime(datetime.datetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Any:
        _notice(Promise.CLOCK, "it calls datetime.now")
        return super().now(tz)

    @classmethod
    def utcnow(cls) -> Any:
        _notice(Promise.CLOCK, "it calls datetime.utcnow")
        return super().utcnow()

    @classmethod
    def today(cls) -> Any:
        _notice(Promise.CLOCK, "it calls datetime.today")
        return super().today()
