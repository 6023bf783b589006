"""The result of a run in pairs: medians of slices, and ratios to the first of the systems. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

import msgspec

from tavola.load.bench.base.figure import Figure
from tavola.load.bench.peers.players import Play
from tavola.load.bench.peers.ratios import Ratio, ratio

HEADINGS = ("", "tables", "slices", "µs/action", "actions/s", "p50 ms", "p99 ms", "cores", "beside")
RATIOS = ("µs/action", "actions/s", "p50")


class Compared(msgspec.Struct, frozen=True):
    """Medians of a system's slices; the ratios are to the system that comes first, and None of that one."""

    name: str
    tables: int
    pace: float
    slices: int
    us_per_action: float
    actions_per_s: float
    p50_ms: float
    p99_ms: float
    cores: float
    beside_cores: float
    us_ratio: Ratio | None
    actions_ratio: Ratio | None
    p50_ratio: Ratio | None


def compared(slices: Sequence[Figure]) -> list[Compared]:
    """By what was played, then in the order in which they began. A pair that was not finished does not count."""
    plays = list(dict.fromkeys((each.tables, each.pace) for each in slices))
    return [found for play in plays for found in _at([each for each in slices if (each.tables, each.pace) == play])]


def _at(slices: Sequence[Figure]) -> list[Compared]:
    by_name: dict[str, list[Figure]] = {}
    for each in slices:
        by_name.setdefault(each.name, []).append(each)
    whole = min(map(len, by_name.values()))
    first = next(iter(by_name.values()))[:whole]
    return [_one(found[:whole], first) for found in by_name.values()]


def _one(slices: Sequence[Figure], first: Sequence[Figure]) -> Compared:
    def of(figure: Callable[[Figure], float]) -> float:
        return median(map(figure, slices))

    def to_first(figure: Callable[[Figure], float]) -> Ratio | None:
        return None if slices[0] is first[0] else ratio(list(map(figure, slices)), list(map(figure, first)))

    return Compared(
        name=slices[0].name,
        tables=slices[0].tables,
        pace=slices[0].pace,
        slices=len(slices),
        us_per_action=of(_us),
        actions_per_s=of(_per_s),
        p50_ms=of(_p50),
        p99_ms=of(lambda each: each.latency_ms.p99),
        cores=of(lambda each: each.cores),
        beside_cores=of(lambda each: each.beside_cores),
        us_ratio=to_first(_us),
        actions_ratio=to_first(_per_s),
        p50_ratio=to_first(_p50),
    )


def pairs_text(found: Sequence[Compared]) -> str:
    """A line a system, and below it its ratios to the first, with the interval in which they lie."""
    lines = []
    for each in found:
        play = Play(each.tables, each.pace)
        lines.append(
            f"{each.name}, {play}, median of {each.slices}: {each.us_per_action:,.0f} µs an action, "
            f"{each.actions_per_s:,.0f} actions/s, p50 {each.p50_ms:.2f}, p99 {each.p99_ms:.2f} ms, "
            f"{each.cores:.2f} cores; what was alive beside it used {each.beside_cores:.3f}"
        )
        if ratios := _ratios(each):
            told = ", ".join(f"{name} {one}" for name, one in zip(RATIOS, ratios, strict=True))
            lines.append(f"    to the first: {told}")
    return "\n".join(lines)


def pairs_markdown(found: Sequence[Compared]) -> str:
    """The same as a table."""
    headings = [*HEADINGS, *(f"{name}, to the first" for name in RATIOS)]
    lines = ["| " + " | ".join(headings) + " |", "|---|" + "---:|" * (len(headings) - 1)]
    for each in found:
        cells = [
            each.name,
            f"{each.tables:,}" + (f" at {each.pace:.3f}/s" if each.pace else ""),
            str(each.slices),
            f"{each.us_per_action:,.0f}",
            f"{each.actions_per_s:,.0f}",
            f"{each.p50_ms:.2f}",
            f"{each.p99_ms:.2f}",
            f"{each.cores:.2f}",
            f"{each.beside_cores:.3f}",
            *(map(str, _ratios(each)) if each.us_ratio else [""] * len(RATIOS)),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _ratios(each: Compared) -> list[Ratio]:
    return [one for one in (each.us_ratio, each.actions_ratio, each.p50_ratio) if one is not None]


def _us(each: Figure) -> float:
    return each.us_per_action


def _per_s(each: Figure) -> float:
    return each.actions_per_s


def _p50(each: Figure) -> float:
    return each.latency_ms.p50
