"""Scales, axes and shapes, as SVG text. Colours are the page's, classes and variables: they follow its theme."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

Point = tuple[float, float]


class Scale:
    """From values to positions: `low`…`high` become `start`…`stop`, evenly or by their logarithms."""

    def __init__(self, low: float, high: float, start: float, stop: float, *, log: bool = False) -> None:
        self.low, self.high, self.log = low, max(high, low * 1.001 + 1e-9), log
        self.start, self.stop = start, stop

    def __call__(self, value: float) -> float:
        value = min(max(value, self.low), self.high)
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.stop - self.start)

    def ticks(self, about: int = 5) -> list[float]:
        """Round values on the scale: powers of ten on a logarithmic one."""
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            return [10.0**power for power in range(first, last + 1)]
        step = 10 ** math.floor(math.log10((self.high - self.low) / about))
        step *= next(times for times in (1, 2, 5, 10) if (self.high - self.low) / (step * times) <= about)
        first = math.ceil(self.low / step - 1e-9)
        return [step * (first + index) for index in range(int((self.high - first * step) / step + 1e-9) + 1)]


class Drawing:
    """A picture of `width` by `height` units that grows with the page."""

    def __init__(self, width: float, height: float, label: str) -> None:
        self.width, self.height, self._label = width, height, label
        self._parts: list[str] = []

    def add(self, part: str) -> None:
        self._parts.append(part)

    def line(self, one: Point, other: Point, kind: str) -> None:
        self.add(f'<line class="{kind}" x1="{one[0]:.1f}" y1="{one[1]:.1f}" x2="{other[0]:.1f}" y2="{other[1]:.1f}"/>')

    def path(self, points: Sequence[Point], kind: str, colour: str = "") -> None:
        if points:
            style = f' style="stroke:{colour}"' if colour else ""
            self.add(f'<path class="{kind}"{style} d="M{_points(points)}"/>')

    def area(self, top: Sequence[Point], bottom: Sequence[Point], kind: str, colour: str = "", hint: str = "") -> None:
        if top:
            style = f' style="fill:{colour}"' if colour else ""
            title = f"<title>{escape(hint)}</title>" if hint else ""
            self.add(f'<path class="{kind}"{style} d="M{_points([*top, *reversed(bottom)])}Z">{title}</path>')

    def dot(self, at: Point, radius: float, kind: str, colour: str = "", hint: str = "") -> None:
        style = f' style="fill:{colour}"' if colour else ""
        title = f"<title>{escape(hint)}</title>" if hint else ""
        place = f'cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius}"'
        self.add(f'<circle class="{kind}"{style} {place}>{title}</circle>')

    def text(self, at: Point, text: str, kind: str = "", anchor: str = "start") -> None:
        place = f'x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="{anchor}"'
        self.add(f'<text class="{kind}" {place}>{escape(text)}</text>')

    def svg(self) -> str:
        size = f'viewBox="0 0 {self.width:g} {self.height:g}" role="img" aria-label="{escape(self._label)}"'
        return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(self._parts)}</svg>'


def rows(drawing: Drawing, y: Scale, unit: str, left: float, right: float, about: int = 4) -> None:
    """Grid lines with their values on the left."""
    for value in y.ticks(about):
        at = y(value)
        drawing.line((left, at), (right, at), "grid")
        drawing.text((left - 8, at + 4), f"{short(value)}{unit}", "axis", "end")


def times(drawing: Drawing, x: Scale, bottom: float) -> None:
    """Seconds or minutes from the start, below."""
    minutes = x.high > 240
    for value in Scale(x.low / 60, x.high / 60, 0, 1).ticks(8) if minutes else x.ticks(8):
        at = x(value * 60 if minutes else value)
        drawing.line((at, bottom), (at, bottom + 4), "grid")
        drawing.text((at, bottom + 18), f"{short(value)} {'min' if minutes else 's'}", "axis", "middle")


def short(value: float) -> str:
    """A number as people write it: 1,200; 0.25; 15k."""
    if value >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"


def _points(points: Sequence[Point]) -> str:
    return "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
