"""The client for programs without asyncio: the same, in a thread of its own; calls wait for their answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

from . import tavola
from .api import ClientIdentity
from .frames import Ack, Json, UpdateReceived
from .view import FullView

T = TypeVar("T")


class PlainTavola:
    """As `tavola.Tavola`; `with` instead of `async with`."""

    def __init__(self, url: str, *, token: str = "") -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tavola", daemon=True)
        self._given = (url, token)
        self._behind: tavola.Tavola | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        url, token = self._given

        async def enter() -> tavola.Tavola:
            return await tavola.Tavola(url, token=token).__aenter__()

        try:
            self._behind = self.wait(enter())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            self.wait(self._there.__aexit__(kind, error, tb))
        finally:
            self._end()

    def sign_in(self, display_name: str) -> ClientIdentity:
        return self.wait(self._there.sign_in(display_name))

    def request(self, method: str, path: str, body: Json | None = None, *, command_id: str | None = None) -> Json:
        return self.wait(self._there.request(method, path, body, command_id=command_id))

    def missed(self, room: str, after: int, until: int | None = None) -> Iterator[Json]:
        updates = self._there.missed(room, after, until)
        while (update := self.wait(_following(updates))) is not None:
            yield update

    def reconnect(self, room: str, token: str, *, after: int | None = None) -> Json:
        return self.wait(self._there.reconnect(room, token, after=after))

    def room(self, room: str, *, code: str | None = None) -> PlainRoom:
        return PlainRoom(self, self.wait(self._there.room(room, code=code)))

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """The outcome of something that is done in the client's thread. Interrupted, it is given up."""
        done = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return done.result()
        except BaseException:
            done.cancel()
            raise

    @property
    def _there(self) -> tavola.Tavola:
        assert self._behind is not None, "use it in a `with` block"
        return self._behind

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class PlainRoom:
    """A room that is followed. `view` is that of the last update which `updates` gave, or of the beginning."""

    def __init__(self, client: PlainTavola, room: tavola.FollowedRoom) -> None:
        self._client = client
        self._room = room
        self.id = room.id
        self.view: FullView = client.wait(_copied(room))
        self._updates = room.updates()

    def command(self, kind: str, **fields: Any) -> Ack:
        return self._client.wait(self._room.command(kind, **fields))

    def act(self, move: str, **arguments: Any) -> Ack:
        """Makes a move, in the turn that `view` shows: it can never land in a later one."""
        return self.command("act", move=move, turn=self.view.turn_number, **arguments)

    def updates(self) -> Iterator[UpdateReceived[Json, list[Json]]]:
        """Every update from now on, in order, with `view` as of it or a later one. Raises TooSlow."""
        while True:
            update, self.view = self._client.wait(self._next())
            yield update

    async def _next(self) -> tuple[UpdateReceived[Json, list[Json]], FullView]:
        return await anext(self._updates), await _copied(self._room)


async def _following(updates: AsyncIterator[Json]) -> Json | None:
    return await anext(updates, None)


async def _copied(room: tavola.FollowedRoom) -> FullView:
    """The view as it is now, which changes no more. Made where the view is changed, so never in the middle of that."""
    assert isinstance(room.view, FullView)
    return room.view.copy()
