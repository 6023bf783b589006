"""Views are compared at the same number, however the game goes on meanwhile."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from tavola.client.api import RequestRefused
from tavola.client.frames import Json
from tavola.load.checks.comparison import Comparison
from tavola.load.checks.verdict import CheckRecorder, Verdict


class Scene:
    """A bot whose view at number n is {"pot": n}, and a server whose fresh views are given beforehand."""

    def __init__(self, *fresh: Json | Exception) -> None:
        self.verdict = Verdict()
        self.searched: list[Json] = []
        self._fresh = iter(fresh)
        self.comparison = Comparison(
            CheckRecorder(self.verdict, "r1", "Bot 0.0"), self._fetch, lambda _, view: self.searched.append(view)
        )
        self.meanwhile: list[int] = []
        """Numbers that come in while a view is being fetched."""

    async def _fetch(self) -> bytes:
        for seq in self.meanwhile:
            self.comparison.took_in(seq, {"pot": seq})
        fresh = next(self._fresh)
        if isinstance(fresh, Exception):
            raise fresh
        return msgspec.json.encode(fresh)

    def run(self, after: int | None = None) -> list[str]:
        """Compares from number 5 on; `after` comes in only once the fetched view is there."""

        async def both() -> None:
            running = asyncio.create_task(self.comparison.run(5, {"pot": 5}))
            if after is not None:
                await asyncio.sleep(0)
                self.comparison.took_in(after, {"pot": after})
            await running

        asyncio.run(both())
        return [violation.message for violation in self.verdict.violations]


def view(seq: int, pot: int | None = None) -> Json:
    return {"seq": seq, "pot": seq if pot is None else pot}


def test_at_the_same_number() -> None:
    scene = Scene(view(5))
    assert scene.run() == []
    assert scene.verdict.made["views"] == 1
    assert scene.searched == [view(5)]


def test_with_the_view_as_it_was_when_the_fresh_one_was_made() -> None:
    scene = Scene(view(6))
    scene.meanwhile = [6, 7, 8]
    assert scene.run() == []
    assert scene.verdict.made["views"] == 1


def test_a_fresh_view_that_is_ahead_is_waited_for() -> None:
    scene = Scene(view(9))
    assert scene.run(after=9) == []
    assert scene.verdict.made["views"] == 1


def test_a_difference_is_found_at_the_number_where_it_is() -> None:
    scene = Scene(view(6, pot=66))
    scene.meanwhile = [6, 7]
    assert scene.run() == ["expected the merged view to equal a fresh one; pot: held 6, fresh 66"]
    assert scene.verdict.violations[0].seq == 6


def test_a_view_older_than_what_was_shown_is_asked_for_again() -> None:
    scene = Scene(view(4), view(5))
    assert scene.run() == []
    assert scene.verdict.made["views"] == 1


def test_views_that_stay_old_are_a_breach() -> None:
    scene = Scene(view(4), view(4), view(4))
    assert scene.run() == ["expected a fresh view at 5 or later, not at 4"]


def test_a_view_of_no_moment_is_compared_with_nothing() -> None:
    """Those who judge its skeleton find it."""
    scene = Scene({"pot": 5})
    assert scene.run() == []
    assert scene.verdict.made["views"] == 0
    assert not scene.comparison.running


def test_an_update_that_never_comes_is_a_breach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tavola.load.checks.comparison.DEADLINE_S", 0.01)
    assert "expected update 9" in Scene(view(9)).run()[0]


@pytest.mark.parametrize("away", [RequestRefused(503, "storage_unavailable", "Away."), ConnectionError()])
def test_what_cannot_be_fetched_is_not_counted(away: Exception) -> None:
    scene = Scene(away)
    assert scene.run() == []
    assert scene.verdict.made["views"] == 0
    assert not scene.comparison.running
