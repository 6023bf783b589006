"""Small numbers as text, one character each."""

from __future__ import annotations

from collections.abc import Iterable


def packed(numbers: Iterable[int]) -> str:
    return "".join(map(str, numbers))


def unpacked(text: str) -> list[int]:
    return [int(digit) for digit in text]
