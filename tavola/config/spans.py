"""Spans, by opentelemetry's SDK: made where something happens, sent to a collector by a thread, in batches.

At most `WAITING_LIMIT` wait to be sent. Beyond that, and where the collector does not take them within `SENT_WITHIN_S`,
spans are dropped and counted; nobody waits for a collector.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags, set_span_in_context

from tavola.config.traceparent import parsed, traceparent

log = structlog.get_logger()

WAITING_LIMIT = 2048
BATCH = 512
EVERY_MS = 1000.0
SENT_WITHIN_S = 3.0
LAST_WORDS_S = 1.0
"""How long a process that ends waits for what it has yet to send."""
SAY_AGAIN_S = 60.0
"""How often it is logged, at the most, that the collector takes nothing."""
PATH = "/v1/traces"
_TOLD_BY_US = "opentelemetry"
"""The logger of the library, which says of each batch that it could not be sent; we say it now and then."""


class SpanCounts:
    """The spans of this process that the collector took, those that it did not take, and those for which there was no
    room."""

    __slots__ = ("overflowed", "refused", "sent")

    def __init__(self) -> None:
        self.sent = self.refused = self.overflowed = 0

    def by_outcome(self) -> dict[str, int]:
        return {"sent": self.sent, "not_taken": self.refused, "overflowed": self.overflowed}


class OpenSpan:
    """Something that has begun. `traceparent` is the place of it, for those that are part of it."""

    __slots__ = ("_span", "traceparent")

    def __init__(self, span: Any) -> None:
        self._span = span
        context = span.get_span_context()
        self.traceparent = traceparent(context.trace_id, context.span_id)

    def note(self, **attributes: str | int | bool) -> None:
        """Say more of it. An attribute's name begins with `tavola.`, which is left out here."""
        for name, value in attributes.items():
            self._span.set_attribute(f"tavola.{name}", value)

    def end(self, failed: str = "") -> None:
        """It is over now. `failed`: by which refusal or error."""
        if failed:
            self._span.set_status(Status(StatusCode.ERROR, failed))
        self._span.end()


class Tracer:
    """This process' way to the collector."""

    def __init__(self, url: str, service: str, namespace: str, name: str) -> None:
        """`url` is the collector's; `service`, `namespace` and `name` say who tells."""
        logging.getLogger(_TOLD_BY_US).setLevel(logging.CRITICAL)
        self.counts = SpanCounts()
        resource = Resource({"service.name": service, "service.namespace": namespace, "service.instance.id": name})
        sender = _CountingExporter(OTLPSpanExporter(endpoint_of(url), timeout=SENT_WITHIN_S), self.counts)
        self._batches = _BoundedBatches(sender, self.counts)
        self._provider = TracerProvider(ALWAYS_ON, resource, shutdown_on_exit=False)
        self._provider.add_span_processor(self._batches)
        self._tracer = self._provider.get_tracer("tavola")

    def span(self, name: str, parent: str = "", /, **attributes: str | int | bool) -> OpenSpan:
        """It begins now. `parent`: the `traceparent` of what it is part of; without one a trace begins. `attributes` as
        in `OpenSpan.note`."""
        given = {f"tavola.{key}": value for key, value in attributes.items()}
        return OpenSpan(self._tracer.start_span(name, _within(parent), attributes=given))

    def close(self) -> None:
        """Send what has gathered, if the collector takes it at once; no span is told of any more. It blocks for
        `LAST_WORDS_S` at the most."""
        self._batches.close()


def endpoint_of(url: str) -> str:
    """Where the collector of that URL takes traces."""
    return url.rstrip("/") + PATH if urlsplit(url).path in ("", "/") else url


def _within(parent: str) -> Context:
    """Never what this thread is in the middle of: an event loop is in the middle of everything."""
    place = parsed(parent)
    if place is None:
        return Context()
    there = SpanContext(place.trace, place.span, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return set_span_in_context(NonRecordingSpan(there), Context())


class _CountingExporter(SpanExporter):
    """Sends batches. A collector that is gone is told of now and then, and costs the batch."""

    def __init__(self, sender: OTLPSpanExporter, counts: SpanCounts) -> None:
        self._sender, self._counts = sender, counts
        self._said_at = float("-inf")
        self._lost = 0
        """Spans since it was said."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._sender.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._counts.sent += len(spans)
            return result
        self._counts.refused += len(spans)
        self._lost += len(spans)
        if time.monotonic() > self._said_at + SAY_AGAIN_S:
            self._said_at = time.monotonic()
            log.warning("traces.not_taken", spans=self._lost)
            self._lost = 0
        return result

    def shutdown(self) -> None:
        self._sender.shutdown()  # type: ignore[no-untyped-call]


class _BoundedBatches(BatchSpanProcessor):
    """The SDK's, which drops the oldest when there are too many, and here counts them."""

    def __init__(self, exporter: SpanExporter, counts: SpanCounts) -> None:
        super().__init__(exporter, WAITING_LIMIT, EVERY_MS, BATCH)
        self._counts = counts

    def on_end(self, span: ReadableSpan) -> None:
        if len(self._batch_processor._queue) >= WAITING_LIMIT:
            self._counts.overflowed += 1
        super().on_end(span)

    def close(self) -> None:
        self._batch_processor.shutdown(int(LAST_WORDS_S * 1000))
