"""Where a command's entropy comes from: the operating system, fetched by the page."""

from __future__ import annotations

import secrets

from tavola.games.base import Entropy

SIZE = 32
PAGE = 128
"""Draws fetched at once: a call of the operating system for each cost 3 % of a busy actor."""


class Source:
    """Random bytes nobody has seen. Each is given once."""

    def __init__(self) -> None:
        self._page = b""
        self._used = 0

    def draw(self) -> Entropy:
        if self._used == len(self._page):
            self._page, self._used = secrets.token_bytes(SIZE * PAGE), 0
        self._used += SIZE
        return Entropy(self._page[self._used - SIZE : self._used])
