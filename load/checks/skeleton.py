"""Every view has the skeleton that is published: each field is there and of its type, each part comes to those whom it
is for, and to nobody else. More fields than it names may come: they are a game's, or a newer server's.

The skeleton is the server's own description of it, `actors.wire.view`, so that the checks cannot know another.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec

from tavola.actors.wire.view import ServedView, ViewSkeleton
from tavola.client.frames import Json
from tavola.load.checks.verdict import CheckRecorder

S = TypeVar("S")

_read_body = msgspec.json.Decoder(ServedView).decode
_read_whole: Callable[[Json], ServedView] = partial(msgspec.convert, type=ServedView)
_read_merged: Callable[[Json], ViewSkeleton] = partial(msgspec.convert, type=ViewSkeleton)


class Skeleton:
    """One bot's views. A mistake that stays is told once: patches do not mend what they do not touch."""

    def __init__(self, witness: CheckRecorder) -> None:
        self._witness = witness
        self._told: str | None = None

    def fetched(self, seq: int, body: bytes) -> None:
        """Judges a whole view that REST gave; `seq` is the last update seen."""
        self._judge(seq, body, _read_body)

    def hydrated(self, seq: int, view: Json) -> None:
        """Judges a whole view that came on the socket."""
        self._judge(seq, view, _read_whole)

    def merged(self, seq: int, view: Json) -> None:
        """Judges what a patch has made of the view, without what was said of its making."""
        self._judge(seq, view, _read_merged)

    def _judge(self, seq: int, shown: S, read: Callable[[S], ViewSkeleton]) -> None:
        self._witness.checked("skeleton")
        wrong = _wrong(shown, read)
        if wrong is not None and wrong != self._told:
            self._witness.violated("skeleton", seq, f"expected a view as it is published; {wrong}")
        self._told = wrong


def _wrong(shown: S, read: Callable[[S], ViewSkeleton]) -> str | None:
    try:
        view = read(shown)
    except msgspec.ValidationError as error:
        return str(error)
    part = view.misplaced()
    if part is None:
        return None
    viewer = f"{view.me.role}, who is the host" if view.me.is_host else view.me.role
    there = "no" if getattr(view, part) is msgspec.UNSET else "a"
    return f"found {there} `{part}` in the view of a {viewer}"
