"""A line of a log as an event, in whichever form it is written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from tavola.config.logs import LEVELS

_TEXT = re.compile(r"(\d{4}-\d\d-\d\dT[\d:.]+Z) \[(\w+)\s*\] (.*)", re.DOTALL)
_EVENT = re.compile(r"[a-z_]+(\.[a-z_]+)+(\s|$)")
_SPLIT = re.compile(r"\s+(?=\w+=)")
"""Where fields begin, after words of a library's."""
_FIELD = re.compile(r"""(\w+)=('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\S+)""")
_POSTGRES = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) (\w+) \[(\d+)\].*? ([A-Z]+):\s+(.*)", re.DOTALL)
_REDIS = re.compile(r"\d+:[A-Z] (\d+ \w{3} \d{4} \d\d:\d\d:\d\d\.\d+) (\S) (.*)", re.DOTALL)
_RAY = re.compile(r"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d+) ([A-Z]) \d+ \d+\] (.*)", re.DOTALL)
_WEIGHTS = {"ERROR": "error", "WARNING": "warning", "FATAL": "critical", "PANIC": "critical"}
_MARKS = {"#": "warning", "W": "warning", "E": "error", "C": "critical", "F": "critical"}


class LogEntry(msgspec.Struct):
    """One event. `at` is in seconds since the epoch; `part` and `pid` say which process, where the log tells."""

    at: float
    level: str
    event: str
    fields: dict[str, Any]
    part: str = ""
    pid: int = 0
    more: str = ""
    """Lines that follow it: the way of an error, mostly."""

    def names(self, whole: re.Pattern[str]) -> bool:
        """Whether it, or a field of it, has these words."""
        return any(whole.search(str(text)) for text in (self.event, *self.fields.values()))

    def weighs(self, level: str) -> bool:
        return LEVELS.get(self.level, 0) >= LEVELS[level]

    @property
    def when(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def as_json(self) -> str:
        at = self.when.isoformat(timespec="microseconds").replace("+00:00", "Z")
        line = {"at": at, "level": self.level, "event": self.event, "part": self.part, "pid": self.pid, **self.fields}
        return json.dumps({**line, "traceback": self.more} if self.more else line)


def exactly(word: str) -> re.Pattern[str]:
    """That word, not a longer one."""
    return re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")


def read(line: str) -> LogEntry | None:
    """The event that begins with this line; None if it belongs to the one before."""
    if line.startswith("{"):
        return _of_json(line)
    if found := _TEXT.fullmatch(line):
        at, level, rest = found.groups()
        event, _, fields = (
            rest.partition(" ") if _EVENT.match(rest) else _SPLIT.sub("\0", rest, count=1).partition("\0")
        )
        return LogEntry(
            _seconds(at), level, event.strip(), {name: _bare(value) for name, value in _FIELD.findall(fields)}
        )
    return _of_others(line)


def _of_json(line: str) -> LogEntry | None:
    try:
        told = json.loads(line)
        at, level, event = _seconds(told.pop("at")), str(told.pop("level")), str(told.pop("event"))
        own = {"part": str(told.pop("part", "")), "pid": int(told.pop("pid", 0)), "more": told.pop("traceback", "")}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return LogEntry(at, level, event, told, **own)


def _of_others(line: str) -> LogEntry | None:
    """Postgres, Redis and Ray, which tell the time of this machine."""
    try:
        if found := _POSTGRES.fullmatch(line):
            at, zone, pid, weight, told = found.groups()
            when = datetime.fromisoformat(at)
            when = when.replace(tzinfo=UTC) if zone in ("UTC", "GMT") else when.astimezone()
            return LogEntry(when.timestamp(), _WEIGHTS.get(weight, "info"), told, {}, pid=int(pid))
        if found := _REDIS.fullmatch(line):
            at, mark, told = found.groups()
            when = datetime.strptime(at, "%d %b %Y %H:%M:%S.%f").astimezone()
            return LogEntry(when.timestamp(), _MARKS.get(mark, "info"), told, {})
        if found := _RAY.fullmatch(line):
            at, millis, mark, told = found.groups()
            when = datetime.fromisoformat(at)
            return LogEntry(when.timestamp() + int(millis) / 1000, _MARKS.get(mark, "info"), told, {})
    except ValueError:
        pass
    return None


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


def _bare(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def shown(fields: Mapping[str, Any]) -> str:
    """As text."""
    return " ".join(f"{name}={_quoted(str(value))}" for name, value in fields.items())


def _quoted(text: str) -> str:
    return text if text and not re.search(r"\s", text) else repr(text)
