"""Names that people choose for themselves and for rooms. Pure."""

from __future__ import annotations

NAME_LIMIT = 50


def clean(name: str) -> str:
    """`name` without control characters and runs of blanks, cut to its limit."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())[:NAME_LIMIT]
