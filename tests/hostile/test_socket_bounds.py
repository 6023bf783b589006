"""The most that one socket can take of an edge: nothing after its end, and every frame is counted."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from kit.wire import CLOSE, CONTINUED, PING, PONG, TEXT, Served, Wire, client_frame, goodbye, serving
from tavola.edge.ws.websocket import TURN

MANY = 2000
"""Of 60 KB each: more than kernels keep for a connection, by far."""
FEW = 600
PART = client_frame(CONTINUED, b"x" * 60_000, fin=False)


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serving() as served:
        yield served


def test_after_the_edges_goodbye_nothing_is_gathered(server: Served) -> None:
    """A reserved bit is set, and the message behind it has no end: it was gathered for two seconds."""
    with Wire(server.port) as wire:
        wire.opens()
        wire.send(client_frame(TEXT, rsv=1))
        wire.send(client_frame(TEXT, b"begun", fin=False))
        assert wire.floods(PART, MANY) < FEW, "it is not even read"
        assert wire.code() == 1002, "and what it did wrong is said before"


def test_a_message_without_end_is_not_gathered(server: Served) -> None:
    with Wire(server.port) as wire:
        wire.opens()
        wire.send(client_frame(TEXT, b"begun", fin=False))
        assert wire.floods(PART, MANY) < FEW
        assert wire.code() == 1009


def test_what_a_socket_held_goes_with_it(server: Served) -> None:
    with Wire(server.port) as wire:
        wire.opens()
        wire.send(client_frame(TEXT, b"x" * 50_000, fin=False) + client_frame(PING))
        assert wire.frame() == (PONG, b"")
        [echo] = server.echoes()
        direct = echo.direct
        wire.send(client_frame(CONTINUED, b"x" * 50_000)[:40_000])
        wire.socket.close()
        assert echo.ended.wait(20)
        held = [len(value) for value in vars(direct).values() if isinstance(value, (bytes, bytearray))]
        assert max(held, default=0) < 100


def test_after_its_own_goodbye_nobody_is_waited_for(server: Served) -> None:
    """They asked for more than they read, and said goodbye: what they were sent was kept for as long as they liked."""
    with Wire(server.port) as wire:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.opens()
        for _ in range(200):
            wire.send(client_frame(TEXT, b"x" * 60_000))
        wire.send(client_frame(CLOSE, goodbye(1000)))
        wire.floods(PART, MANY)
        with pytest.raises(ConnectionError):
            wire.send(PART)


def test_what_a_client_answers_to_our_goodbye_ends_it_at_once(server: Served) -> None:
    """Also behind what was on its way already, and within a frame whose beginning had come before."""
    with Wire(server.port) as wire:
        wire.opens()
        half = client_frame(TEXT, b"x" * 1000)
        wire.send(client_frame(PING) + half[:500])
        assert wire.frame() == (PONG, b"")
        [echo] = server.echoes()
        echo.direct.loop.call_soon_threadsafe(echo.direct.close, 4408, "no heartbeat")
        assert wire.frame() == (CLOSE, goodbye(4408, b"no heartbeat"))
        wire.send(half[500:] + client_frame(TEXT, b"y" * 70_000) + client_frame(CLOSE, goodbye(4408)))
        assert wire.frame() is None
        assert wire.floods(PART, MANY) < FEW


def test_every_frame_that_is_no_message_is_counted(server: Served) -> None:
    with Wire(server.port) as wire:
        wire.opens()
        wire.send(client_frame(PING) * 3 + client_frame(PONG) * 2)
        wire.send(client_frame(TEXT, fin=False) + client_frame(CONTINUED, fin=False) * 4 + client_frame(CONTINUED))
        wire.send(client_frame(TEXT, b"last"))
        assert [wire.frame() for _ in range(5)] == [(PONG, b"")] * 3 + [(TEXT, b""), (TEXT, b"last")]
        [echo] = server.echoes()
        assert echo.asides == 3 + 2 + 5


def test_a_socket_with_much_to_say_lets_others_have_their_turn(server: Served) -> None:
    """Thousands of messages in one read were all taken before anybody else was looked at."""
    messages = [f"message {number}".encode() for number in range(5000)]
    with Wire(server.port) as wire:
        wire.opens()
        wire.send(b"".join(client_frame(TEXT, message) for message in messages))
        assert [wire.frame() for _ in messages] == [(TEXT, message) for message in messages]
        [echo] = server.echoes()
        server.until(lambda: echo.most_in_a_turn)
        assert echo.most_in_a_turn <= 2 * TURN, "what was left of one read, and the next one"


def test_a_socket_that_ends_while_others_have_their_turn(server: Served) -> None:
    with Wire(server.port) as wire:
        wire.opens()
        wire.send(client_frame(TEXT, b"x") * 1000 + client_frame(CLOSE, goodbye(1000)) + client_frame(TEXT, b"y") * 100)
        assert [wire.frame() for _ in range(1000)] == [(TEXT, b"x")] * 1000
        assert wire.frame() == (CLOSE, goodbye(1000))
        assert wire.frame() is None
