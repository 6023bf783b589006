"""Which secret a database is used with: whoever starts is judged by the turns that were."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tavola.config.keys import Purpose, Secrets, derive
from tavola.config.settings import SettingsError
from tavola.storage.fingerprint import GIVEN_UP_S, SecretTurn, judge

OLD, NEW, NEXT = (name.ljust(32, b".") for name in (b"old", b"new", b"next"))


def after(*starts: Secrets) -> list[SecretTurn]:
    """The turns that these starts have left."""
    turns: list[SecretTurn] = []
    for secrets in starts:
        verdict = judge(turns, secrets)
        if isinstance(verdict, SecretTurn):
            turns.append(verdict)
    return turns


def works_with(turns: list[SecretTurn], secrets: Secrets) -> tuple[bytes, ...]:
    """The secrets with which such a process works; that it begins no turn is part of it."""
    verdict = judge(turns, secrets)
    assert isinstance(verdict, Secrets)
    return verdict.all


def test_the_first_start_leaves_a_fingerprint_and_the_next_finds_it() -> None:
    [turn] = turns = after(Secrets(OLD))
    assert (turn.turn, turn.other) == (1, None)
    assert works_with(turns, Secrets(OLD)) == (OLD,)
    assert OLD not in turn.newest + turn.salt
    assert after(Secrets(OLD))[0].newest != turn.newest, "two databases of one deployment do not show it"


@pytest.mark.parametrize("secrets", [Secrets(NEW), Secrets(NEW, NEXT)])
def test_another_secret_does_not_start(secrets: Secrets) -> None:
    with pytest.raises(SettingsError, match=r"^TAVOLA_JWT_SECRET: .*TAVOLA_JWT_SECRET_OTHER") as error:
        judge(after(Secrets(OLD)), secrets)
    for secret in (OLD, NEW, NEXT):
        assert secret.decode() not in str(error.value)


def test_a_rotation_in_three_roll_outs() -> None:
    first, second, third = Secrets(OLD, NEW), Secrets(NEW, OLD), Secrets(NEW)
    turns = after(Secrets(OLD), first)
    assert len(turns) == 2
    assert turns[-1].uses(OLD)
    assert turns[-1].accepts(NEW)
    assert works_with(turns, first) == (OLD, NEW), "the new one is accepted before anybody uses it"
    assert works_with(turns, Secrets(OLD)) == (OLD,), "those that wait for their restart go on, and turn nothing back"

    turns = after(Secrets(OLD), first, Secrets(OLD), second)
    assert len(turns) == 3
    assert turns[-1].uses(NEW)
    assert turns[-1].accepts(OLD)
    assert works_with(turns, second) == (NEW, OLD)
    assert works_with(turns, first) == (OLD, NEW), "one of before that is started again does not turn it back"
    with pytest.raises(SettingsError):
        judge(turns, Secrets(OLD))

    turns = after(Secrets(OLD), first, second, first, third)
    assert len(turns) == 4
    assert works_with(turns, third) == (NEW,)
    assert works_with(turns, second) == (NEW,), "what is accepted no more is accepted by nobody who starts"
    with pytest.raises(SettingsError, match="was replaced"):
        judge(turns, first)


def test_a_rotation_is_given_up_after_the_first_roll_out() -> None:
    turns = after(Secrets(OLD), Secrets(OLD, NEW), Secrets(OLD))
    assert works_with(turns, Secrets(OLD)) == (OLD,)
    turns[-1] = replace(turns[-1], age_s=GIVEN_UP_S + 1)
    given_up = judge(turns, Secrets(OLD))
    assert isinstance(given_up, SecretTurn)
    assert given_up.uses(OLD)
    assert not given_up.accepts(NEW)
    again = after(Secrets(OLD), Secrets(OLD, NEW), Secrets(OLD), Secrets(OLD, NEXT), Secrets(NEXT, OLD))
    assert again[-1].uses(NEXT)
    assert not again[-1].accepts(NEW)


def test_all_at_once_is_a_rotation_in_two() -> None:
    """Where everything is stopped before anything is started, as `tavola dev` does it."""
    turns = after(Secrets(OLD), Secrets(NEW, OLD))
    assert works_with(turns, Secrets(NEW, OLD)) == (NEW, OLD)
    assert works_with(after(Secrets(OLD), Secrets(NEW, OLD), Secrets(NEW)), Secrets(NEW)) == (NEW,)


def test_the_next_rotation_and_no_way_back() -> None:
    turns = after(Secrets(OLD), Secrets(NEW, OLD), Secrets(NEW), Secrets(NEW, NEXT), Secrets(NEXT, NEW))
    assert [turn.turn for turn in turns] == [1, 2, 3, 4, 5]
    assert works_with(turns, Secrets(NEXT, NEW)) == (NEXT, NEW)
    for back in (Secrets(OLD, NEXT), Secrets(OLD, NEW), Secrets(OLD)):
        with pytest.raises(SettingsError):
            judge(turns, back)


def test_the_same_secret_twice_is_one() -> None:
    assert Secrets(OLD, OLD).all == (OLD,)
    assert OLD.decode() not in repr(Secrets(OLD, NEW))


def test_a_key_is_for_one_purpose() -> None:
    keys = {key for secret in (OLD, NEW) for each in Purpose for key in Secrets(secret).keys(each)}
    assert len(keys) == 2 * len(Purpose)
    assert derive(OLD, b"a", b"salt") != derive(OLD, b"a", b"pepper") != derive(OLD, b"b", b"pepper")


def test_what_is_derived_is_hkdf() -> None:
    """RFC 5869, test case 1, as far as the first 32 of its 42 bytes."""
    okm = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    made = derive(bytes([0x0B] * 22), bytes(range(0xF0, 0xFA)), bytes(range(13)))
    assert made == bytes.fromhex(okm)[:32]
