"""An issuer's published keys: read when needed and no oftener, by a clock of the test's own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from test_issuers import AUDIENCE, NAME, claims

from kit.waiting import Pulse
from tavola.actors.wire.refusals import ISSUER_AWAY, TOKEN_INVALID
from tavola.edge.identity import jwks as module
from tavola.edge.identity.auth import Identity
from tavola.edge.identity.issuers import Issuer, KeysUnavailable
from tavola.edge.identity.jwks import AFTER_FAILURE_S, AGAIN_S, FRESH_S, KEPT_S, Jwks

KEYS = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("one", "two")}
RSA = rsa.generate_private_key(65537, 2048)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def published(*names: str) -> dict[str, Any]:
    return {"keys": [_jwk(KEYS[name], "ES256") | {"kid": name, "use": "sig"} for name in names]}


def token(kid: Any = "one", key: str = "one", **changed: Any) -> str:
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(claims(**changed), KEYS[key], algorithm="ES256", headers=headers)


class Site:
    """Where the issuer publishes. `answer` is what it says, None for nothing at all; `asked` counts."""

    def __init__(self, answer: bytes | None) -> None:
        self.answer = answer
        self.status = "200 OK"
        self.asked = 0
        self.pulse = Pulse()
        self.url = ""
        self._open: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            self.pulse.beat()
            await self.pulse.until(lambda: self.answer is not None)
            assert self.answer is not None
            head = f"HTTP/1.1 {self.status}\r\nContent-Length: {len(self.answer)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + self.answer)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def site(answer: Any) -> AsyncIterator[Site]:
    one = Site(json.dumps(answer).encode() if isinstance(answer, dict) else answer)
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
    try:
        yield one
    finally:
        if one.answer is None:
            one.answer = b""
            one.pulse.beat()
        server.close()


async def test_keys_are_read_once_and_again_when_they_are_old() -> None:
    clock = Clock()
    async with site(published("one")) as at:
        keys = Jwks(at.url, "ES256", clock)
        by = Issuer(NAME, AUDIENCE, "ES256", keys)
        found = await asyncio.gather(*(by.verify(token()) for _ in range(20)))
        assert all(isinstance(each, Identity) for each in found)
        assert at.asked == 1
        clock.now += FRESH_S - 1
        assert isinstance(await by.verify(token()), Identity)
        assert at.asked == 1
        at.answer = json.dumps(published("two")).encode()
        clock.now += 2
        assert isinstance(await by.verify(token()), Identity), "nobody waits for what they do not need"
        await at.pulse.until(lambda: at.asked == 2)
        while keys._reading is not None:
            await asyncio.wait([keys._reading])
        assert await by.verify(token()) == TOKEN_INVALID, "it was taken back"
        assert isinstance(await by.verify(token("two", "two")), Identity)


async def test_an_unknown_name_is_asked_for_but_not_often() -> None:
    clock = Clock()
    async with site(published("one")) as at:
        by = Issuer(NAME, AUDIENCE, "ES256", Jwks(at.url, "ES256", clock))
        assert await by.verify(token("two", "two")) == TOKEN_INVALID
        at.answer = json.dumps(published("one", "two")).encode()
        for name in ("two", "three", "four"):
            assert await by.verify(token(name, "two")) == TOKEN_INVALID
        assert at.asked == 1
        clock.now += AGAIN_S
        assert isinstance(await by.verify(token("two", "two")), Identity)
        assert at.asked == 2


@pytest.mark.parametrize(
    "kid", [None, "", "../../../etc/passwd", "one' OR '1'='1", "https://mallory.example/keys", "one\u0000", "ONE"]
)
async def test_a_name_that_is_none_of_its_keys(kid: str | None) -> None:
    """The key would be right; a name chooses among the keys that there are, and does nothing else."""

    async with site(published("one")) as at:
        by = Issuer(NAME, AUDIENCE, "ES256", Jwks(at.url, "ES256", Clock()))
        assert isinstance(await by.verify(token()), Identity)
        assert await by.verify(token(kid)) == TOKEN_INVALID
        assert at.asked == 1


async def test_another_of_its_keys() -> None:
    async with site(published("one", "two")) as at:
        by = Issuer(NAME, AUDIENCE, "ES256", Jwks(at.url, "ES256", Clock()))
        assert await by.verify(token("two", "one")) == TOKEN_INVALID


async def test_a_token_by_another_algorithm_does_not_even_ask() -> None:
    async with site(published("one")) as at:
        by = Issuer(NAME, AUDIENCE, "ES256", Jwks(at.url, "ES256", Clock()))
        forged = jwt.encode(claims(), "s" * 64, algorithm="HS256", headers={"kid": "one"})
        assert await by.verify(forged) == TOKEN_INVALID
        assert at.asked == 0


async def test_keys_for_something_else_are_left_out() -> None:
    right = _jwk(KEYS["one"], "ES256")
    odd: list[Any] = [
        right | {"kid": "encrypts", "use": "enc"},
        right | {"kid": "another algorithm", "alg": "ES384"},
        _jwk(RSA, "RS256") | {"kid": "rsa"},
        _jwk(ec.generate_private_key(ec.SECP384R1()), "ES384") | {"kid": "another curve"},
        {"kty": "oct", "k": "c2VjcmV0" * 8, "kid": "a secret"},
        {"kid": "nothing"},
        right | {"kid": 7},
        right,
        "one",
        None,
    ]
    async with site({"keys": [*odd, right | {"kid": "good"}]}) as at:
        keys = Jwks(at.url, "ES256", Clock())
        assert await keys.key("good") is not None
        assert set(keys._keys) == {"good"}


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"{}", b'{"keys": []}', b'{"keys": 7}', b"\xff", b"[" * 100_000])
async def test_what_is_no_list_of_keys(answer: bytes) -> None:
    async with site(answer) as at:
        assert await Issuer(NAME, AUDIENCE, "ES256", Jwks(at.url, "ES256", Clock())).verify(token()) == ISSUER_AWAY
        assert at.asked == 1


async def test_an_error_or_a_redirection_is_no_list_of_keys() -> None:
    for status in ("500 Oh", "404 No", "302 Found"):
        async with site(published("one")) as at:
            at.status = status
            with pytest.raises(KeysUnavailable):
                await Jwks(at.url, "ES256", Clock()).key("one")
            assert at.asked == 1


async def test_who_cannot_be_reached_is_tried_again_but_not_at_once() -> None:
    clock = Clock()
    async with site(b"") as at:
        by = Issuer(NAME, AUDIENCE, "ES256", Jwks(at.url, "ES256", clock))
        assert await by.verify(token()) == ISSUER_AWAY
        at.answer = json.dumps(published("one")).encode()
        assert await by.verify(token()) == ISSUER_AWAY
        assert at.asked == 1
        clock.now += AFTER_FAILURE_S
        assert isinstance(await by.verify(token()), Identity)
        assert at.asked == 2


async def test_known_keys_go_on_for_a_while_without_their_issuer() -> None:
    clock = Clock()
    async with site(published("one")) as at:
        keys = Jwks(at.url, "ES256", clock)
        by = Issuer(NAME, AUDIENCE, "ES256", keys)
        assert isinstance(await by.verify(token()), Identity)
        at.answer = b"away"
        clock.now += KEPT_S - 1
        assert isinstance(await by.verify(token()), Identity)
        await at.pulse.until(lambda: at.asked == 2)
        while keys._reading is not None:
            await asyncio.wait([keys._reading])
        clock.now += AFTER_FAILURE_S
        assert await by.verify(token()) == ISSUER_AWAY
        assert at.asked == 3


async def test_nobody_waits_for_an_issuer_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_WITHIN_S", 0.05)

    clock = Clock()
    async with site(None) as at:
        keys = Jwks(at.url, "ES256", clock)
        keys._client = jwt.PyJWKClient(at.url, cache_jwk_set=False, timeout=60)
        by = Issuer(NAME, AUDIENCE, "ES256", keys)
        assert await asyncio.gather(*(by.verify(token()) for _ in range(20))) == [ISSUER_AWAY] * 20
        clock.now += AGAIN_S
        assert await by.verify(token()) == ISSUER_AWAY
        await at.pulse.until(lambda: at.asked)
        assert at.asked == 1, "one reading at a time"
        assert keys._reading is not None
        at.answer = json.dumps(published("one")).encode()
        at.pulse.beat()
        await asyncio.wait([keys._reading])
        assert isinstance(await by.verify(token()), Identity)


async def test_keys_in_a_file(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "keys.json"
    by = Issuer(NAME, AUDIENCE, "ES256", Jwks(str(path), "ES256", clock))
    assert await by.verify(token()) == ISSUER_AWAY
    path.write_text(json.dumps(published("one")))
    clock.now += AFTER_FAILURE_S
    assert isinstance(await by.verify(token()), Identity)


def _jwk(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, algorithm: str) -> dict[str, Any]:
    jwk: dict[str, Any] = json.loads(jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key()))
    return jwk
