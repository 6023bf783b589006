"""`traceparent`: what is taken, and that all else is as if there were none."""

from __future__ import annotations

import pytest

from tavola.config.traceparent import TraceParent, parsed, traceparent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PLACE = TraceParent(int(TRACE, 16), int(SPAN, 16), sampled=True)


@pytest.mark.parametrize(
    ("text", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f"00-{TRACE}-{SPAN}-02", False),
        (f"01-{TRACE}-{SPAN}-01", True),
        (f"cc-{TRACE}-{SPAN}-01-what-is-to-come", True),
    ],
)
def test_a_place_is_read(text: str, sampled: bool) -> None:
    assert parsed(text) == PLACE._replace(sampled=sampled)


@pytest.mark.parametrize(
    "told",
    [
        None,
        7,
        "",
        TRACE,
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01-",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01\n",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"cc-{TRACE}-{SPAN}-01-{'m' * 500}",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-\u0661\u0661",
        [f"00-{TRACE}-{SPAN}-01"],
    ],
)
def test_all_else_is_no_place(told: object) -> None:
    assert parsed(told) is None


def test_a_place_that_was_made_is_read() -> None:
    assert traceparent(PLACE.trace, PLACE.span) == f"00-{TRACE}-{SPAN}-01"
    assert parsed(traceparent(1, 2)) == TraceParent(1, 2, sampled=True)
