"""The feed sent to other servers: at least once, each webhook's batches in order, tried again with longer and longer
pauses, and after so many tries put among the dead letters, for delivery to go on.

One edge delivers, by a lock in Postgres; when it dies another does. A webhook's place is written when a batch was
taken, so one that was taken while its edge died comes again, under the same `Tavola-Delivery`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from hashlib import sha256
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import structlog

from tavola.config.clock import now_ms
from tavola.config.keys import Secrets
from tavola.edge.feed import cursor as cursors
from tavola.edge.feed import reader, signing
from tavola.edge.feed.cursor import Cursor
from tavola.edge.feed.updates import FedUpdate, fed
from tavola.storage.postgres import Conflict, Database, Sole, StorageUnavailable
from tavola.storage.rows import Row
from tavola.storage.sealing import NotOpened

log = structlog.get_logger()

SOLE = "webhooks"
BATCH = 50
"""Updates that are sent at once."""
HOOKS_LIMIT = 20
"""Webhooks of a deployment: each asks Postgres in every round, which is a pass over the rooms."""
LOOK_S = 5.0
"""How often, more or less, an edge that does not deliver looks whether another does."""
ROUND_S = 1.0
HELD_S = 60.0
"""For how long an edge delivers before it lets others."""
CONNECT_WITHIN_S = 3.0
WITHIN_S = 10.0
"""How long a receiver may take to answer; its answer's body is not read."""
PAUSE_S, PAUSE_MOST_S = 1.0, 300.0
"""The pause after the first try, which is doubled each time, and the longest; each is drawn from half of it to one and
a half."""
LOCAL = "localhost"


class WebhookBatch(msgspec.Struct, frozen=True):
    """The body that is sent: updates as `GET /api/feed` has them."""

    events: list[FedUpdate]


class HookRow(msgspec.Struct, frozen=True):
    """A row of `webhooks_due`: a webhook, and a dead letter of its that is to be tried again."""

    name: str
    url: str
    game: str | None
    whole: bool
    secret: bytes
    place: str
    most_tries: int
    tries: int
    number: int | None
    dead_place: str | None
    updates: int | None


def unfit(url: str, *, plain: bool = False) -> str | None:
    """Why nothing can be sent to that URL; None: it can. `plain`: by http to other machines too."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "it is no URL"
    if parts.scheme not in ("http", "https") or not host:
        return "it is no URL of http or https"
    if parts.username is not None or parts.fragment or not url.isprintable() or " " in url:
        return "it has a user, a fragment, or blanks"
    if parts.scheme == "http" and not plain and not _loopback(host):
        return "everybody between could read it: https, or this machine"
    return None


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == LOCAL


class Webhooks:
    """An edge's part in delivery. `pause_s` says after how long a batch is tried again that was tried so often."""

    def __init__(
        self,
        database: Database,
        secrets: Secrets,
        clock: Callable[[], int] = now_ms,
        pause_s: Callable[[int], float] | None = None,
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._clock = clock
        self._pause_s = pause_s or _pause_s
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(WITHIN_S, connect=CONNECT_WITHIN_S), follow_redirects=False, trust_env=False
        )

    async def run(self) -> None:
        """Deliver whenever no other edge does, until cancelled."""
        try:
            while True:
                try:
                    if await self._database.rows("webhooks"):
                        await self.deliver()
                except StorageUnavailable as error:
                    log.warning("webhook.storage_unavailable", reason=str(error))
                await asyncio.sleep(LOOK_S * random.uniform(0.5, 1.5))
        finally:
            await self._client.aclose()

    async def deliver(self, within_s: float = HELD_S) -> None:
        """Deliver for so long, unless another edge does. Raises `StorageUnavailable`."""
        async with self._database.sole(SOLE) as sole:
            if sole is None:
                return
            delivery = Delivery(self._database, sole, self._secrets, self._client, self._clock, self._pause_s)
            try:
                async with asyncio.timeout(within_s):
                    while True:
                        await delivery.round()
                        await asyncio.sleep(ROUND_S)
            except TimeoutError:
                pass
            finally:
                await delivery.end()


