"""The result of one measurement."""

from __future__ import annotations

from typing import Literal

import msgspec

from tavola.load.measure.stats import Percentiles

Group = Literal["floor", "ours", "memory", "durable"]


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """`cpu_s` are seconds of user and system time by kind of server process; `clients` are not among them."""

    name: str
    group: Group
    """`memory` and `durable` are peers: the latter have committed an action before anybody sees it."""
    tables: int
    """Of what has no tables: how many are served at once."""
    pace: float = 0.0
    """How often a second somebody wanted to act at each table; 0: as fast as they could."""
    seconds: float
    actions: int
    cpu_s: dict[str, float]
    clients_cpu_s: float
    elsewhere: float = 0.0
    """The share of the machine's time that the hypervisor or other programs had meanwhile."""
    beside_cores: float = 0.0
    """Of other systems under comparison, which were alive meanwhile and had nothing to do."""
    latency_ms: Percentiles
    """From sending an action until the last of the table's sockets has it."""
    ack_ms: Percentiles | None = None

    @property
    def us_per_action(self) -> float:
        return sum(self.cpu_s.values()) / self.actions * 1e6 if self.actions else 0.0

    @property
    def parts(self) -> dict[str, float]:
        """µs an action by kind of process, the dearest first."""
        found = {kind: used / self.actions * 1e6 for kind, used in self.cpu_s.items() if used and self.actions}
        return dict(sorted(found.items(), key=lambda part: -part[1]))

    @property
    def actions_per_s(self) -> float:
        return self.actions / self.seconds if self.seconds else 0.0

    @property
    def cores(self) -> float:
        return sum(self.cpu_s.values()) / self.seconds if self.seconds else 0.0

    @property
    def clients_cores(self) -> float:
        return self.clients_cpu_s / self.seconds if self.seconds else 0.0
