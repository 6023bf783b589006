"""The tables of docs/explanation/scale.md, from what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from tavola.load.bench.scale.ends import ActionFigures, Deployed, Has, Limit, limits
from tavola.load.bench.scale.measured import PARTS, Size
from tavola.load.bench.scale.model import Model, Point, busy, fitted, off, points

KNOWN = 3
"""The model is fitted to the smallest sizes, so many of them; the others are foretold."""
TOLD_MESSAGE_US, TOLD_ROOM_US = 35.0, 0.42
"""By `python -m tavola.load.bench.scale.told`."""
REMOVED_A_SECOND = 13.0
"""By `python -m tavola.load.bench.scale.removal`."""
BUSY_US = {"edges": 138.0, "actors": 159.0, "postgres": 58.0, "redis": 11.0}
"""Of an action where 200 tables of six play as fast as they can: docs/howto/sizing.md."""
LARGE = 400
"""From so many tables on, bytes are not those of pages that were begun."""
MILLION = 1e6


def figures(sizes: Sequence[Size]) -> ActionFigures:
    """The middle one of each, at large sizes."""
    large = [size for size in sizes if size.tables >= LARGE]
    return ActionFigures(
        log_bytes=median(size.log_bytes / size.actions for size in large),
        command_bytes=median(size.command_bytes / size.actions for size in large),
        wal_bytes=median(size.wal_bytes / size.actions for size in large),
        told_message_us=TOLD_MESSAGE_US,
        told_room_us=TOLD_ROOM_US,
        opening_postgres_ms=median(size.opening_cpu_s["postgres"] / size.tables * 1e3 for size in large),
    )


def ends(model: Model, sizes: Sequence[Size], plan: Deployed | None = None) -> list[Limit]:
    return limits(model, figures(sizes), plan or Deployed(), Has(removed_a_second=REMOVED_A_SECOND))


def foretold(sizes: Sequence[Size]) -> tuple[Model, list[Point]]:
    """The model, and all that was measured."""
    found = points(sizes)
    return fitted(found[:KNOWN], sizes[0].every_s), found


def fit_table(model: Model, found: Sequence[Point]) -> list[str]:
    rows = ["| tables | cores measured | cores by the model | off | |", "|---|---|---|---|---|"]
    for n, point in enumerate(found):
        why = "fitted to" if n < KNOWN else "foretold"
        rows.append(
            f"| {point.tables:,} | {point.together:.3f} | {model.cores(point.tables):.3f} "
            f"| {off(model, point):+.0%} | {why} |"
        )
    return rows


def parts_table(model: Model) -> list[str]:
    rows = [
        "| part | cores at rest | an action at this pace, µs | an action where it has no rest, µs |",
        "|---|---|---|---|",
    ]
    for part in PARTS:
        busiest = f"{BUSY_US[part]:.0f}" if part in BUSY_US else ""
        rows.append(f"| {part} | {model.lines[part].base:.3f} | {model.action_us(part):,.0f} | {busiest} |")
    return rows


def ends_table(quiet: Sequence[Limit], busiest: Sequence[Limit]) -> list[str]:
    """`quiet` by the cost of an action at this pace, `busiest` by that where there is no rest."""
    most = {limit.name: limit.tables for limit in busiest}
    rows = ["| what ends | there is | at so many tables | a million ask for |", "|---|---|---|---|"]
    for limit in quiet:
        times = limit.asked(MILLION) / limit.has
        tables = _round(limit.tables)
        if _round(most[limit.name]) != tables:
            tables += f" to {_round(most[limit.name])}"
        rows.append(f"| {limit.name} | {_amount(limit.has)} {limit.unit} | {tables} | {times:.1f} times that |")
    return rows


def _round(number: float) -> str:
    """Two digits are enough for what is foretold."""
    return f"{float(f'{number:.2g}'):,.0f}"


def _amount(number: float) -> str:
    for size, name in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if number >= size:
            return f"{number / size:.0f} {name}"
    return f"{number:,g}" if number >= 1_000 else f"{number:.3g}"


def markdown(sizes: Sequence[Size]) -> str:
    """All tables, one after the other."""
    model, found = foretold(sizes)
    tables = (
        fit_table(model, found),
        parts_table(model),
        ends_table(ends(model, sizes), ends(busy(model, BUSY_US), sizes)),
    )
    return "\n\n".join("\n".join(table) for table in tables)
