"""Tokens of rooms, made and read: none passes for another, nothing is told that is no client's business."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import jwt
import msgspec
import pytest

from tavola.actors.wire.commands import RoomId, UserId
from tavola.actors.wire.given import NOTHING_GIVEN, Admission, JoinStatus, SeatGrant, WatchGrant
from tavola.actors.wire.grants import GrantSigner, digest
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.refusals import TOKEN_EXPIRED, TOKEN_INVALID
from tavola.config.keys import Secrets
from tavola.edge.identity.auth import LEEWAY_S, Identities, Identity
from tavola.edge.identity.issued_tokens import RENEW_MS, IssuedTokens
from tavola.edge.identity.reconnection import Membership
from tavola.edge.identity.tokens import SEAT_AUDIENCE, SEAT_LIFE_S, SeatClaim, Tokens, fresh
from tavola.edge.identity.told import NOTHING_TOLD, Told

SECRET = b"a secret of tests, 32 bytes long"
OTHER = b"another secret, of 32 bytes also"
ROOM, ANN, GRANT = RoomId("r_1"), UserId("ann"), "5eaf" * 6
NOW = 1_700_000_000_000
TOKENS = Tokens(Secrets(SECRET))


def seat(now: int = NOW) -> str:
    return TOKENS.seat(ROOM, ANN, 3, GRANT, now)


def read(token: str, now: int = NOW) -> SeatClaim | Refusal:
    return TOKENS.read_seat(token, now)


def claims() -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(seat(), options={"verify_signature": False})
    return found


def signed(changes: dict[str, Any], secret: bytes = SECRET, algorithm: str = "HS256") -> str:
    told = {name: value for name, value in {**claims(), **changes}.items() if value is not None}
    return jwt.encode(told, secret, algorithm=algorithm)


def test_a_seat_token_says_whose_seat_it_is() -> None:
    assert read(seat()) == SeatClaim(ANN, ROOM, 3, GRANT, NOW, NOW + SEAT_LIFE_S * 1000)
    assert claims()["aud"] == SEAT_AUDIENCE
    assert read(signed({})) == read(seat()), "the forger of these tests can make a good one"


def test_a_seat_token_expires() -> None:
    expires_at = NOW + SEAT_LIFE_S * 1000
    assert isinstance(read(seat(), expires_at), SeatClaim), "clocks differ a little"
    assert read(seat(), expires_at + LEEWAY_S * 1000) is TOKEN_EXPIRED
    assert TOKENS.read_seat(signed({}, OTHER), expires_at * 2) is TOKEN_INVALID, "whose it is comes first"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "tavola"},
        {"aud": None},
        {"iss": "another"},
        {"iss": None},
        {"sub": None},
        {"sub": 7},
        {"room": None},
        {"room": ["r_1"]},
        {"seat_index": None},
        {"seat_index": "3"},
        {"seat_index": 3.5},
        {"seat_index": True},
        {"jti": None},
        {"jti": 1},
        {"iat": None},
        {"iat": "now"},
        {"exp": None},
        {"exp": "never"},
    ],
    ids=str,
)
def test_a_seat_token_that_is_not_right(changes: dict[str, Any]) -> None:
    assert isinstance(read(forged({})), SeatClaim), "the forger can make a good one"
    assert read(forged(changes)) is TOKEN_INVALID


def forged(changes: dict[str, Any]) -> str:
    """Signed with our secret, by hand: PyJWT would not sign some of it."""
    told = {name: value for name, value in {**claims(), **changes}.items() if value is not None}
    head, body = (_b64(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, told))
    return f"{head}.{body}.{_b64(hmac.digest(SECRET, f'{head}.{body}'.encode(), 'sha256'))}"


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_a_seat_token_of_another_hand() -> None:
    assert read(signed({}, OTHER)) is TOKEN_INVALID
    assert read(signed({}, SECRET * 2, "HS512")) is TOKEN_INVALID
    unsigned = f"{_b64(json.dumps({'alg': 'none'}).encode())}.{seat().split('.')[1]}."
    assert read(unsigned) is TOKEN_INVALID
    head, _, signature = seat().split(".")
    other = _b64(json.dumps({**claims(), "seat_index": 4}).encode())
    assert read(f"{head}.{other}.{signature}") is TOKEN_INVALID


@pytest.mark.parametrize("token", ["", ".", "..", "x", "a.b.c", "\0", "é", "x" * 30_000, "[" * 9_000])
def test_what_is_no_token(token: str) -> None:
    assert read(token) is TOKEN_INVALID


def test_no_token_passes_for_another() -> None:
    identities = Identities(Secrets(SECRET))
    identity = identities.token(identities.guest("Ann"))
    rejoin = TOKENS.rejoin(ROOM, ANN, GRANT)
    assert read(identity) is TOKEN_INVALID
    assert read(rejoin) is TOKEN_INVALID
    assert identities.verify(seat(now=4_000_000_000_000)) is TOKEN_INVALID
    assert identities.verify(rejoin) is TOKEN_INVALID


def test_a_rejoin_token_is_its_grants_alone() -> None:
    mine = TOKENS.rejoin(ROOM, ANN, GRANT)
    assert mine == GrantSigner(SECRET).rejoin(ROOM, ANN, GRANT) == Tokens(Secrets(SECRET)).rejoin(ROOM, ANN, GRANT)
    others = {
        TOKENS.rejoin(RoomId("r_2"), ANN, GRANT),
        TOKENS.rejoin(ROOM, UserId("bob"), GRANT),
        TOKENS.rejoin(ROOM, ANN, "0" * 24),
        Tokens(Secrets(OTHER)).rejoin(ROOM, ANN, GRANT),
    }
    assert len(others | {mine}) == 5


def test_tokens_have_256_bits() -> None:
    for token in (fresh(), TOKENS.rejoin(ROOM, ANN, GRANT)):
        assert len(base64.urlsafe_b64decode(token + "=")) == 32
    assert fresh() != fresh()


# The client's part of an answer


def test_a_grant_becomes_tokens() -> None:
    told = TOKENS.told(ROOM, ANN, SeatGrant(3, GRANT), NOW)
    assert msgspec.to_builtins(told).keys() == {"seat_index", "rejoin_token", "seat_token"}
    assert told.rejoin_token == TOKENS.rejoin(ROOM, ANN, GRANT)
    assert read(told.seat_token) == read(seat())
    admitted = TOKENS.told(ROOM, ANN, Admission(GRANT), NOW)
    assert admitted == Told(status="approved", rejoin_token=told.rejoin_token)
    assert TOKENS.told(ROOM, ANN, JoinStatus("pending"), NOW) == Told(status="pending")
    assert TOKENS.told(ROOM, ANN, WatchGrant(GRANT), NOW) == Told(rejoin_token=told.rejoin_token)
    assert TOKENS.told(ROOM, ANN, SeatGrant(3, ""), NOW) == Told(seat_index=3), "from before there were grants"
    assert TOKENS.told(ROOM, ANN, NOTHING_GIVEN, NOW) == NOTHING_TOLD


def test_the_same_grant_is_told_alike_later() -> None:
    once = TOKENS.told(ROOM, ANN, SeatGrant(3, GRANT), NOW)
    again = TOKENS.told(ROOM, ANN, SeatGrant(3, GRANT), NOW + 60_000)
    assert once.rejoin_token == again.rejoin_token
    later = read(again.seat_token)
    assert isinstance(later, SeatClaim)
    assert (later.grant, later.issued_at) == (GRANT, NOW + 60_000)


def test_beside_an_update() -> None:
    told = json.loads(b'{"seq":1%b}' % TOKENS.beside(ROOM, ANN, GRANT))
    assert told == {"seq": 1, "rejoin_token": TOKENS.rejoin(ROOM, ANN, GRANT)}


# The tokens of a socket


class Clock:
    def __init__(self) -> None:
        self.ms = NOW

    def __call__(self) -> int:
        return self.ms


def part(index: int | None, grant: str = GRANT) -> Membership:
    return Membership(ANN, "Ann", ROOM, "player", False, index, 7, grant, "rejoin", "seat", NOW, NOW)


def test_a_socket_knows_for_which_rooms_it_was_given_a_token() -> None:
    for give in (
        lambda ring: ring.answer(ROOM, ANN, WatchGrant(GRANT)),
        lambda ring: ring.beside(ROOM, ANN, GRANT),
        lambda ring: ring.take(part(None, "")),
    ):
        ring = IssuedTokens(TOKENS, Clock())
        assert not ring.has(ROOM)
        give(ring)  # type: ignore[no-untyped-call]
        assert ring.has(ROOM)
        assert not ring.has(RoomId("r_2"))
    ring = IssuedTokens(TOKENS, Clock())
    assert ring.answer(ROOM, ANN, JoinStatus("pending")) == Told(status="pending")
    assert not ring.has(ROOM)


def test_a_seat_token_is_renewed_after_half_its_life() -> None:
    clock = Clock()
    ring = IssuedTokens(TOKENS, clock)
    assert ring.renewed(ANN) == {}
    ring.answer(ROOM, ANN, SeatGrant(3, GRANT))
    clock.ms += RENEW_MS
    assert ring.renewed(ANN) == {}
    clock.ms += 1
    renewed = ring.renewed(ANN)
    expires_at = clock.ms // 1000 * 1000 + SEAT_LIFE_S * 1000
    assert read(renewed[ROOM]) == SeatClaim(ANN, ROOM, 3, GRANT, clock.ms, expires_at)
    assert ring.renewed(ANN) == {}, "once"
    ring.take(part(4, "f00d" * 6))
    clock.ms += RENEW_MS + 1
    later = read(ring.renewed(ANN)[ROOM])
    assert isinstance(later, SeatClaim)
    assert (later.index, later.grant) == (4, "f00d" * 6), "the seat that they took last"


def test_while_one_secret_takes_the_place_of_another() -> None:
    """Tokens made with either are good; new ones are made with the newest; a grant's token is stored by both, for
    whoever tells it may have them the other way round."""
    before, after = Secrets(SECRET, OTHER), Secrets(OTHER, SECRET)
    for one, other in ((before, after), (after, before), (Secrets(SECRET), after), (after, Secrets(OTHER))):
        token = Tokens(one).seat(ROOM, ANN, 3, GRANT, NOW)
        assert isinstance(Tokens(other).read_seat(token, NOW), SeatClaim)
        told = Tokens(one).rejoin(ROOM, ANN, GRANT)
        assert digest(told) in GrantSigner(*before.all).digests(ROOM, ANN, GRANT)
    assert Tokens(Secrets(OTHER)).read_seat(Tokens(before).seat(ROOM, ANN, 3, GRANT, NOW), NOW) is TOKEN_INVALID
    for one, other in ((before, after), (after, before)):
        token = Identities(one).token(Identities(one).guest("Ann"))
        assert isinstance(Identities(other).verify(token), Identity)
    assert Identities(Secrets(OTHER)).verify(Identities(before).token(Identities(before).guest("Ann"))) == TOKEN_INVALID
    assert (
        Identities(after).verify(Identities(Secrets(b"x" * 32)).token(Identities(after).guest("Ann"))) == TOKEN_INVALID
    )
