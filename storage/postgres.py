"""The database: its pool, its named queries, its migrations. Rows and bytes; it knows no rooms and no Ray."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext, suppress
from importlib.resources import files
from typing import Any, NamedTuple

import asyncpg
import structlog

from tavola.storage.array_types import KnowingConnection
from tavola.storage.rows import Row
from tavola.storage.target import target

log = structlog.get_logger()

COMMAND_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 5.0
CROWDED_S = 0.5
"""A Postgres that takes no more connections refuses at once. So long one of those that there are is waited for."""
CROWDED_LOOK_S = 0.05
BIGINT = 2**63 - 1
"""The largest number that a column holds."""

NO_SPACE = asyncpg.DiskFullError.sqlstate

SERVER_SETTINGS = {
    "application_name": "tavola",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",  # a batch of one row or of hundreds: the plan is the same
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "idle_in_transaction_session_timeout": "10000",
}
STAY = "SET LOCAL idle_in_transaction_session_timeout = 0"
"""For a transaction that holds a lock, and is idle, while others work. It also lets go of the snapshot of the statement
before it, for which an index that is built would wait."""
HINT = ". Is there a pooler in transaction mode? Then say so: ?pgbouncer=true at the end of DATABASE_URL"
LENT_SETTINGS = {"application_name": "tavola"}
"""The settings that a pooler in transaction mode lets through."""


class StorageUnavailable(Exception):
    """Postgres did not answer, or the connection was lost while it might have been working.

    `unknown` says whether the statement may have taken effect: if it may, read before you believe anything. `full`: it
    has as many connections as it takes.
    """

    def __init__(self, reason: str, *, unknown: bool, full: bool = False) -> None:
        super().__init__(reason)
        self.unknown = unknown
        self.full = full

    @property
    def no_space(self) -> bool:
        """Whether Postgres's disk is full; nothing was written."""
        return NO_SPACE in str(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _unavailable, (str(self), self.unknown, self.full)


def _unavailable(reason: str, unknown: bool, full: bool) -> StorageUnavailable:
    return StorageUnavailable(reason, unknown=unknown, full=full)


class Conflict(Exception):
    """Postgres will not have the statement; nothing of it was written. `constraint` names the constraint that refused
    it, or is the error where it was none.
    """

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint


_TOKEN = re.compile(r"--[^\n]*|'(?:[^']|'')*'|::|:([a-z]\w*)")
"""Comments, strings and casts, in which a colon names nothing, and a parameter's name."""


class Query:
    """A query with its parameters by name (`:room_id`), and as Postgres takes it: `text`, with `$1` for the first of
    `names`, and so on."""

    __slots__ = ("names", "source", "text")

    def __init__(self, source: str) -> None:
        numbers: dict[str, int] = {}

        def numbered(token: re.Match[str]) -> str:
            name = token[1]
            return token[0] if name is None else f"${numbers.setdefault(name, len(numbers) + 1)}"

        self.source = source
        self.text = _TOKEN.sub(numbered, source)
        self.names = tuple(numbers)

    def arguments(self, given: dict[str, Any]) -> list[Any]:
        """The values of `given` in Postgres's order. Raises `TypeError` unless it has each parameter, and no other."""
        if len(given) == len(self.names):
            try:
                return [given[name] for name in self.names]
            except KeyError:
                pass  # as many as there should be, and not the same
        missing, unknown = sorted(set(self.names) - given.keys()), sorted(given.keys() - set(self.names))
        raise TypeError(f"missing parameters: {missing}, unknown ones: {unknown}")


def _read_queries() -> dict[str, Query]:
    queries: dict[str, Query] = {}
    for file in sorted(files("tavola.storage").joinpath("sql").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".sql"):
            parts = re.split(r"^-- name: (\w+)\n", file.read_text(), flags=re.MULTILINE)[1:]
            for name, body in zip(parts[::2], parts[1::2], strict=True):
                assert name not in queries, f"two queries are named {name}"
                queries[name] = Query(body.strip())
    return queries


QUERIES = _read_queries()

# The errors by which the server says that it has certainly not run the statement.
_NOT_RUN = (
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.InsufficientResourcesError,  # a full disk, among others
    asyncpg.PostgresSystemError,  # a disk that fails
    asyncpg.ReadOnlySQLTransactionError,
)
# The errors that leave us without knowing.
_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server said goodbye before we asked
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.QueryCanceledError,
    ConnectionError,
    TimeoutError,
    OSError,
)

AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""Errors of asyncpg by which a server is away, starts, goes, or refuses."""


class PoolHealth(NamedTuple):
    """Connections that are used and idle, how many wait for one; how often one was taken, and the seconds that those
    waited, together."""

    used: int
    idle: int
    waiting: int
    taken: int
    waited_s: float


class Database:
    """A pool of connections that come back by themselves. Every call raises `StorageUnavailable` when there is none,
    and every query `Conflict` when Postgres will not have it. A query may take `within_s`, or `COMMAND_TIMEOUT_S`."""

    def __init__(self, pool: Any, *, lent: bool = False) -> None:
        self._pool = pool
        self.lent = lent
        """Whether each transaction may have another connection (storage/target.py)."""
        self._lanes: list[PinnedConnection] = []
        self.waiting = 0
        """Those who wait for a connection."""
        self._taken, self._waited_s = 0, 0.0

    @property
    def health(self) -> PoolHealth:
        open, idle = self._pool.get_size(), self._pool.get_idle_size()
        return PoolHealth(open - idle, idle, self.waiting, self._taken, self._waited_s)

    @classmethod
    async def connect(cls, url: str, *, least: int = 1, most: int = 4, lock_timeout_ms: int = 0) -> Database:
        """A pool of `least` to `most` connections to `url` (`postgresql://…`), `least` of which are open on return.
        A statement that waits for a lock longer than `lock_timeout_ms` is given up; 0: never."""
        url, lent = target(url)
        settings = LENT_SETTINGS if lent else {**SERVER_SETTINGS, "lock_timeout": str(lock_timeout_ms)}
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=least,
                max_size=most,
                timeout=CONNECT_TIMEOUT_S,
                command_timeout=COMMAND_TIMEOUT_S,
                max_inactive_connection_lifetime=60.0,
                statement_cache_size=0 if lent else 200,
                max_cached_statement_lifetime=0,
                reset=_keep,
                server_settings=settings,
                connection_class=KnowingConnection,
            )
        except (*_NOT_RUN, *_LOST) as error:
            raise _no_connection(error) from error
        return cls(pool, lent=lent)

    async def close(self) -> None:
        """Waits a little for what is under way, then cuts it."""
        try:
            async with asyncio.timeout(2):
                for lane in self._lanes:
                    await lane._drop()
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def rows(self, query: str, /, *, within_s: float | None = None, **given: Any) -> list[Row]:
        """The rows of a named query (`QUERIES`); its parameters are given by name, or `TypeError` is raised."""
        return await self.fetch(query, QUERIES[query].arguments(given), within_s)

    async def fetch(self, query: str, arguments: Sequence[Any], within_s: float | None = None) -> list[Row]:
        """As `rows`, for who has put the arguments in the order of the query's names already."""
        connection = await self.take()
        try:
            with _translated():
                async with self.whole(connection):
                    rows: list[Row] = await connection.fetch(QUERIES[query].text, *arguments, timeout=within_s)
                return rows
        finally:
            await self.give_back(connection)

    def whole(self, connection: Any) -> AbstractAsyncContextManager[object]:
        """One statement is several messages, which must reach the same connection: where those are lent, it is a
        transaction."""
        return connection.transaction() if self.lent else nullcontext()

    async def row(self, query: str, /, *, within_s: float | None = None, **given: Any) -> Row | None:
        """The first row of a named query that gives one at most, or None. Raises as `rows`."""
        found = await self.rows(query, within_s=within_s, **given)
        return found[0] if found else None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Callable[..., Awaitable[list[Row]]]]:
        """Named queries that are durable together on leaving, or not at all. Each sees what was committed before it."""
        connection = await self.take()

        async def rows(query: str, /, *, within_s: float | None = None, **given: Any) -> list[Row]:
            named = QUERIES[query]
            found: list[Row] = await connection.fetch(named.text, *named.arguments(given), timeout=within_s)
            return found

        try:
            with _translated():
                async with connection.transaction():
                    yield rows
        finally:
            await self.give_back(connection)

    async def together(self, *steps: tuple[str, dict[str, Any]]) -> list[Row]:
        """Named queries, with their parameters, in one transaction; gives the rows of the last."""
        found: list[Row] = []
        async with self.transaction() as rows:
            for query, given in steps:
                found = await rows(query, **given)
        return found

    @asynccontextmanager
    async def sole(self, name: str) -> AsyncIterator[Sole | None]:
        """Until the block is left, or its connection is lost, nobody else does what is called `name`, in no process.
        None: somebody else does."""
        connection = await self.take()
        try:
            if self.lent:
                async with connection.transaction():
                    (row,) = await connection.fetch(QUERIES["sole_lent"].text, name)
                    await connection.execute(STAY)
                    yield LentSole(connection, self) if row["held"] else None
                return
            sole = Sole(connection)
            (row,) = await sole.rows("sole_lock", name=name)
            yield sole if row["held"] else None
            if row["held"]:
                await sole.rows("sole_unlock", name=name)
        except BaseException:
            with suppress(asyncpg.InterfaceError):  # It is lost already.
                connection.terminate()  # The lock goes with it.
            raise
        finally:
            await self.give_back(connection)

    def lane(self) -> PinnedConnection:
        """A connection of its own for somebody who asks one thing after the other, without pause."""
        lane = PinnedConnection(self)
        self._lanes.append(lane)
        return lane

    async def take(self) -> Any:
        """A connection, to be given back (`give_back`). Waits for one for `CONNECT_TIMEOUT_S`."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self.waiting += 1
        try:
            taken = await self._take(loop, began + CROWDED_S)
        finally:
            self.waiting -= 1
            self._waited_s += loop.time() - began
        self._taken += 1
        return taken

    async def _take(self, loop: asyncio.AbstractEventLoop, give_up_at: float) -> Any:
        while True:
            try:
                return await self._pool.acquire(timeout=CONNECT_TIMEOUT_S)
            except (*_NOT_RUN, *_LOST) as error:
                refused = _no_connection(error)
                if not refused.full or loop.time() > give_up_at or not self._pool.get_size():
                    raise refused from error
                await asyncio.sleep(CROWDED_LOOK_S)

    async def give_back(self, connection: Any) -> None:
        # One that was lost meanwhile is no news to who has had their answer.
        with suppress(*_LOST):
            await self._pool.release(connection)


class Sole:
    """The connection on which `Database.sole` holds its lock: what it asks was asked while it held it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def rows(self, query: str, /, *, within_s: float | None = None, **given: Any) -> list[Row]:
        """As `Database.rows`. Raises `StorageUnavailable` when the connection, and the lock with it, is lost."""
        named = QUERIES[query]
        with _translated():
            found: list[Row] = await self._connection.fetch(named.text, *named.arguments(given), timeout=within_s)
            return found


