"""`tavola steward --wait` waits for a Postgres that is away, too."""

from __future__ import annotations

import asyncio

import pytest

from tavola.stack import parts
from tavola.stack.parts import NoSteward, wait_for_ours
from tavola.stack.processes import free_port


def test_it_says_why_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_OURS_WITHIN", 1.0)
    with pytest.raises(NoSteward, match=r"no steward works on this machine, after 1 s: ."):
        asyncio.run(wait_for_ours(f"postgresql://somebody:secret@127.0.0.1:{free_port()}/tavola"))
