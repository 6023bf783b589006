"""The orders of operators that stand: users and addresses that are kept out, users who are not heard, an edge that is
to end, an announcement. Every edge reads them from Postgres once a second and keeps them in memory, so that whoever
asks need not wait.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

import msgspec
import structlog

from tavola.actors.wire.commands import UserId
from tavola.actors.wire.messages import Refusal
from tavola.config.clock import now_ms
from tavola.edge.identity.looking import LOOK_WITHIN_S, every_second
from tavola.storage.postgres import Database

log = structlog.get_logger()


OrderKind = Literal["ban_user", "ban_address", "mute", "drain_edge", "announce"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Order(msgspec.Struct, frozen=True):
    """`subject`: a user, a network, an edge, or what an announcement is told from others by. `until` is in milliseconds
    since the epoch; None: until it is lifted."""

    kind: OrderKind
    subject: str
    until: int | None
    reason: str
    operator: str
    at: int

    def stands(self, now: int) -> bool:
        return self.until is None or self.until > now

    def refusal(self, code: str, message: str) -> Refusal:
        """The answer to somebody whom it is for."""
        until = None if self.until is None else datetime.fromtimestamp(self.until / 1000, UTC).isoformat()
        told = {"until": until, "reason": self.reason}
        return Refusal(code, message, {name: text for name, text in told.items() if text})


def network(address: str) -> str:
    """An address, or a network in CIDR notation, as it is kept. Raises ValueError. An IPv6 address stands for its /64,
    which is one home's."""
    found = ipaddress.ip_network(address.strip(), strict=False)
    if found.version == 6 and found.prefixlen > 64:
        found = found.supernet(new_prefix=64)
    return str(found)


class StandingOrders:
    """`heard(order)` is called once for each that is news here, from the second look on those too that were given
    before; `lifted(order)` for one that stands no more."""

    def __init__(
        self,
        database: Database,
        heard: Callable[[Order], None] = lambda order: None,
        now: Callable[[], int] = now_ms,
        lifted: Callable[[Order], None] = lambda order: None,
    ) -> None:
        self._database = database
        self._heard = heard
        self._lifted = lifted
        self._now = now
        self._known = ""
        self._standing: dict[tuple[str, str], Order] = {}
        self._networks: list[tuple[Network, Order]] = []

    def kept_out(self, user: UserId | None, address: str) -> Refusal | None:
        """The refusal to somebody who is not to come in: the user, or anybody from the address."""
        order = self._of("ban_user", user) if user else None
        order = order or self._of_address(address)
        return order.refusal("banned", "The operator keeps you out of here.") if order is not None else None

    def muted(self, user: UserId) -> Refusal | None:
        """The refusal to somebody who is not to be heard."""
        order = self._of("mute", user)
        return order.refusal("muted", "The operator lets nobody hear you.") if order is not None else None

    def keeps_out(self, order: Order, address: str) -> bool:
        """Whether a ban of addresses is of this one."""
        return order.kind == "ban_address" and self._of_address(address) is order

    async def look(self) -> None:
        """Read what stands, if that has changed. Raises `StorageUnavailable`."""
        rows = await self._database.rows("orders", at=self._now(), known=self._known, within_s=LOOK_WITHIN_S)
        if not rows:
            return
        before = self._standing
        orders = [Order(*(row[name] for name in Order.__struct_fields__)) for row in rows if row["kind"] is not None]
        self._standing = {(order.kind, order.subject): order for order in orders}
        self._networks = [(ipaddress.ip_network(each.subject), each) for each in orders if each.kind == "ban_address"]
        self._known = rows[0]["known"]
        for key, order in self._standing.items():
            if before.get(key) != order:
                self._heard(order)
        for key, order in before.items():
            if key not in self._standing:
                self._lifted(order)

    async def run(self) -> None:
        """Look once a second, until cancelled."""
        await every_second(self.look, lambda reason: log.warning("orders.not_read", reason=reason))

    def _of(self, kind: OrderKind, subject: str) -> Order | None:
        order = self._standing.get((kind, subject))
        return order if order is not None and order.stands(self._now()) else None

    def _of_address(self, address: str) -> Order | None:
        if not self._networks:
            return None
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return None  # a socket of the file system, say
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        now = self._now()
        return next((order for net, order in self._networks if found in net and order.stands(now)), None)