class LentSole(Sole):
    """The lock lasts as long as a transaction, which stays open for it alone; other connections do the work, and each
    time it is seen first that the lock is held."""

    def __init__(self, connection: Any, database: Database) -> None:
        super().__init__(connection)
        self._database = database

    async def rows(self, query: str, /, *, within_s: float | None = None, **given: Any) -> list[Row]:
        with _translated():
            await self._connection.execute(STAY)
        return await self._database.rows(query, within_s=within_s, **given)


class PinnedConnection:
    """One connection kept, with its statements prepared: about a third of the cost of taking one for each query."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Any = None
        self._prepared: dict[str, Any] = {}

    async def rows(self, query: str, /, *, within_s: float | None = None, **given: Any) -> list[Row]:
        """As `Database.rows`; not to be called again before it has returned."""
        return await self.fetch(query, QUERIES[query].arguments(given), within_s)

    async def fetch(self, query: str, arguments: Sequence[Any], within_s: float | None = None) -> list[Row]:
        """As `Database.fetch`; not to be called again before it has returned."""
        if not self._usable():
            await self._renew()
        try:
            with _translated():
                if self._database.lent:
                    async with self._database.whole(self._connection):
                        found: list[Row] = await self._connection.fetch(
                            QUERIES[query].text, *arguments, timeout=within_s
                        )
                    return found
                statement = self._prepared.get(query)
                if statement is None:
                    statement = self._prepared[query] = await self._connection.prepare(QUERIES[query].text)
                rows: list[Row] = await statement.fetch(*arguments, timeout=within_s)
                return rows
        except StorageUnavailable:
            await self._drop()
            raise

    async def together(self, steps: Sequence[tuple[str, Sequence[Any]]]) -> list[Row]:
        """As `Database.together`, the arguments in the order of each query's names."""
        if not self._usable():
            await self._renew()
        found: list[Row] = []
        try:
            with _translated():
                async with self._connection.transaction():
                    for query, arguments in steps:
                        found = await self._connection.fetch(QUERIES[query].text, *arguments)
        except StorageUnavailable:
            await self._drop()
            raise
        return found

    async def open(self) -> None:
        """Take the connection now, and not only when something is asked. Raises `StorageUnavailable`."""
        if not self._usable():
            await self._renew()

    async def close(self) -> None:
        """Give the connection back. One that is asked for again is another."""
        await self._drop()

    def _usable(self) -> bool:
        """Whether there is a connection: one that is lost is taken back by the pool, and says no more."""
        try:
            return self._connection is not None and not self._connection.is_closed()
        except asyncpg.InterfaceError:
            return False

    async def _renew(self) -> None:
        await self._drop()
        self._connection = await self._database.take()

    async def _drop(self) -> None:
        self._prepared.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._database.give_back(connection)


