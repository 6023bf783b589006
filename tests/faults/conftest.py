"""Stacks to break: started once for all tests here, always stopped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kit.stack import ADMIN_SECRET, Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two edges, and a warm spare for each: a race for one actor would hide a race for the room."""
    yield from _running(Stack(tmp_path_factory.mktemp("warm") / "data", edges=2, TAVOLA_SPARES="2"))


@pytest.fixture(scope="session")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two edges, and all rooms in a few actors: for tests of many rooms, of which none is killed; and an operator."""
    folder = tmp_path_factory.mktemp("crowd") / "data"
    yield from _running(Stack(folder, edges=2, TAVOLA_ROOMS_PER_ACTOR="500", TAVOLA_ADMIN_SECRET=ADMIN_SECRET))


@pytest.fixture(scope="session")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One edge, no spares."""
    yield from _running(Stack(tmp_path_factory.mktemp("cold") / "data", TAVOLA_SPARES="0"))


def _running(stack: Stack) -> Iterator[Stack]:
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
