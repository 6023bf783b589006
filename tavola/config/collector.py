"""Python's cyclic garbage collector, told what a long-lived server is like.

Objects that are loaded at the start stay, and those that a move makes are freed by their reference counts; the
collector finds next to nothing. Left alone it walked all of it again and again: more than a quarter of a busy room
actor's time was its.
"""

from __future__ import annotations

import gc

YOUNG = 20_000
"""Containers made and not freed before the young ones are looked through."""
OLDER, OLDEST = 20, 50
"""Looks at one generation before the next is looked at."""


def relax() -> None:
    """Call once, when everything that stays has been loaded."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, OLDER, OLDEST)
