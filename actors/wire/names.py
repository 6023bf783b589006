"""Names that people choose for themselves and for rooms, and the codes of rooms. Pure."""

from __future__ import annotations

from unicodedata import category

NAME_LIMIT = 50
CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
CODE_SIZE = 10
"""Letters in a room's code: fifty bits. A user who knows a private room's code may come in; nobody guesses one."""
BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\U0001d159")
"""Letters and symbols to Unicode that nobody sees: fillers of Hangul, Braille without a dot, a note without a head."""


def clean(name: str) -> str:
    """`name` without control characters and runs of blanks, cut to its limit."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())[:NAME_LIMIT]


def visible(name: str) -> bool:
    """Whether something is to be seen in `name` (a letter, number, sign or symbol), and no blank passes for one."""
    shown = clean(name)
    return BLANK.isdisjoint(shown) and any(category(c)[0] in "LNPS" for c in shown)
