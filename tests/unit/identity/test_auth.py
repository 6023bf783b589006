"""Identity tokens: only ours, only of our making, only while they last."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest

from tavola.actors.wire.commands import UserId
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.names import NAME_LIMIT, clean
from tavola.config.keys import Secrets
from tavola.edge.identity.auth import ALGORITHM, AUDIENCE, INVALID, ISSUER, LEEWAY_S, LIFE_S, Identities, Identity

SECRET = bytes(range(64))
"""Long enough for HS512 too."""


def claims(**changed: Any) -> dict[str, Any]:
    whole = {"sub": "u_1", "name": "Ann", "iss": ISSUER, "aud": AUDIENCE, "jti": "x", "exp": int(time.time()) + 60}
    return {key: value for key, value in (whole | changed).items() if value is not None}


def token(secret: bytes = SECRET, algorithm: str = ALGORITHM, **changed: Any) -> str:
    return jwt.encode(claims(**changed), secret, algorithm=algorithm)


def code(token: str) -> str:
    found = Identities(Secrets(SECRET)).verify(token)
    assert isinstance(found, Refusal), found
    return found.code


def test_our_own_token_is_good() -> None:
    identities = Identities(Secrets(SECRET))
    guest = identities.guest("Ann")
    assert identities.verify(identities.token(guest)) == guest
    assert guest.name == "Ann"
    assert time.time() + LIFE_S - 5 < guest.expires_at <= time.time() + LIFE_S


def test_guests_are_different_people() -> None:
    identities = Identities(Secrets(SECRET))
    assert identities.guest(None).user != identities.guest(None).user
    assert identities.guest(None).name.startswith("Guest ")


def test_the_moment_of_a_token_is_kept_to_the_millisecond_whatever_our_clock_says() -> None:
    identities = Identities(Secrets(SECRET))
    for issued_at in (1_760_000_000_123, 1_760_000_000_000, int(time.time() * 1000) + 3_600_001):
        token = identities.token(identities.known(UserId("u_1"), "Ann", issued_at))
        assert getattr(identities.verify(token), "issued_at", None) == issued_at


def test_what_was_issued_before_a_sign_out_is_no_good() -> None:
    signed_out_at = 1_760_000_000_500
    identities = Identities(Secrets(SECRET), lambda user, issued_at: user == "u_1" and issued_at <= signed_out_at)

    def issued(user: str, at: int) -> Identity | Refusal:
        return identities.verify(identities.token(identities.known(UserId(user), "Ann", at)))

    assert issued("u_1", signed_out_at) == issued("u_1", signed_out_at - 1) == INVALID
    assert isinstance(issued("u_1", signed_out_at + 1), Identity), "a sign-in in the same second"
    assert isinstance(issued("u_2", signed_out_at), Identity)
    assert identities.verify(token(iat=None)) == INVALID, "one that does not say when it was issued"


def test_expired() -> None:
    assert code(token(exp=int(time.time()) - LEEWAY_S - 1)) == "token_expired"


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "tavola:seat"},
        {"aud": None},
        {"iss": "somebody"},
        {"iss": None},
        {"exp": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "u" * 65},
        {"sub": "u\u0000"},
        {"sub": "u\n"},
        {"exp": "soon"},
        {"iat": "before"},
        {"nbf": int(time.time()) + 3600},
    ],
    ids=str,
)
def test_not_a_token_for_us(changed: dict[str, Any]) -> None:
    if isinstance(changed.get("sub"), int):
        forged = _by_hand({"alg": ALGORITHM, "typ": "JWT"}, claims(**changed))
    else:
        forged = token(**changed)
    assert code(forged) == "token_invalid"


def test_signed_with_another_secret() -> None:
    assert code(token(secret=b"x" * 32)) == "token_invalid"


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_signed_with_our_secret_by_another_algorithm(algorithm: str) -> None:
    assert code(token(algorithm=algorithm)) == "token_invalid"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", "RS256", "ES256"])
def test_the_token_does_not_choose_its_algorithm(algorithm: str) -> None:
    header, payload = ({"alg": algorithm, "typ": "JWT"}, claims())
    assert code(_by_hand(header, payload)) == "token_invalid"
    assert code(_by_hand(header, payload).rpartition(".")[0] + ".") == "token_invalid"


@pytest.mark.parametrize("forged", ["", "x", "a.b", "a.b.c", "..", "é.é.é", "\x00", "e30.e30.e30", "A" * 40_000])
def test_no_token_at_all(forged: str) -> None:
    assert code(forged) == "token_invalid"


def test_another_payload_under_a_good_signature() -> None:
    good = token()
    header, _, signature = good.split(".")
    assert code(".".join((header, _encoded(claims(sub="u_2")), signature))) == "token_invalid"


def test_a_short_secret_is_not_used() -> None:
    identities = Identities(Secrets(b"short"))
    with pytest.raises(jwt.InvalidKeyError):
        identities.token(Identity(UserId("u_1"), "Ann", int(time.time()) + 60))


def test_a_name_in_a_token_is_cleaned() -> None:
    found = Identities(Secrets(SECRET)).verify(token(name=" A\u0000n\nn " + "x" * 100))
    assert isinstance(found, Identity)
    assert found.name.startswith("A n n x")
    assert len(found.name) == NAME_LIMIT
    nameless = Identities(Secrets(SECRET)).verify(token(name=None))
    assert isinstance(nameless, Identity)
    assert nameless.name == "u_1"


def test_clean() -> None:
    assert clean("  a \t b\u202e ") == "a b"


def _encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _by_hand(header: Any, payload: Any) -> str:
    """A token signed as HS256 with our secret, whatever its header says."""
    signed = f"{_encoded(header)}.{_encoded(payload)}"
    signature = hmac.new(SECRET, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
