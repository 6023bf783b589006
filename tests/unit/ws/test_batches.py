"""The pace at which an edge that ends lets its sockets go."""

from __future__ import annotations

import pytest

from tavola.edge.ws.leaving import BATCH_S, batch_size


@pytest.mark.parametrize(
    ("sockets", "a_second", "within_s", "size"),
    [
        (5_000, 1_000, 10, 100),
        (50_000, 1_000, 10, 500),
        (3, 1, 10, 1),
        (20_000, 1_000, 0, 20_000),
        (0, 1_000, 10, 100),
    ],
)
def test_they_go_at_the_pace_or_faster_when_time_is_short(
    sockets: int, a_second: int, within_s: float, size: int
) -> None:
    assert batch_size(sockets, a_second, within_s) == size


@pytest.mark.parametrize("sockets", [1, 99, 100, 101, 10_000, 12_345])
def test_all_are_gone_in_time(sockets: int) -> None:
    batches = -(-sockets // batch_size(sockets, 1_000, 7))
    assert (batches - 1) * BATCH_S < 7
