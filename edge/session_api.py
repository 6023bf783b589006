"""Sessions by REST: signing in, who one is."""

from __future__ import annotations

import msgspec

from actors.messages import No
from edge.auth import Identity
from edge.http import Answer, Call, Endpoint
from edge.lobby import iso
from edge.socket import Services


class Introduction(msgspec.Struct, frozen=True):
    display_name: str | None = None


class Known(msgspec.Struct, frozen=True):
    """Who somebody is, and until when that is certain."""

    user_id: str
    display_name: str
    expires_at: str


class SignedIn(Known, frozen=True):
    token: str


def endpoints(services: Services) -> list[Endpoint]:
    async def sign_in(call: Call) -> Answer:
        identities, name = services.identities, call.body.display_name
        found = identities.guest(name) if isinstance(call.who, No) else identities.renewed(call.who, name)
        return SignedIn(*_known(found), identities.token(found))

    async def who(call: Call) -> Answer:
        return Known(*_known(call.identity))

    return [
        Endpoint("POST", "/api/session", sign_in, "Sign in, or renew it", SignedIn, body=Introduction, open=True),
        Endpoint("GET", "/api/session", who, "Who the caller is", Known),
    ]


def _known(identity: Identity) -> tuple[str, str, str]:
    return identity.user, identity.name, iso(identity.expires_at * 1000)
