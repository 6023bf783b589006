"""The setting by which checkpoints are kept, as a text and as what it means."""

from __future__ import annotations

import pytest

from tavola.config.checkpoints import EVERY_HAND, CheckpointEvery
from tavola.config.settings import Settings, SettingsError


@pytest.mark.parametrize(
    ("text", "every"),
    [
        ("hand", EVERY_HAND),
        ("1 hand", EVERY_HAND),
        ("5 hands", CheckpointEvery(5)),
        ("200 moves", CheckpointEvery(0, 200)),
        (" 1move ", CheckpointEvery(0, 1)),
    ],
)
def test_what_it_means(text: str, every: CheckpointEvery) -> None:
    assert CheckpointEvery.of(text) == every


@pytest.mark.parametrize("text", ["", "5", "0 hands", "-1 hands", "5 minutes", "1001 moves", "hands 5", "1.5 hands"])
def test_what_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAVOLA_CHECKPOINT_EVERY", text)
    with pytest.raises(SettingsError, match="TAVOLA_CHECKPOINT_EVERY"):
        Settings()


def test_when_one_is_due() -> None:
    assert [number for number in range(1, 8) if CheckpointEvery(3).at_round(number)] == [1, 4, 7]
    assert not any(CheckpointEvery(0, 7).at_round(number) for number in range(1, 8))
    assert [seq for seq in range(1, 22) if CheckpointEvery(0, 7).at_update(seq)] == [7, 14, 21]
    assert EVERY_HAND.at_update(1000)
    assert not EVERY_HAND.at_update(999)
