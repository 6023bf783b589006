"""A steward ends its connections to a head that was away, and no others."""

from __future__ import annotations

import socket

from tavola.actors.cluster.control_plane import cut


async def test_connections_to_that_address_are_ended() -> None:
    with socket.create_server(("127.0.0.1", 0)) as head, socket.create_server(("127.0.0.1", 0)) as other:
        port, other_port = (server.getsockname()[1] for server in (head, other))
        with (
            socket.create_connection(("127.0.0.1", port)) as one,
            socket.socket(socket.AF_INET6) as as_grpc_does,
            socket.create_connection(("127.0.0.1", other_port)) as elsewhere,
        ):
            as_grpc_does.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            as_grpc_does.connect(("::ffff:127.0.0.1", port))
            assert await cut(f"localhost:{port}") == 2
            for ended in (one, as_grpc_does):
                ended.settimeout(5)
                assert ended.recv(1) == b""
            elsewhere.setblocking(False)
            assert elsewhere.send(b"still there") == len(b"still there")


async def test_ray_of_no_address_is_left_alone() -> None:
    assert await cut("auto") == 0
