"""The model: of each part a base, which is there at rest, and as much again for each table. Fitted to measured sizes at
one pace, it foretells another size at that pace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from tavola.load.bench.scale.measured import PARTS, Size


class PartLine(NamedTuple):
    """Cores: `base` at no tables, and `a_table` for each."""

    base: float
    a_table: float

    def at(self, tables: float) -> float:
        return self.base + self.a_table * tables


class Model(NamedTuple):
    """`lines` by part, for tables with an action every `every_s` seconds."""

    lines: dict[str, PartLine]
    every_s: float

    def cores(self, tables: float) -> float:
        """Of all servers."""
        return sum(line.at(tables) for line in self.lines.values())

    def action_us(self, part: str) -> float:
        """Microseconds of processor that one action more costs a part."""
        return self.lines[part].a_table * self.every_s * 1e6


def busy(model: Model, action_us: Mapping[str, float]) -> Model:
    """The same, where an action costs those parts what it does when they have no rest."""
    lines = {
        part: line._replace(a_table=action_us[part] / model.every_s / 1e6) if part in action_us else line
        for part, line in model.lines.items()
    }
    return Model(lines, model.every_s)


class Point(NamedTuple):
    """Cores by part at so many tables: of several measurements the middle one."""

    tables: int
    cores: dict[str, float]

    @property
    def together(self) -> float:
        return sum(self.cores.values())


def points(sizes: Sequence[Size]) -> list[Point]:
    """One for each number of tables, the smallest first."""
    found = []
    for tables in sorted({size.tables for size in sizes}):
        same = [size for size in sizes if size.tables == tables]
        found.append(Point(tables, {part: median(size.cores(part) for size in same) for part in PARTS}))
    return found


def fitted(known: Sequence[Point], every_s: float) -> Model:
    """The least squares of what was measured at two sizes or more, where neither a table nor what is at rest takes less
    than nothing. Raises ValueError with one size alone."""
    lines = {part: _line([(float(point.tables), point.cores[part]) for point in known]) for part in PARTS}
    return Model(lines, every_s)


def off(model: Model, point: Point) -> float:
    """How far the model is from a measured size: 0.1 says ten percent too much."""
    return model.cores(point.tables) / point.together - 1


def _line(at: Sequence[tuple[float, float]]) -> PartLine:
    x, y = (sum(each) / len(at) for each in zip(*at, strict=True))
    spread = sum((tables - x) ** 2 for tables, _ in at)
    if not spread:
        raise ValueError("one size alone says nothing of another")
    a_table = sum((tables - x) * (cores - y) for tables, cores in at) / spread
    base = y - a_table * x
    if a_table < 0:
        return PartLine(y, 0.0)
    if base < 0:
        return PartLine(0.0, sum(tables * cores for tables, cores in at) / sum(tables**2 for tables, _ in at))
    return PartLine(base, a_table)
