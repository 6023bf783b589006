"""Another issuer's tokens: only of its making, for us, by the one algorithm that the deployment named."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
import uvloop
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tavola.actors.wire.messages import Refusal
from tavola.config.keys import Secrets
from tavola.edge.identity.auth import EXPIRED, GUEST, INVALID, LEEWAY_S, Identities, Identity
from tavola.edge.identity.issuers import AWAY, OLDEST_S, Issuer, KeysUnavailable, OneKey, issuer_of

NAME = "https://project.supabase.co/auth/v1"
AUDIENCE = "authenticated"
PRIVATE: dict[str, Any] = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    "HS256": "a secret that both of them know, of 32 bytes at least",
}
ASYMMETRIC = ("RS256", "ES256", "EdDSA")


def public(algorithm: str) -> str:
    if algorithm == "HS256":
        return str(PRIVATE[algorithm])
    return PRIVATE[algorithm].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()  # type: ignore[no-any-return]


def issuer(algorithm: str = "ES256") -> Issuer:
    return Issuer(NAME, AUDIENCE, algorithm, OneKey(public(algorithm)))


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    whole = {"sub": "7c7b6a0e-0d25", "iss": NAME, "aud": AUDIENCE, "iat": now, "exp": now + 60, "name": "Ann"}
    return {key: value for key, value in (whole | changed).items() if value is not None}


def token(algorithm: str = "ES256", key: Any = None, headers: dict[str, Any] | None = None, **changed: Any) -> str:
    return jwt.encode(claims(**changed), key or PRIVATE[algorithm], algorithm=algorithm, headers=headers)


def verified(token: str, by: Issuer | None = None) -> Identity | Refusal:
    found: list[Identity | Refusal] = []

    async def verify() -> None:
        found.append(await (by or issuer()).verify(token))

    uvloop.run(verify())
    return found[0]


@pytest.mark.parametrize("algorithm", PRIVATE)
def test_its_token_is_good(algorithm: str) -> None:
    given = claims()
    found = verified(token(algorithm, **given), issuer(algorithm))
    assert found == Identity(given["sub"], "Ann", given["exp"], given["iat"] * 1000)


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
@pytest.mark.parametrize("size", [256, 384, 512])
def test_the_public_key_is_no_shared_secret(algorithm: str, size: int) -> None:
    """Algorithm confusion: the public key, known to all, used as the secret of an HMAC."""
    for secret in (public(algorithm), public(algorithm).strip()):
        head = {"alg": f"HS{size}", "typ": "JWT"}
        signed = f"{_encoded(head)}.{_encoded(claims())}"
        signature = hmac.new(secret.encode(), signed.encode(), getattr(hashlib, f"sha{size}")).digest()
        assert verified(f"{signed}.{_base64(signature)}", issuer(algorithm)) == INVALID
        lying = f"{_encoded({'alg': algorithm})}.{_encoded(claims())}"
        signature = hmac.new(secret.encode(), lying.encode(), getattr(hashlib, f"sha{size}")).digest()
        assert verified(f"{lying}.{_base64(signature)}", issuer(algorithm)) == INVALID


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None])
def test_unsigned(algorithm: str | None) -> None:
    signed = f"{_encoded({'alg': algorithm, 'typ': 'JWT'})}.{_encoded(claims())}"
    assert verified(f"{signed}.") == verified(f"{signed}.{token().rpartition('.')[2]}") == INVALID
    assert verified(f"{_encoded({'typ': 'JWT'})}.{_encoded(claims())}.") == INVALID


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
def test_its_own_key_by_another_algorithm(algorithm: str) -> None:
    assert isinstance(verified(token("RS256"), issuer("RS256")), Identity)
    assert verified(token(algorithm, PRIVATE["RS256"]), issuer("RS256")) == INVALID


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS256", rsa.generate_private_key(65537, 2048)),
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
        ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
        ("HS256", "another secret, and that of nobody, of 32 bytes"),
    ],
)
def test_signed_with_another_key(algorithm: str, key: Any) -> None:
    assert verified(token(algorithm, key), issuer(algorithm)) == INVALID
    if algorithm in ASYMMETRIC:
        jwk = json.loads(jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key()))
        for header in ({"jwk": jwk}, {"jku": "https://mallory.example/keys"}, {"x5u": "https://mallory.example/"}):
            assert verified(token(algorithm, key, {**header, "kid": "mine"}), issuer(algorithm)) == INVALID


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "tavola"},
        {"aud": None},
        {"aud": ["tavola", "others"]},
        {"iss": "tavola"},
        {"iss": NAME + "/"},
        {"iss": [NAME]},
        {"iss": None},
        {"exp": None},
        {"iat": None},
        {"iat": "now"},
        {"iat": int(time.time()) + 3600},
        {"nbf": int(time.time()) + 3600},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 65},
        {"sub": "x\u0000"},
        {"sub": f"{GUEST}1234567890abcdef"},
    ],
    ids=str,
)
def test_not_a_token_for_us(changed: dict[str, Any]) -> None:
    assert isinstance(verified(_by_hand(claims()), issuer("HS256")), Identity)
    wrong = {key: value for key, value in (claims() | changed).items() if value is not None}
    assert verified(_by_hand(wrong), issuer("HS256")) == INVALID


def test_among_several_audiences() -> None:
    assert isinstance(verified(token(aud=["others", AUDIENCE])), Identity)


def test_expired_and_old() -> None:
    now = int(time.time())
    assert verified(token(exp=now - LEEWAY_S - 1)) == EXPIRED
    assert verified(token(iat=now - OLDEST_S - 1)) == EXPIRED
    assert isinstance(verified(token(iat=now - OLDEST_S + 60)), Identity)


@pytest.mark.parametrize(
    ("named", "name"),
    [
        ({"name": " Ann\u0000 "}, "Ann"),
        ({"name": None, "user_metadata": {"full_name": "Ann Lee"}, "email": "lee@example.org"}, "Ann Lee"),
        ({"name": "", "user_metadata": {"full_name": 7}, "email": "lee@example.org"}, "lee"),
        ({"name": ["Ann"], "user_metadata": "Ann"}, "7c7b6a0e-0d25"),
        ({"name": None, "email": "@example.org"}, "7c7b6a0e-0d25"),
    ],
)
def test_names(named: dict[str, Any], name: str) -> None:
    found = verified(token(**named))
    assert isinstance(found, Identity)
    assert found.name == name


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "x",
        "a.b.c",
        "..",
        "é.é.é",
        "e30.e30.e30",
        "A" * 40_000,
        f"{'WyJb' * 9_000}.e30.x",
        f"e30.{'W1tb' * 9_000}.x",
    ],
    ids=range(9),
)
def test_no_token_at_all(forged: str) -> None:
    assert verified(forged) == INVALID
    assert issuer_of(forged) is None


def test_a_token_beyond_measure() -> None:
    assert verified(token(extra="x" * 20_000)) == INVALID


def test_routed_by_who_says_to_have_issued_it() -> None:
    ours = Identities(Secrets(PRIVATE["HS256"].encode()))
    assert issuer_of(ours.token(ours.guest("Ann"))) == "tavola"
    assert issuer_of(token()) == NAME
    assert ours.verify(token("HS256")) == INVALID, "the same secret does not make it ours"


def test_keys_that_cannot_be_read_are_not_the_bearers_fault() -> None:
    class Nowhere:
        async def key(self, kid: object) -> Any:
            raise KeysUnavailable

    assert verified(token(), Issuer(NAME, AUDIENCE, "ES256", Nowhere())) == AWAY


def _by_hand(payload: dict[str, Any]) -> str:
    """A token signed with the shared secret, whatever it says."""
    signed = f"{_encoded({'alg': 'HS256'})}.{_encoded(payload)}"
    return f"{signed}.{_base64(hmac.digest(PRIVATE['HS256'].encode(), signed.encode(), 'sha256'))}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _encoded(value: Any) -> str:
    return _base64(json.dumps(value).encode())
