"""The last updates of a room, packed while nobody uses it."""

from __future__ import annotations

from tavola.actors.host.recent_updates import RecentUpdates
from tavola.actors.wire.view import RECENT


def test_they_are_the_same_packed_and_not() -> None:
    messages = [b"update %d of a room that says nearly the same over and over" % number for number in range(RECENT + 3)]
    recent = RecentUpdates(messages[:-1])
    assert list(recent) == messages[2:-1]
    recent.pack()
    assert list(recent) == messages[2:-1]
    recent.pack()
    assert list(recent) == messages[2:-1]
    recent.append(messages[-1])
    assert list(recent) == messages[3:]
    assert not isinstance(recent._messages, bytes)


def test_packed_they_take_little() -> None:
    messages = [
        b'{"seq":%d,"events":[{"kind":"player_action","seat_index":1}]}' % number * 8 for number in range(RECENT)
    ]
    recent = RecentUpdates(messages)
    recent.pack()
    assert isinstance(recent._messages, bytes)
    assert len(recent._messages) < sum(map(len, messages)) / 4


def test_none_can_be_packed_too() -> None:
    recent = RecentUpdates([])
    recent.pack()
    assert list(recent) == []
    recent.append(b"the first")
    assert list(recent) == [b"the first"]
