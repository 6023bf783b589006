"""The plots of a run. Times are seconds from its beginning."""

from __future__ import annotations

from collections.abc import Sequence

from tavola.load.faults.injector import Injected
from tavola.load.measure.sampler import Sample
from tavola.load.measure.stats import Second
from tavola.load.report.proof import Recovery
from tavola.load.report.svg import Drawing, Scale, rows, short, times

WIDTH, LEFT, RIGHT, TOP = 1040.0, 132.0, 1024.0, 12.0
FAMILIES = {"actor": 1, "edge": 2, "postgres": 3, "commit": 3, "redis": 4, "net": 5, "client": 6}
"""Kinds of faults that share a colour, by the first word of their names."""
PROCESSES = ("actors", "edges", "postgres", "redis", "ray", "clients")


def colour_of(kind: str) -> str:
    return f"var(--c{FAMILIES.get(kind.partition('-')[0], 5)})"


def latency(seconds: Sequence[Second], faults: Sequence[Injected], began: float, length: float) -> str:
    """p50, p99 and the worst of each second, and below them what was broken when."""
    lanes = sorted({fault.kind for fault in faults}, key=lambda kind: (colour_of(kind), kind))
    plot, lane = 260.0, 15.0
    bottom = TOP + plot + (12 + lane * len(lanes) if lanes else 0)
    drawing = Drawing(WIDTH, bottom + 28, "latency over time, with what was broken")
    x = Scale(0, length, LEFT, RIGHT)
    highest = max((second.max for second in seconds), default=10.0)
    y = Scale(0.5, max(20.0, highest), TOP + plot, TOP, log=True)
    rows(drawing, y, " ms", x.start, RIGHT)
    for fault in faults:
        at = x(fault.at - began)
        drawing.add(
            f'<rect class="shade" style="fill:{colour_of(fault.kind)}" x="{at:.1f}" y="{TOP}"'
            f' width="{max(1.0, x(fault.until - began) - at):.1f}" height="{plot}"/>'
        )
    points = [(x(second.at + 0.5 - began), second) for second in seconds]
    for at, second in points:
        drawing.line((at, y(second.p99)), (at, y(second.max)), "whisker")
    drawing.area([(at, y(s.p99)) for at, s in points], [(at, y(s.p50)) for at, s in points], "band")
    drawing.path([(at, y(s.p99)) for at, s in points], "p99")
    drawing.path([(at, y(s.p50)) for at, s in points], "p50")
    for at, second in points:
        hint = f"{second.at - began:.0f} s: p50 {second.p50:.1f} ms, p99 {second.p99:.1f} ms, max {second.max:.0f} ms"
        drawing.dot((at, y(second.p50)), 4, "hover", hint=hint)
    for number, kind in enumerate(lanes):
        at = TOP + plot + 20 + lane * number
        drawing.line((x.start, at), (RIGHT, at), "lane")
        drawing.text((x.start - 8, at + 4), kind, "axis", "end")
        for fault in faults:
            if fault.kind == kind:
                hint = f"{fault.at - began:.1f} s: {fault.what}. {fault.bit or 'It did nothing.'}"
                drawing.dot((x(fault.at - began), at), 4, "mark" if fault.bit else "dud", colour_of(kind), hint)
    times(drawing, x, bottom)
    return drawing.svg()


def throughput(seconds: Sequence[Second], began: float, length: float) -> str:
    bottom = 150.0
    drawing = Drawing(WIDTH, bottom + 28, "actions a second over time")
    x = Scale(0, length, LEFT, RIGHT)
    y = Scale(0, max((second.actions for second in seconds), default=1) * 1.1, bottom, TOP)
    rows(drawing, y, "", LEFT, RIGHT, 3)
    by_second = {second.at: second.actions for second in seconds}
    first = int(began)
    points = [
        (x(at + 0.5 - began), y(by_second.get(at, 0)))
        for at in range(min(by_second, default=first), max(by_second, default=first) + 1)
    ]
    drawing.area(points, [(at, bottom) for at, _ in points], "filled")
    drawing.path(points, "p50")
    times(drawing, x, bottom)
    return drawing.svg()


