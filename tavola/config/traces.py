"""Whether a process tells of traces. Where there are none, nothing of opentelemetry is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from tavola.config.settings import Settings

if TYPE_CHECKING:
    from tavola.config.spans import Tracer

log = structlog.get_logger()


def tracer_of(settings: Settings, part: str, name: str) -> Tracer | None:
    """The means of this process to tell of traces, if the deployment has a collector. `part`: `edge` or `room-actor`;
    `name`: which one it is."""
    if not settings.traces:
        return None
    try:
        from tavola.config.spans import Tracer
    except ImportError:  # An actor has the settings of the edge that had it started.
        log.error("traces.not_installed")
        return None
    return Tracer(settings.traces, f"tavola-{part}", settings.namespace, name)
