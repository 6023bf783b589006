"""The result of a run: a table on a terminal, the same in Markdown, JSON for machines. Pure but `show`."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from typing import Any

import msgspec

from tavola.load.bench.base.figure import Figure
from tavola.load.bench.peers.pairs_page import Compared

HEADINGS = (
    "",
    "tables",
    "µs/action",
    "actions/s",
    "p50 ms",
    "p90 ms",
    "p99 ms",
    "cores",
    "µs/action by process",
    "clients' cores",
    "elsewhere",
)
PLAIN_WIDTH = 160
DURABILITY = {"floor": "", "ours": "durable", "memory": "in memory", "durable": "durable"}


def row(figure: Figure) -> list[str]:
    """Its cells, under HEADINGS."""
    durability = DURABILITY[figure.group]
    latency = figure.latency_ms
    return [
        f"{figure.name}, {durability}" if durability else figure.name,
        f"{figure.tables:,}" + (f" at {figure.pace:.3f}/s" if figure.pace else ""),
        f"{figure.us_per_action:,.0f}",
        f"{figure.actions_per_s:,.0f}",
        *(f"{value:.2f}" for value in (latency.p50, latency.p90, latency.p99)),
        f"{figure.cores:.2f}",
        ", ".join(f"{kind} {us:,.0f}" for kind, us in figure.parts.items() if us >= 0.5),
        f"{figure.clients_cores:.2f}" if figure.clients_cpu_s else "",
        f"{figure.elsewhere:.0%}",
    ]


def markdown(figures: Sequence[Figure]) -> str:
    """By number of tables, as measured one after the other."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|---|" + "---:|" * 7 + "---|---:|---:|"]
    lines += ["| " + " | ".join(row(figure)) + " |" for figure in _sorted(figures)]
    return "\n".join(lines) + "\n"


def as_json(figures: Sequence[Figure], compared: Sequence[Compared] = ()) -> bytes:
    """The figures with what follows from them, and the machine."""
    told: list[dict[str, Any]] = [
        {
            **msgspec.to_builtins(figure),
            "us_per_action": round(figure.us_per_action, 1),
            "actions_per_s": round(figure.actions_per_s, 1),
        }
        for figure in figures
    ]
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    found = {"machine": machine, "figures": told, **({"compared": compared} if compared else {})}
    return msgspec.json.format(msgspec.json.encode(found), indent=2)


def show(figures: Sequence[Figure]) -> None:
    """Prints the table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for number, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="right" if 0 < number < 8 else "left", no_wrap=number < 8)
    ordered = _sorted(figures)
    for figure, after in zip(ordered, [*ordered[1:], None], strict=True):
        table.add_row(*row(figure), end_section=after is not None and figure.group != after.group)
    console = Console(highlight=False)
    console.width = console.width if console.is_terminal else PLAIN_WIDTH
    console.print(table)


def _sorted(figures: Sequence[Figure]) -> list[Figure]:
    """Figures without tables first; then by pace and number of tables, otherwise as measured."""
    return sorted(figures, key=lambda one: (one.ack_ms is not None, one.pace, one.tables if one.ack_ms else 0))
