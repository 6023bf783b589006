"""Logs are events: a fixed name and ids as fields. They hold no secrets.

An error's own words may quote what was being written, and a traceback's local variables are the state: cards.
So an error is logged as its type and the lines it came through, and nothing that it says.

Logging never raises: a line for which there is no space is counted, and the next that can be written says how many.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, WrappedLogger

from tavola.config.log_file import OwnFile, old
from tavola.config.private import NODE_FOLDER
from tavola.config.seldom import Seldom
from tavola.config.spoken import Spoken

FORMAT, LEVEL = "TAVOLA_LOG_FORMAT", "TAVOLA_LOG_LEVEL"
LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "exception": logging.ERROR,
    "critical": logging.CRITICAL,
}
_OWN = frozenset(("at", "level", "event", "part", "pid", "traceback"))
_GAMES_LOG_BYTES = 8 << 20
_EVENT = re.compile(r"[a-z_]+(\.[a-z_]+)+")
EVENTS_LIMIT = 500
"""Different events that are counted. Games may log what they like."""
Render = Callable[[WrappedLogger, str, EventDict], str]
ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


class EventCounts(dict[str, int]):
    """How often this process logged each event, as `level event`: those lines too that `Seldom` leaves out."""

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """A processor of structlog."""
        name = str(event.get("event"))
        key = f"{method} {name}"
        if key in self or (len(self) < EVENTS_LIMIT and _EVENT.fullmatch(name)):
            self[key] = self.get(key, 0) + 1
        return event


COUNTED = EventCounts()


class Unfailing:
    """A text stream to which writing never fails. Text that cannot be written is lost, and counted."""

    def __init__(
        self, stream: TextIO, file: OwnFile | None = None, lost: Callable[[int], str] = "log.lost writes={}".format
    ) -> None:
        """`file`: what it leads to, if that is to be kept small; `lost` says how many writes failed."""
        self._stream, self._file, self._say_lost = stream, file, lost
        self._lost = 0

    def write(self, text: str) -> int:
        try:
            if self._file is not None:
                self._file.keep_small()
            if self._lost:
                self._stream.write(f"{self._say_lost(self._lost)}\n")
                self._stream.flush()
                self._lost = 0
            self._stream.write(text)
        except (OSError, ValueError):  # A closed stream raises the latter.
            self._lost += 1
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._lost += 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def unfailing(stream: TextIO) -> TextIO:
    """The same stream, but what it is given is never refused."""
    return cast(TextIO, Unfailing(stream))


def configure(part: str, form: str = "", level: str = "", data_dir: Path | None = None) -> None:
    """Call once, at the root of a process. `part` says which one it is (`edge-8000`, `steward`, an actor's name); one
    that `tavola dev` starts is called as its file. `form` and `level` are settings (`TAVOLA_LOG_…`); without them, and
    in processes that this one starts, those of the environment hold. Where `tavola dev` runs on `data_dir`, a game's
    mistakes are written down there too, whichever process they happen in.

    The first line of every log is `log.began`: it says whose it is. Standard output has all of it as JSON, also the
    text that code prints (`process.said`); as text, what libraries say goes to standard error."""
    form = os.environ[FORMAT] = form or os.environ.get(FORMAT, "text")
    level = os.environ[LEVEL] = level or os.environ.get(LEVEL, "info")
    folders = [Path(folder) for folder in (os.environ.get(NODE_FOLDER), data_dir and data_dir / "logs") if folder]
    if data_dir is not None and (file := OwnFile.behind(1, [data_dir / "logs"], str)):
        part = file.path.stem
    line: Render = _AsJson(part) if form == "json" else _as_text

    def say(event: str, **fields: object) -> str:
        now = datetime.now(UTC)
        return line(None, "info", {"event": event, "level": "info", "timestamp": _iso(now), **fields})

    def began() -> str:
        return f"{say('log.began', part=part, pid=os.getpid())}\n"

    def stream(to: TextIO, fd: int) -> TextIO:
        own = OwnFile.behind(fd, folders, began)
        return cast(TextIO, Unfailing(to, own, lambda writes: say("log.lost", writes=writes)))

    out, seldom = stream(sys.stdout, 1), Seldom()
    structlog.configure(
        processors=[
            COUNTED,
            _AtLeast(level),
            seldom,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            line if data_dir is None else _Copied(line, games_log(data_dir)),
        ],
        logger_factory=structlog.WriteLoggerFactory(out),
    )
    handler = logging.StreamHandler(out if form == "json" else stream(sys.stderr, 2))
    handler.setFormatter(_Formatter(line))
    logging.raiseExceptions = False  # A record that cannot be written must not be written another way.
    handler.addFilter(seldom.filter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Libraries put what they send and read into lines of less weight: cards.
    root.setLevel(max(logging.WARNING, LEVELS[level]))
    if form == "json":
        _take_prints()
    out.write(began())
    out.flush()


def _take_prints() -> None:
    """Python's own output, such as that of `print`, becomes events; so does the error that ends the process."""
    log = structlog.get_logger()
    sys.stdout = cast(TextIO, Spoken(sys.stdout, lambda text: log.info("process.said", text=text)))
    sys.stderr = cast(TextIO, Spoken(sys.stderr, lambda text: log.warning("process.said", text=text)))

    def ends(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        log.critical("process.failed", error=kind.__name__, exc_info=error)

    sys.excepthook = ends


class _AtLeast:
    """A processor of structlog: lines of less weight are left out."""

    def __init__(self, level: str) -> None:
        self._least = LEVELS[level]

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        if LEVELS.get(method, logging.ERROR) < self._least:
            raise structlog.DropEvent
        return event


def _as_text(logger: WrappedLogger, name: str, event: EventDict) -> str:
    return _CONSOLE(logger, name, event)


class _AsJson:
    """Renders an event as one line, an object: `at`, `level`, `event`, `part`, `pid`, its fields, and the `traceback`.
    A field that is called like one of these has `_` after its name."""

    def __init__(self, part: str) -> None:
        self._part = part

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> str:
        error = _raised(event.pop("exc_info", None))
        line = {
            "at": event.pop("timestamp"),
            "level": event.pop("level"),
            "event": event.pop("event"),
            "part": self._part,
            "pid": os.getpid(),
        }
        if line["event"] != "log.began":
            line |= {f"{field}_" if field in _OWN else field: value for field, value in event.items()}
        if error is not None:
            line["traceback"] = where(error)
        return json.dumps(line, default=repr, skipkeys=True)


def _raised(exc_info: Any) -> BaseException | None:
    match exc_info:
        case BaseException():
            return exc_info
        case (_, BaseException() as error, _):
            return error
        case None | False | (None, None, None):
            return None
    return sys.exc_info()[1]


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def games_log(data_dir: Path) -> Path:
    """Where the mistakes that games make are written down."""
    return data_dir / "logs" / "games.log"


class _Copied:
    """Renders events, and writes those of games (`game.failed`, …) as text to a file of their own as well."""

    def __init__(self, render: Render, path: Path) -> None:
        self._render, self._path = render, path

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> str:
        if str(event["event"]).startswith("game.") and self._path.parent.is_dir():
            self._append(f"{_as_text(logger, name, {**event})}\n".encode())
        return self._render(logger, name, event)

    def _append(self, text: bytes) -> None:
        """At once, for others write here as well. Text that cannot be written stands in the process's own log."""
        with contextlib.suppress(OSError):
            if self._path.exists() and self._path.stat().st_size > _GAMES_LOG_BYTES:
                self._path.rename(old(self._path))
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
            try:
                os.write(file, text)
            finally:
                os.close(file)


def where(error: BaseException | None) -> str:
    """The lines that `error`, and what it came of, went through; and their types."""
    told = []
    while error is not None:
        told.append("".join(traceback.format_tb(error.__traceback__)) + type(error).__qualname__)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\ncame of:\n".join(told)


def _write(out: TextIO, exc_info: ExcInfo) -> None:
    out.write("\n" + where(exc_info[1]))


class _Formatter(logging.Formatter):
    """Records of libraries, in the form of events."""

    def __init__(self, line: Render) -> None:
        super().__init__()
        self._line = line

    def format(self, record: logging.LogRecord) -> str:
        at = _iso(datetime.fromtimestamp(record.created, UTC))
        event = {"event": record.getMessage(), "level": record.levelname.lower(), "timestamp": at}
        return self._line(None, record.levelname.lower(), {**event, "logger": record.name, "exc_info": record.exc_info})


_CONSOLE = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=_write)
