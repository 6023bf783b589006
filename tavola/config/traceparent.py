"""The `traceparent` of W3C's Trace Context: it names a trace, and the place in it that what comes next is part of."""

from __future__ import annotations

import re
from typing import NamedTuple

LONGEST = 512
"""Characters of a `traceparent`; one of the version that there is has 55, and a later one may have more."""
_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_SAMPLED = 1


class TraceParent(NamedTuple):
    """A place in a trace: the span that the next one is part of."""

    trace: int
    span: int
    sampled: bool
    """Whether the sender follows the trace."""


def parsed(text: object) -> TraceParent | None:
    """The place that a `traceparent` names; None for all that the standard has nobody heed."""
    if not isinstance(text, str) or len(text) > LONGEST or (found := _FORM.fullmatch(text)) is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == "ff" or (version == "00" and more is not None):
        return None
    place = TraceParent(int(trace, 16), int(span, 16), bool(int(flags, 16) & _SAMPLED))
    return place if place.trace and place.span else None


def traceparent(trace: int, span: int) -> str:
    """The place as it travels; it is followed."""
    return f"00-{trace:032x}-{span:016x}-01"
