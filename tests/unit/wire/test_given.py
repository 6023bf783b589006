"""The values that a command gives, as the log has them: the same bytes as ever, and old rows are read."""

from __future__ import annotations

import msgspec
import pytest

from tavola.actors.wire.commands import Seq
from tavola.actors.wire.given import (
    NOTHING_GIVEN,
    Admission,
    Given,
    GivenRecord,
    JoinStatus,
    SeatGrant,
    WatchGrant,
    record_of,
)
from tavola.actors.wire.messages import Committed

LOGGED: list[tuple[Given, bytes]] = [
    (NOTHING_GIVEN, b"{}"),
    (JoinStatus("pending"), b'{"status":"pending"}'),
    (JoinStatus("approved"), b'{"status":"approved"}'),
    (Admission("g"), b'{"status":"approved","grant":"g"}'),
    (SeatGrant(0, "g"), b'{"seat_index":0,"grant":"g"}'),
    (SeatGrant(3, ""), b'{"seat_index":3}'),
    (WatchGrant("g"), b'{"grant":"g"}'),
]


@pytest.mark.parametrize(("given", "text"), LOGGED)
def test_what_is_logged_is_what_it_was_and_is_read(given: Given, text: bytes) -> None:
    assert msgspec.json.encode(record_of(given)) == text
    assert msgspec.json.decode(text, type=GivenRecord).read() == given


@pytest.mark.parametrize(("given", "text"), LOGGED)
def test_the_line_carries_the_same_map(given: Given, text: bytes) -> None:
    sent = msgspec.msgpack.encode(Committed(Seq(1), record_of(given, unchanged=True)))
    assert msgspec.msgpack.decode(sent) == [1, 1, {**msgspec.json.decode(text), "unchanged": True}, b""]
    back = msgspec.msgpack.decode(sent, type=Committed).give
    assert (back.read(), back.unchanged) == (given, True)
