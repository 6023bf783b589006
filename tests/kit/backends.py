"""Other servers of the deployment's owner, by their tokens, in front of the doors of one edge."""

from __future__ import annotations

from typing import Any

from kit.doors import Doors, Json
from tavola.edge.identity.services import made


class Backend:
    """Another server, with a token of these scopes."""

    def __init__(self, doors: Doors, token: str) -> None:
        self._doors, self._token = doors, token

    async def ask(
        self, method: str, path: str, body: Json | None = None, user: str | None = None, name: str | None = None
    ) -> tuple[int, Json]:
        headers = {"Authorization": f"Bearer {self._token}"}
        headers |= {"Tavola-User": user} if user is not None else {}
        headers |= {"Tavola-User-Name": name} if name is not None else {}
        reply = await self._doors.http.request(method, path, headers=headers, json=body)
        return reply.status_code, reply.json()

    async def ok(self, *asked: Any, **more: Any) -> Json:
        status, answer = await self.ask(*asked, **more)
        assert status < 400, answer
        return answer

    async def refused(self, *asked: Any, **more: Any) -> str:
        status, answer = await self.ask(*asked, **more)
        assert status >= 400, answer
        code: str = answer["error"]["code"]
        return code


async def backend(doors: Doors, *scopes: str, name: str = "shop", days: int | None = None) -> Backend:
    token, hashed = made()
    await doors.database.rows("keep_service_token", name=name, hash=hashed, scopes=list(scopes), days=days)
    return Backend(doors, token)