def recovery(kinds: Sequence[Recovery]) -> str:
    """By kind: half of all moves were waited for less than the dot, nearly all less than the bar's end."""
    felt = [kind for kind in kinds if kind.move.count]
    step, left = 30.0, 150.0
    bottom = TOP + step * len(felt) + 4
    drawing = Drawing(WIDTH, bottom + 28, "recovery by kind of fault")
    x = Scale(1, max([10_000.0, *(kind.move.max for kind in felt)]), left, RIGHT - 190, log=True)
    for value in x.ticks():
        drawing.line((x(value), TOP), (x(value), bottom), "grid")
        label = f"{short(value)} ms" if value < 1000 else f"{short(value / 1000)} s"
        drawing.text((x(value), bottom + 18), label, "axis", "middle")
    for number, kind in enumerate(felt):
        at, colour, move = TOP + step * number + step / 2, colour_of(kind.kind), kind.move
        drawing.text((left - 12, at + 4), kind.kind, "label", "end")
        drawing.line((x(move.p99), at), (x(move.max), at), "whisker")
        drawing.add(
            f'<line class="bar" style="stroke:{colour}" x1="{x(move.p50):.1f}" y1="{at:.1f}"'
            f' x2="{x(move.p99):.1f}" y2="{at:.1f}"/>'
        )
        drawing.dot((x(move.max), at), 3, "worst")
        drawing.dot((x(move.p50), at), 6, "mark", colour, f"{kind.kind}: p50 {move.p50:.0f} ms of {move.count}")
        told = f"{_ms(move.p50)} · {_ms(move.p99)} · {_ms(move.max)}"
        drawing.text((RIGHT, at + 4), told, "value", "end")
    return drawing.svg()


def cpu(samples: Sequence[Sample], began: float, length: float) -> str:
    """Cores busy, by kind of process, one upon the other."""
    bottom = 190.0
    drawing = Drawing(WIDTH, bottom + 28, "processor time by process over time")
    x = Scale(0, length, LEFT, RIGHT)
    moments = sorted({sample.at for sample in samples})
    cores = {(sample.at, sample.kind): sample.cores for sample in samples}
    kinds = _kinds(samples)
    tops = {at: 0.0 for at in moments}
    highest = max((sum(cores.get((at, kind), 0.0) for kind in kinds) for at in moments), default=1.0)
    y = Scale(0, max(0.5, highest) * 1.05, bottom, TOP)
    rows(drawing, y, "", LEFT, RIGHT, 4)
    for number, kind in enumerate(kinds):
        below = [(x(at - began), y(tops[at])) for at in moments]
        for at in moments:
            tops[at] += cores.get((at, kind), 0.0)
        above = [(x(at - began), y(tops[at])) for at in moments]
        drawing.area(above, below, "stack", f"var(--c{number % 6 + 1})", kind)
    times(drawing, x, bottom)
    return drawing.svg()


def memory(samples: Sequence[Sample], began: float, length: float) -> str:
    bottom = 190.0
    drawing = Drawing(WIDTH, bottom + 28, "memory by process over time")
    x = Scale(0, length, LEFT, RIGHT)
    y = Scale(0, max((sample.rss_mb for sample in samples), default=1.0) * 1.1, bottom, TOP)
    rows(drawing, y, " MB", LEFT, RIGHT, 4)
    for number, kind in enumerate(_kinds(samples)):
        points = [(x(sample.at - began), y(sample.rss_mb)) for sample in samples if sample.kind == kind]
        drawing.path(points, "series", f"var(--c{number % 6 + 1})")
    times(drawing, x, bottom)
    return drawing.svg()


def legend(samples: Sequence[Sample]) -> str:
    """The colours of `cpu` and `memory`."""
    return "".join(
        f'<span class="key"><i style="background:var(--c{number % 6 + 1})"></i>{kind}</span>'
        for number, kind in enumerate(_kinds(samples))
    )


def _kinds(samples: Sequence[Sample]) -> list[str]:
    found = {sample.kind for sample in samples}
    return [kind for kind in PROCESSES if kind in found] + sorted(found - set(PROCESSES))


def _ms(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.2f} s"
