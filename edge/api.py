"""The REST door's list: every endpoint of an edge. Paths as docs/protocol.md."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from actors.messages import No
from edge import lobby_api, protocol, rooms_api, session_api, views_api
from edge.auth import UNAUTHENTICATED, Identity
from edge.http import Answer, Call, Door, Endpoint
from edge.lobby import Lobby
from edge.socket import Services


class Document(msgspec.Struct, frozen=True):
    """A JSON document of a shape of its own."""


async def _frames(call: Call) -> Answer:
    return msgspec.json.encode(protocol.schema())


class Api:
    """The routes of one edge."""

    def __init__(self, services: Services, lobby: Lobby) -> None:
        self._services = services
        self._lobby = lobby

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", "/api/frames.json", _frames, "JSON Schema of the socket's frames", Document, open=True),
            *session_api.endpoints(self._services),
            *lobby_api.endpoints(self._lobby),
            *rooms_api.endpoints(self._services),
            *views_api.endpoints(self._services),
        ]

    def routes(self) -> list[Route]:
        return Door(self._who, self._lobby).routes(self.endpoints())

    async def _who(self, request: Request) -> Identity | No:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return UNAUTHENTICATED
        return self._services.identities.verify(token.strip())
