"""One user of a Tavola server: who they are, what they ask, and the rooms that they follow."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from .api import ApiClient, ClientIdentity
from .client import Client
from .frames import Json
from .httpx_transport import HttpxHttp
from .room import FULL, JoinedRoom

FollowedRoom = JoinedRoom[Json, list[Json]]
"""A room with its whole view: `view.data`."""
PAGE = 200
"""Updates that the server gives at once."""


class Tavola:
    """`async with` keeps all that it opens until the block is left. `token` is an identity token, where there is one;
    otherwise `sign_in` makes a guest."""

    def __init__(self, url: str, *, token: str = "") -> None:
        self.url = url.rstrip("/")
        self.identity: ClientIdentity | None = None
        self._token = token
        self._http = HttpxHttp(self.url)
        self._api = ApiClient(self._http)
        self._client: Client[Json, list[Json]] | None = None
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._open.enter_async_context(self._http)
        if self._token:
            known = ClientIdentity("", "", self._token)
            told = await self._api.json("GET", "/api/session", known)
            self.identity = ClientIdentity(told["user_id"], told["display_name"], self._token)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def sign_in(self, display_name: str) -> ClientIdentity:
        """A new guest; or, for somebody who is known already, a fresh token."""
        if self.identity is None:
            self.identity = await self._api.sign_in(display_name)
        else:
            self.identity.display_name = display_name
            self.identity = await self._api.renew(self.identity)
        return self.identity

    async def request(self, method: str, path: str, body: Json | None = None, *, command_id: str | None = None) -> Json:
        """One REST request (protocol.md section 3); gives its JSON. Asked again while it is refused "for now", under
        one `Idempotency-Key` (`command_id`). Raises RequestRefused with the server's code; OSError or TimeoutError when
        no answer came: it may have taken effect."""
        return await self._api.json(method, path, self.identity, body, command_id)

    async def missed(self, room: str, after: int, until: int | None = None) -> AsyncIterator[Json]:
        """Every update of the room with that id after the number `after`, as this user saw it, the oldest first: page
        after page, to the number `until` or to the last that there is. Raises as `request`."""
        at: int | None = after
        while at is not None and (until is None or at < until):
            page = await self.request("GET", f"/api/rooms/{room}/events?after={at}&limit={PAGE}")
            for update in page["updates"]:
                if until is not None and update["seq"] > until:
                    return
                yield update
            at = page["next"]

    async def reconnect(self, room: str, token: str, *, after: int | None = None) -> Json:
        """Takes this user's seat up again, by a connection token or a rejoin token of theirs: the answer of
        `POST /api/game/{room}/reconnect`, in which `missed_events` are all between `after` and `game_state`, however
        many. Raises as `request`; a connection token is used up by then."""
        if self.identity is None:
            raise RuntimeError("sign_in first: a seat belongs to somebody")
        asked: Json = {"player_id": self.identity.user_id, "reconnect_token": token}
        if after is not None:
            asked["after"] = after
        back = await self.request("POST", f"/api/game/{room}/reconnect", asked)
        if back["more"]:
            rest = self.missed(room, back["next"], back["game_state"]["seq"])
            back["missed_events"] += [update async for update in rest]
        return {**back, "more": False, "next": None}

    async def room(self, room: str, *, code: str | None = None) -> FollowedRoom:
        """Follows a room, by its id or its code, from now on; on return its view is there. `code` is needed beside the
        id of a private room in which one has no part yet. Raises RequestRefused."""
        if not room.startswith("r_"):
            room, code = (await self.request("GET", f"/api/rooms/{room}"))["id"], room
        return await (await self._connected()).join(room, code=code)

    async def leave(self, room: FollowedRoom) -> None:
        """Stops following. A seat stays taken: `leave_seat` and `leave` are commands."""
        (await self._connected()).leave(room)

    async def _connected(self) -> Client[Json, list[Json]]:
        if self._client is None:
            if self.identity is None:
                raise RuntimeError("sign_in first: a socket belongs to somebody")
            client = Client(self.url, self.identity, FULL, renew=self._api.renew)
            self._client = await self._open.enter_async_context(client)
        return self._client
