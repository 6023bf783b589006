"""A socket outlives the application that accepted it, and keeps nothing of its handshake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from tavola.edge.ws.websocket import EXTENSION, DirectWebSocket, text_frame
from tavola.load.transport.websocket import HandshakeRefused, connect

WITHIN_S = 8.0


class Echo:
    """Says again what it hears. `gone` when its socket is."""

    def __init__(self, direct: DirectWebSocket) -> None:
        self.direct = direct
        self.ended = asyncio.Event()

    def message(self, data: bytes, is_text: bool) -> None:
        self.direct.write(text_frame(data))

    def aside(self) -> bool:
        return True

    def gone(self) -> None:
        self.ended.set()


class Heard:
    """The bytes that a client hears of its socket."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[bytes] = asyncio.Queue()
        self.lost: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def close(self, code: int, reason: str) -> None:
        self.lost.set_result((code, reason))


@asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[str]:
    config = uvicorn.Config(
        app, port=0, ws=DirectWebSocket, ws_ping_interval=None, ws_per_message_deflate=False, log_level="error"
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield f"ws://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    finally:
        await server.shutdown()


async def test_a_socket_with_a_handler_outlives_the_application() -> None:
    echoes: list[Echo] = []

    async def application(websocket: WebSocket) -> None:
        await websocket.accept()
        echo = Echo(websocket.scope["extensions"][EXTENSION])
        echo.direct.attach(echo)
        echoes.append(echo)

    async with asyncio.timeout(WITHIN_S), serving(Starlette(routes=[WebSocketRoute("/", application)])) as url:
        heard = Heard()
        client = await connect(url, heard.messages.put_nowait, heard.close)
        for text in (b"one", b"two"):
            client.send(text)
            assert await heard.messages.get() == text
        [echo] = echoes
        kept = vars(echo.direct)
        assert not kept.keys() & {"conn", "request", "response", "scope"}
        echo.direct.close(4408, "enough")
        assert await heard.lost == (4408, "enough")
        await echo.ended.wait()


async def test_a_client_that_hangs_up_is_gone() -> None:
    attached: asyncio.Queue[Echo] = asyncio.Queue()

    async def application(websocket: WebSocket) -> None:
        await websocket.accept()
        echo = Echo(websocket.scope["extensions"][EXTENSION])
        echo.direct.attach(echo)
        attached.put_nowait(echo)

    async with asyncio.timeout(WITHIN_S), serving(Starlette(routes=[WebSocketRoute("/", application)])) as url:
        heard = Heard()
        client = await connect(url, heard.messages.put_nowait, heard.close)
        echo = await attached.get()
        client.abort()
        await echo.ended.wait()


@pytest.mark.parametrize("accepts", [True, False])
async def test_an_application_that_attaches_nothing_leaves_no_socket(accepts: bool) -> None:
    async def application(websocket: WebSocket) -> None:
        if accepts:
            await websocket.accept()

    async with asyncio.timeout(WITHIN_S), serving(Starlette(routes=[WebSocketRoute("/", application)])) as url:
        heard = Heard()
        if accepts:
            await connect(url, heard.messages.put_nowait, heard.close)
            await heard.lost
        else:
            with pytest.raises(HandshakeRefused):
                await connect(url, heard.messages.put_nowait, heard.close)