class Delivery:
    """One edge's time of delivering. Each webhook has a task of its own, so that a slow one keeps no other waiting."""

    def __init__(
        self,
        database: Database,
        sole: Sole,
        secrets: Secrets,
        client: httpx.AsyncClient,
        clock: Callable[[], int],
        pause_s: Callable[[int], float],
    ) -> None:
        self._database, self._sole, self._secrets = database, sole, secrets
        self._client, self._clock, self._pause_s = client, clock, pause_s
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._one = asyncio.Lock()
        """The connection that holds the lock does one thing at a time."""

    async def round(self) -> None:
        """Begin with every webhook that is due and not under way."""
        for name, task in list(self._tasks.items()):
            if task.done():
                del self._tasks[name]
                task.result()
        for row in await self._rows("webhooks_due", now=self._clock()):
            hook = HookRow(**row)
            if hook.name not in self._tasks:
                self._tasks[hook.name] = asyncio.create_task(self._deliver(hook))

    async def end(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _rows(self, query: str, **given: Any) -> list[Row]:
        """Asked where the lock is held: an edge that has lost it writes nothing."""
        async with self._one:
            return await self._sole.rows(query, **given)

    async def _deliver(self, hook: HookRow) -> None:
        """All that there is, or until a try is in vain."""
        try:
            secret, newest = signing.opened(self._secrets, hook.name, hook.secret)
        except NotOpened:
            log.error("webhook.not_opened", webhook=hook.name)
            await self._rows(
                "webhook_failed",
                name=hook.name,
                place=hook.place,
                tries=hook.tries,
                next_at=self._clock() + round(PAUSE_MOST_S * 1000),
                failed="its secret was sealed with another of the deployment's; remove it and add it again",
            )
            return
        if not newest:
            kept = signing.sealed(self._secrets, hook.name, secret)
            await self._rows("webhook_secret", name=hook.name, secret=kept)
        try:
            if hook.number is not None:
                await self._once_more(hook, secret)
            else:
                await self._on(hook, secret)
        except Conflict as error:
            log.error("webhook.refused_by_database", webhook=hook.name, constraint=error.constraint)

    async def _on(self, hook: HookRow, secret: str) -> None:
        place, tries = cursors.read(hook.place) or Cursor(), hook.tries
        while True:
            found = await reader.read(self._database, place, hook.game, BATCH)
            failed = await self._sent(hook, secret, found) if found.rows else None
            if failed is None:
                if found.cursor != place:
                    at = self._clock() if found.rows else None
                    going = await self._rows("webhook_delivered", name=hook.name, place=found.cursor.text(), at=at)
                    if not going:
                        return
                if not found.rows and not found.more:
                    return
            elif (tries := tries + 1) < hook.most_tries:
                log.warning("webhook.failed", webhook=hook.name, tries=tries, reason=failed)
                next_at = self._clock() + round(self._pause_s(tries) * 1000)
                begin = found.start.text()
                await self._rows(
                    "webhook_failed", name=hook.name, place=begin, tries=tries, next_at=next_at, failed=failed
                )
                return
            else:
                log.error("webhook.gave_up", webhook=hook.name, updates=len(found.rows), reason=failed)
                await self._rows(
                    "webhook_gives_up",
                    name=hook.name,
                    at=self._clock(),
                    place=found.start.text(),
                    next=found.cursor.text(),
                    updates=len(found.rows),
                    failed=failed,
                )
            place, tries = found.cursor, 0

    async def _once_more(self, hook: HookRow, secret: str) -> None:
        """A dead letter, as it was, but for what the log has no more."""
        place = cursors.read(hook.dead_place or "") or Cursor()
        found = await reader.read(self._database, place, hook.game, hook.updates or BATCH)
        failed = await self._sent(hook, secret, found) if found.rows else None
        if failed is None:
            await self._rows("dead_letter_delivered", number=hook.number)
        else:
            await self._rows("dead_letter_failed", number=hook.number, failed=failed)

    async def _sent(self, hook: HookRow, secret: str, found: reader.FeedRead) -> str | None:
        """Send a batch; why that was in vain, or None."""
        body = msgspec.json.encode(WebhookBatch([fed(row, whole=hook.whole) for row, _ in found.rows]))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Tavola",
            "Tavola-Delivery": sha256(f"{hook.name} {found.start.text()}".encode()).hexdigest()[:32],
            signing.HEADER: signing.signature(secret, self._clock() // 1000, body),
        }
        try:
            async with (
                asyncio.timeout(WITHIN_S),
                self._client.stream("POST", hook.url, content=body, headers=headers) as answer,
            ):
                return None if answer.is_success else f"answered {answer.status_code}"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
            return type(error).__name__


def _pause_s(tries: int) -> float:
    return min(PAUSE_MOST_S, PAUSE_S * 2.0 ** min(tries - 1, 30)) * random.uniform(0.5, 1.5)
