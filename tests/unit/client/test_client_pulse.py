"""When a silent connection is asked, and when it is given up."""

from __future__ import annotations

import pytest

from tavola.client.pulse import ConnectionPulse, Due


def looked_at(pulse: ConnectionPulse, since: float, until: float, waits: bool) -> dict[float, Due]:
    """All that was due, by when, looking when it says so."""
    found: dict[float, Due] = {}
    now = since
    while now <= until:
        due = pulse.look(now, waits=waits)
        if due is not Due.WAIT:
            found[now] = due
        if due is Due.CUT:
            break
        now = pulse.looks_at
    return found


@pytest.mark.parametrize(("waits", "asked", "cut"), [(False, 15.0, 20.0), (True, 2.5, 4.5)])
def test_a_silent_one_is_asked_and_given_up(waits: bool, asked: float, cut: float) -> None:
    assert looked_at(ConnectionPulse(100.0), 100.0, 200.0, waits) == {100 + asked: Due.ASK, 100 + cut: Due.CUT}


def test_one_that_answers_lives_for_ever() -> None:
    pulse, now, asked = ConnectionPulse(0.0), 0.0, 0
    while now < 3600:
        due = pulse.look(now, waits=True)
        assert due is not Due.CUT
        if due is Due.ASK:
            asked += 1
            pulse.heard(now + 1.9)
        now = pulse.looks_at
    assert asked > 600


def test_one_that_talks_is_never_asked() -> None:
    pulse = ConnectionPulse(0.0)
    for number in range(1000):
        pulse.heard(number * 2.4)
        assert pulse.look(number * 2.4 + 2.3, waits=True) is Due.WAIT


def test_something_waited_for_after_a_long_silence_is_asked_for_at_once() -> None:
    pulse = ConnectionPulse(0.0)
    assert pulse.look(0.0, waits=False) is Due.WAIT
    assert pulse.late(10.0), "its next look is after 15 s"
    assert pulse.look(10.0, waits=True) is Due.ASK
    assert not pulse.late(10.0)
    assert pulse.look(11.9, waits=True) is Due.WAIT
    assert pulse.look(12.0, waits=True) is Due.CUT


def test_one_asked_at_leisure_is_given_up_sooner_once_something_is_waited_for() -> None:
    pulse = ConnectionPulse(0.0)
    assert pulse.look(15.0, waits=False) is Due.ASK
    assert pulse.look(16.0, waits=True) is Due.WAIT
    assert pulse.looks_at == 17.0
    assert pulse.look(17.0, waits=True) is Due.CUT