@contextmanager
def _translated() -> Iterator[None]:
    """Turns the driver's errors into ours."""
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError as error:
        raise Conflict(error.constraint_name or _kind(error)) from error
    except _NOT_RUN as error:
        raise StorageUnavailable(_kind(error), unknown=False) from error
    except _LOST as error:
        raise StorageUnavailable(_kind(error), unknown=True) from error
    except asyncpg.PostgresError as error:
        raise Conflict(_kind(error)) from error


async def _keep(connection: Any) -> None:
    """Nothing resets a connection when it goes back to the pool, for nothing of ours outlives a statement."""


@asynccontextmanager
async def alone(url: str) -> AsyncIterator[Any]:
    """A connection of the driver's own, outside any pool, for as long as the block lasts; where connections are lent,
    all that is asked with arguments must be asked in a transaction. Raises `StorageUnavailable` when there is none to
    be had."""
    url, lent = target(url)
    settings, cached = (LENT_SETTINGS, {"statement_cache_size": 0}) if lent else (SERVER_SETTINGS, {})
    try:
        connection = await asyncpg.connect(
            url,
            timeout=CONNECT_TIMEOUT_S,
            server_settings=settings,
            connection_class=KnowingConnection,
            **cached,
        )
    except (*_NOT_RUN, *_LOST) as error:
        raise _no_connection(error) from error
    try:
        yield connection
    finally:
        await connection.close()


def _no_connection(error: BaseException) -> StorageUnavailable:
    """A connection was refused, or could not be had. Where Postgres has as many as it takes, that is said at once."""
    full = isinstance(error, asyncpg.TooManyConnectionsError)
    if full:
        log.error("postgres.full", reason=str(error))
    hint = HINT if "unsupported startup parameter" in str(error) else ""
    return StorageUnavailable(f"{_say(error)}{hint}", unknown=False, full=full)


def _say(error: BaseException) -> str:
    """Why there is no connection, for a log line."""
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _kind(error: BaseException) -> str:
    """The outcome of a statement, for a log line. The error's own text may quote what was to be written: cards."""
    return " ".join(filter(None, (type(error).__name__, getattr(error, "sqlstate", None))))
