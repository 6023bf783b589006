"""News in Redis waits for one turn of the loop: an edge's line, which may say the same, comes first."""

from __future__ import annotations

import asyncio

import pytest

from kit.hosts import OPENER, SEALER
from tavola.storage.redis import Subscriber, room_channel


class Shown:
    """A listener who has been shown a room up to a number."""

    def __init__(self) -> None:
        self.seq = 0
        self.asked: list[int] = []
        self.heard_of: list[bytes] = []

    def wanted(self, room: str, seq: int) -> bool:
        self.asked.append(seq)
        return seq > self.seq

    def heard(self, room: str, message: bytes) -> None:
        self.heard_of.append(message)
        self.seq += 1

    def heard_presence(self, message: bytes) -> None:
        raise AssertionError("nobody came or went")


def message(seq: int, channel: str = room_channel("r")) -> list[bytes]:
    return [b"message", room_channel("r").encode(), SEALER.seal(channel, b"update %d" % seq, 1, seq)]


async def test_an_update_that_an_answer_brings_in_the_same_turn_is_no_news() -> None:
    shown = Shown()
    subscriber = Subscriber("redis://127.0.0.1:1/0", OPENER, shown)
    subscriber._take(message(1))
    subscriber._take(message(2))
    assert shown.heard_of == []
    shown.seq = 1  # by the answer to whoever asked
    await asyncio.sleep(0)
    assert shown.heard_of == [b"update 2"]
    assert shown.asked == [1, 2, 1, 2]


async def test_what_was_shown_before_waits_for_nothing() -> None:
    shown = Shown()
    shown.seq = 5
    subscriber = Subscriber("redis://127.0.0.1:1/0", OPENER, shown)
    subscriber._take(message(5))
    assert shown.asked == [5]
    await asyncio.sleep(0)
    assert shown.asked == [5], "it was not kept for later"


@pytest.mark.parametrize("later", [2, 3])
async def test_one_that_does_not_open_keeps_no_other_back(later: int) -> None:
    shown = Shown()
    subscriber = Subscriber("redis://127.0.0.1:1/0", OPENER, shown)
    subscriber._take(message(1, room_channel("another")))
    subscriber._take(message(later))
    await asyncio.sleep(0)
    assert shown.heard_of == [b"update %d" % later]
    assert subscriber.not_opened == 1
