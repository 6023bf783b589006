"""Makes `trace.svg`: one trace, of one move, as a stack with two edges tells of it.

    PYTHONPATH=tests .venv/bin/python docs/images/draw_trace.py

It starts all of Tavola, plays some moves so that everything is warm, and asks for the trace of the next. The bars are
that trace's own; nothing is made up or moved.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from kit.collector import Collector, SpanSeen, collecting
from kit.stack import Stack
from kit.table import Table, table

OUT = Path(__file__).with_name("trace.svg")
WARM = 10
"""Moves before the one that is drawn."""
WIDTH, LEFT, RIGHT, ROW, HEAD = 960, 190, 150, 30, 46
COLOURS = {"tavola-edge": "#3b7dd8", "tavola-room-actor": "#c2762a"}
INK, FAINT, PAPER = "#1d2a26", "#d5ddd8", "#ffffff"
FONT = "font-family='system-ui,sans-serif'"


async def traced() -> list[SpanSeen]:
    """The spans of a move that two edges show."""
    with tempfile.TemporaryDirectory() as folder:
        async with collecting() as collector:
            stack = Stack(Path(folder) / "data", edges=2, TAVOLA_TRACES=collector.url, TAVOLA_TRACES_SAMPLE="0")
            try:
                stack.start()
                async with table(stack, seats=6, edges=(0, 1)) as t:
                    return await _moves(t, collector)
            finally:
                stack.stop()


async def _moves(t: Table, collector: Collector) -> list[SpanSeen]:
    for number in range(1, WARM + 1):
        mover = await t.next_to_act()
        trace = f"{number:032x}"
        ack = await mover.command("act", **mover.passive(), traceparent=f"00-{trace}-00f067aa0ba902b7-01")
        await t.all_at(ack["seq"])
        spans = await collector.whole(trace, edges=2)
    return spans


def drawn(spans: Sequence[SpanSeen]) -> str:
    """As SVG: a row a span, in the order in which they began, each below what it is part of."""
    began, ended = min(span.start for span in spans), max(span.end for span in spans)
    scale = (WIDTH - LEFT - RIGHT) / (ended - began)
    height = HEAD + ROW * len(spans) + 34
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' role='img'>",
        "<title>One move's trace: from the frame to the last socket</title>",
        f"<rect width='{WIDTH}' height='{height}' fill='{PAPER}'/>",
        *_ruled((ended - began) / 1e6, scale * 1e6, height),
    ]
    for row, (span, depth) in enumerate(_in_order(spans)):
        y = HEAD + ROW * row
        x, width = LEFT + (span.start - began) * scale, max(2.0, (span.end - span.start) * scale)
        micros = (span.end - span.start) / 1000
        edges = {each.instance for each in spans if each.name == "edge.frame"}
        where = "" if span.name != "edge.fan_out" else " (here)" if span.instance in edges else " (other edge)"
        lines += [
            _text(14 + 16 * depth, y + 19, span.name + where, INK),
            f"<rect x='{x:.1f}' y='{y + 6}' width='{width:.1f}' height='{ROW - 12}' rx='3'"
            f" fill='{COLOURS[span.service]}'/>",
            _text(x + width + 6, y + 19, f"{micros:,.0f} µs", INK),
        ]
    for number, (service, colour) in enumerate(COLOURS.items()):
        lines += [
            f"<rect x='{LEFT + 190 * number}' y='{height - 24}' width='12' height='12' rx='3' fill='{colour}'/>",
            _text(LEFT + 190 * number + 18, height - 14, service, INK),
        ]
    return "\n".join([*lines, "</svg>", ""])


def _in_order(spans: Sequence[SpanSeen], parent: str | None = None, depth: int = 0) -> Iterator[tuple[SpanSeen, int]]:
    ids = {span.id for span in spans}
    for span in sorted(spans, key=lambda span: span.start):
        if span.parent == parent or (parent is None and span.parent not in ids):
            yield span, depth
            yield from _in_order(spans, span.id, depth + 1)


def _ruled(length_ms: float, scale: float, height: int) -> Iterator[str]:
    """A line at each tenth of the whole, or so, of a millisecond's round part."""
    step = next(step for step in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 50.0, 1000.0) if length_ms / step <= 10)
    for number in range(int(length_ms / step) + 1):
        x = LEFT + number * step * scale
        yield f"<line x1='{x:.1f}' y1='{HEAD - 8}' x2='{x:.1f}' y2='{height - 34}' stroke='{FAINT}'/>"
        yield _text(x, HEAD - 16, f"{number * step:g} ms", INK, "middle")


def _text(x: float, y: float, words: str, colour: str, anchor: str = "start") -> str:
    return (
        f"<text x='{x:.1f}' y='{y}' {FONT} font-size='12' fill='{colour}' text-anchor='{anchor}'>{escape(words)}</text>"
    )


def main() -> None:
    spans = asyncio.run(traced())
    OUT.write_text(drawn(spans))
    print(f"wrote {OUT}: {len(spans)} spans")


if __name__ == "__main__":
    main()
