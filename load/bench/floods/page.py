"""The result of a run of floods: a table in Markdown. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tavola.load.measure.stats import Percentiles


class FloodFigure(msgspec.Struct, frozen=True):
    """Latencies in milliseconds; `edge_mb` is the most that the edge had resident, `sent` is of the flood."""

    title: str
    seconds: float
    moves: Percentiles
    beats: Percentiles
    lost: int
    edge_mb: float
    connections: int = 0
    sent_mb: float = 0.0


HEADINGS = ("flood", "sent", "a move is everywhere, p50 / p99", "a heartbeat is answered, p50 / p99", "edge's memory")


def row(figure: FloodFigure) -> list[str]:
    a_second = f"{figure.connections / figure.seconds:,.0f} connections/s, {figure.sent_mb / figure.seconds:,.1f} MB/s"
    return [
        figure.title,
        a_second if figure.connections else "",
        *(f"{each.p50:.1f} / {each.p99:.1f} ms" for each in (figure.moves, figure.beats)),
        f"{figure.edge_mb:.0f} MB" + (f"; {figure.lost} connections of the pair lost" if figure.lost else ""),
    ]


def markdown(figures: Sequence[FloodFigure]) -> str:
    lines = ["| " + " | ".join(HEADINGS) + " |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *("| " + " | ".join(row(figure)) + " |" for figure in figures)]) + "\n"
