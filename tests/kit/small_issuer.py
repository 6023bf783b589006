"""A small issuer of identity tokens, as OpenID Connect has it: discovery, sign-in, tokens and keys by real HTTP. It
signs in at once who `user` says, keeps to PKCE, and takes a code once. A test may have it lie."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, CLIENT_SECRET = "tavola-operators", "what the client/issuer share"
ALGORITHM = "ES256"


class SmallIssuer:
    def __init__(self) -> None:
        self.url = ""
        self.key = self.published = ec.generate_private_key(ec.SECP256R1())
        self.user = "auth0|olga"
        self.redirect_uri = ""
        """The one address that it sends anybody back to."""
        self.secret = ""
        """The client's, if it wants to see one."""
        self.claims: dict[str, Any] = {}
        """Said in each token, instead of what is true; None: left out."""
        self.discovery: dict[str, Any] = {}
        self.token_answer: Response | None = None
        self.refuses: str | None = None
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        """The paths that it was asked for."""
        self.authorized: list[dict[str, str]] = []

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/jwks", self._jwks),
            ]
        )

    async def _discovery(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        told = {
            "issuer": self.url, "authorization_endpoint": f"{self.url}/authorize?tenant=7",
            "token_endpoint": f"{self.url}/token", "jwks_uri": f"{self.url}/jwks",
        }  # fmt: skip
        return JSONResponse({**told, **self.discovery})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        self.asked.append(request.url.path)
        self.authorized.append(asked)
        known = asked["client_id"] == CLIENT and asked["redirect_uri"] == self.redirect_uri
        if not known or asked["response_type"] != "code" or asked["code_challenge_method"] != "S256":
            return Response("This client, or its address, is not known.", 400)
        assert asked["tenant"] == "7"
        if self.refuses is not None:
            told = {"error": self.refuses, "error_description": "<b>no</b>", "state": asked["state"]}
            return RedirectResponse(f"{self.redirect_uri}?{urlencode(told)}", 303)
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        told = {"code": code, "state": asked["state"], "iss": self.url}
        return RedirectResponse(f"{self.redirect_uri}?{urlencode(told)}", 303)

    async def _token(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        if self.token_answer is not None:
            return self.token_answer
        given = dict(parse_qsl((await request.body()).decode()))
        asked = self.codes.pop(given["code"], None)
        digest = sha256(given["code_verifier"].encode()).digest()
        proved = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or proved != asked["code_challenge"] or given["redirect_uri"] != asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        if self.secret and self.secret != self._shown(request, given):
            return JSONResponse({"error": "invalid_client"}, 401)
        return JSONResponse({"access_token": "for nothing", "token_type": "Bearer", "id_token": self.token(asked)})

    def _shown(self, request: Request, given: dict[str, str]) -> str | None:
        if "client_secret" in given:
            return given["client_secret"]
        scheme, _, basic = request.headers.get("authorization", "").partition(" ")
        name, _, secret = base64.b64decode(basic).decode().partition(":")
        return unquote(secret) if (scheme, unquote(name)) == ("Basic", CLIENT) else None

    def token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url, "sub": self.user, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"],
            "name": "Olga", **self.claims,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, self.key, ALGORITHM, {"kid": "one"})

    async def _jwks(self, request: Request) -> Response:
        public = json.loads(ECAlgorithm.to_jwk(self.published.public_key()))
        return JSONResponse({"keys": [{**public, "kid": "one", "alg": ALGORITHM, "use": "sig"}]})


@asynccontextmanager
async def served(app: Starlette, port: int = 0) -> AsyncIterator[str]:
    """The app on that port, or one of its own; gives its address."""
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    begun, startup = asyncio.Event(), server.startup

    async def starting(sockets: list[socket.socket] | None = None) -> None:
        await startup(sockets)
        begun.set()

    server.startup = starting  # type: ignore[method-assign]
    task = asyncio.create_task(server.serve(), name="served")
    try:
        async with asyncio.timeout(20):
            await begun.wait()
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def small_issuer() -> AsyncIterator[SmallIssuer]:
    issuer = SmallIssuer()
    async with served(issuer.app()) as url:
        issuer.url = url
        yield issuer
