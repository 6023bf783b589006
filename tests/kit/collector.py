"""A collector of traces that speaks OTLP over HTTP: it keeps the spans that it is sent, and answers as it is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from kit.waiting import Pulse

ALL = ("edge.frame", "line", "room.decide", "room.commit", "room.publish")
"""The spans of a move on its way in; `edge.fan_out` comes once for each edge on which somebody follows the room."""


class SpanSeen(NamedTuple):
    """As it came. Times are in ns, ids in hex; `service` and `instance` say who told of it."""

    name: str
    trace: str
    id: str
    parent: str
    start: int
    end: int
    attributes: dict[str, Any]
    failed: str
    service: str
    instance: str


class Collector:
    """`status` is what it answers."""

    def __init__(self) -> None:
        self.status = 200
        self.url = ""
        self.spans: list[SpanSeen] = []
        self.requests = 0
        self.pulse = Pulse()

    def trace(self, id: str) -> list[SpanSeen]:
        """In the order in which they began."""
        return sorted((span for span in self.spans if span.trace == id), key=lambda span: span.start)

    def moves(self) -> list[str]:
        """The traces of moves, by their ids."""
        roots = [span for span in self.spans if span.name == "edge.frame"]
        return [span.trace for span in roots if span.attributes["tavola.command"] == "act"]

    async def whole(self, id: str, edges: int = 1) -> list[SpanSeen]:
        """Wait for all the spans of a move's trace that is shown on so many edges."""
        wanted = Counter((*ALL, *["edge.fan_out"] * edges))
        await self.pulse.until(lambda: Counter(span.name for span in self.trace(id)) >= wanted)
        return self.trace(id)

    def take(self, body: bytes) -> None:
        for of_one in ExportTraceServiceRequest.FromString(body).resource_spans:
            told = {each.key: each.value.string_value for each in of_one.resource.attributes}
            for span in (span for scope in of_one.scope_spans for span in scope.spans):
                self.spans.append(
                    SpanSeen(
                        span.name,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        span.start_time_unix_nano,
                        span.end_time_unix_nano,
                        {each.key: _value(each.value) for each in span.attributes},
                        span.status.message,
                        told["service.name"],
                        told["service.instance.id"],
                    )
                )

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
                headers = dict(line.split(": ", 1) for line in head[1:] if line)
                body = await reader.readexactly(int(headers["content-length"]))
                assert head[0].startswith("post /v1/traces "), head[0]
                self.requests += 1
                if self.status == 200:
                    self.take(body)
                writer.write(f"HTTP/1.1 {self.status} Said\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
                self.pulse.beat()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    collector = Collector()
    server = await asyncio.start_server(collector.handle, "127.0.0.1", 0)
    collector.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield collector
    finally:
        server.close()


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))
