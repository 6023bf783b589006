"""A deck of cards and a fair deal. Cards are two characters, rank then suit: `Ah`, `Td`, `2c`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import TypeVar

from tavola.games.base import Entropy

T = TypeVar("T")

RANKS = "23456789TJQKA"
SUITS = "cdhs"
DECK: tuple[str, ...] = tuple(rank + suit for rank in RANKS for suit in SUITS)


def deal(entropy: Entropy, count: int) -> list[str]:
    """The first `count` cards of the deck, shuffled by `entropy`. Every order is equally likely."""
    return draw(DECK, count, stream(entropy, b"tavola/cards/deck"))


def commit(entropy: Entropy) -> bytes:
    """SHA-256 of the entropy: published before the deal, it proves afterwards that the deck was fixed by then.

    It hashes under another name than the deck does, so it says nothing of the cards.
    """
    return sha256(b"tavola/cards/commitment\0" + entropy).digest()


def stream(entropy: Entropy, purpose: bytes) -> Iterator[int]:
    """An endless stream of bytes: SHA-256 of purpose, entropy and a counter of eight bytes, block after block."""
    counter = 0
    while True:
        yield from sha256(purpose + b"\0" + entropy + counter.to_bytes(8, "big")).digest()
        counter += 1


def draw(items: Sequence[T], count: int, random_bytes: Iterator[int]) -> list[T]:
    """The first `count` of `items` (256 at most) in a random order: the Fisher-Yates shuffle, stopped after `count`."""
    rest = list(items)
    for i in range(count):
        j = i + below(len(rest) - i, random_bytes)
        rest[i], rest[j] = rest[j], rest[i]
    return rest[:count]


def below(limit: int, random_bytes: Iterator[int]) -> int:
    """A number in 0 ≤ n < `limit` ≤ 256, each as likely as the others: bytes that would tip the scale are rejected."""
    fair = 256 - 256 % limit
    return next(byte for byte in random_bytes if byte < fair) % limit
