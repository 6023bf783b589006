"""An event as a line for people."""

from __future__ import annotations

from tavola.logbook.entries import LogEntry, shown

_COLOURS = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "1;31"}


def line(entry: LogEntry, *, colours: bool = False) -> str:
    """As people read it; the times are this machine's."""
    at = entry.when.astimezone().strftime("%m-%d %H:%M:%S.%f")[:-3]
    head, part = entry.level, entry.part
    if colours:
        head, part = f"\x1b[{_COLOURS.get(entry.level, '0')}m{head:8}\x1b[0m", f"\x1b[36m{part}\x1b[0m"
    text = f"{at} {head:8} {part} {entry.event} {shown(entry.fields)}".rstrip()
    return "\n    ".join((text, *entry.more.strip("\n").splitlines()))
