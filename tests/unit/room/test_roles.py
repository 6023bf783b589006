"""Every command by everybody, on the room itself: who may, and with which code the others are refused."""

from __future__ import annotations

from typing import Any

import pytest

from kit.roles import FIELDS, OK, VERDICTS, WHO, Who
from kit.rooms import HOST, ROOM, Live, info
from kit.stories import accepted, asks
from tavola.actors.room.state import Decision
from tavola.actors.wire.commands import CLIENT_COMMANDS, Approve, Kick, Reject, Spectate
from tavola.games.base import Refusal

COMMANDS = tuple(CLIENT_COMMANDS)


@pytest.fixture(scope="module")
def live() -> Live:
    """A room with somebody in every role. Nobody may change it: fork it."""
    live = Live(info("holdem", approval="host", seats=4, auto_start=False), WHO)
    live.sit(HOST, 0)
    for who in ("pending", "rejected", "banned", "approved", "spectator", "player"):
        asks(live, who)
    for who in ("approved", "spectator", "player"):
        accepted(live, HOST, Approve, user_id=who)
    accepted(live, HOST, Reject, user_id="rejected")
    accepted(live, HOST, Kick, user_id="banned", ban=True)
    accepted(live, "spectator", Spectate)
    live.sit("player", 1)
    return live


def test_the_table_has_every_command_and_everybody() -> None:
    assert set(VERDICTS) == set(COMMANDS)
    assert all(set(verdicts) == set(WHO) for verdicts in VERDICTS.values())


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("kind", COMMANDS, ids=lambda kind: str(kind.__name__))
def test_who_may_and_who_may_not(live: Live, kind: Any, who: Who) -> None:
    room = live.forked()
    verdict = room.send(who, kind(id="it", room=ROOM, **FIELDS.get(kind, {})))
    if VERDICTS[kind][who] == OK:
        assert isinstance(verdict, Decision), verdict
    else:
        assert isinstance(verdict, Refusal), verdict
        assert verdict.code == VERDICTS[kind][who]
        assert room.room is live.room
