"""The REST door's list: every endpoint of an edge. Paths as docs/reference/protocol.md."""

from __future__ import annotations

from functools import cache, cached_property

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.refusals import NO_OPERATOR
from tavola.edge.common.limits import Limits
from tavola.edge.feed.feed_api import Feeds
from tavola.edge.identity.auth import Identity
from tavola.edge.identity.authenticator import Authenticator
from tavola.edge.identity.operators import Operators
from tavola.edge.identity.services import PREFIX
from tavola.edge.operating import acts_api, admin_api, sign_in
from tavola.edge.operating.acts import Acts
from tavola.edge.rest import (
    games_api,
    lobby_api,
    openapi,
    people_api,
    rooms_api,
    session_api,
    tokens_api,
    views_api,
)
from tavola.edge.rest.lobby import Lobby
from tavola.edge.rest.matchmaker import Matchmaker
from tavola.edge.rest.rest import Answer, Call, Endpoint, RestRouter
from tavola.edge.rest.rewind import Rewind
from tavola.edge.ws import asyncapi, frames
from tavola.edge.ws.connection import Services


class Document(msgspec.Struct, frozen=True):
    """A JSON document of a shape of its own."""


class RestApi:
    """The routes of one edge. Without `operators` it has, of theirs, those that another server may ask for."""

    def __init__(
        self,
        services: Services,
        who: Authenticator,
        lobby: Lobby,
        limits: Limits,
        operators: Operators | None = None,
    ) -> None:
        self._who = who
        self._lobby = lobby
        self._guesses = services.guesses
        self._operators = operators
        self._orders = services.orders
        self.feeds = Feeds(services.database, self._operating)
        rewind = Rewind(services.database, services.errand)
        self.endpoints = [
            Endpoint("GET", "/api/openapi.json", self._openapi, "This document", Document, open=True),
            Endpoint("GET", "/api/asyncapi.json", _socket, "The socket's document (AsyncAPI)", Document, open=True),
            Endpoint("GET", "/api/frames.json", _frames, "JSON Schema of the socket's frames", Document, open=True),
            *session_api.endpoints(who, services.database, limits),
            *people_api.endpoints(services),
            *lobby_api.endpoints(lobby, Matchmaker(services.database, lobby), services.catalogue),
            *rooms_api.endpoints(services),
            *views_api.endpoints(services),
            *tokens_api.endpoints(services),
            *games_api.endpoints(services, rewind),
            *self.feeds.endpoints(),
            *(each for each in admin_api.endpoints(services, rewind) if operators is not None or each.scope),
        ]
        if operators is not None:
            self.endpoints += acts_api.endpoints(services.database, Acts(services))
            self.endpoints += sign_in.endpoints(operators, who.sessions.sign_out)

    def routes(self) -> list[Route]:
        door = RestRouter(
            self._who.of_request,
            self._lobby,
            guesses=self._guesses,
            at_once=self._who.at_once,
            kept_out=self._orders.kept_out,
        )
        routes = door.routes(each for each in self.endpoints if not each.operator)
        theirs = RestRouter(self._operating, self._lobby)
        return routes + theirs.routes(each for each in self.endpoints if each.operator)

    async def _operating(self, request: Request) -> Identity | Refusal:
        """An operator, or another server."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and (token := token.strip()).startswith(PREFIX):
            return await self._who.services.of_request(request, token)
        return await self._operators.of_request(request) if self._operators is not None else NO_OPERATOR

    @cached_property
    def _document(self) -> bytes:
        """The published document. To make it takes a hundred times as long as anything else that is asked here."""
        return msgspec.json.encode(openapi.document(self.endpoints))

    async def _openapi(self, call: Call) -> Answer:
        return self._document


@cache
def _schema() -> bytes:
    return msgspec.json.encode(frames.document())


async def _frames(call: Call) -> Answer:
    return _schema()


async def _socket(call: Call) -> Answer:
    return _socket_document()


@cache
def _socket_document() -> bytes:
    return msgspec.json.encode(asyncapi.document())
