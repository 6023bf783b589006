"""Each part has so much, and so many tables ask for so much of it: at how many of them it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tavola.load.bench.scale.model import Model

DAY_S = 86_400


class Has(NamedTuple):
    """All that there is: one large Postgres, one Redis, edges and actors as many as it takes."""

    postgres_cores: float = 16.0
    """Half of 32: the other half is for when things go wrong."""
    redis_cores: float = 0.5
    """It has one thread."""
    wal_bytes_a_second: float = 200e6
    disk_bytes: float = 30e12
    connections: int = 2_000
    hearing_cores: float = 0.25
    """Of an edge's one thread; it has players besides."""
    removed_a_second: float = 0.0
    cleared_a_second: float = 5_000 / 60
    """Rows of each kind that the one steward clears away: `CLEARED_AT_ONCE` every `CLEARING_ROUND_S`."""


class ActionFigures(NamedTuple):
    """The figures beside processor time. Bytes are those of an action."""

    log_bytes: float
    command_bytes: float
    wal_bytes: float
    told_message_us: float
    told_room_us: float
    opening_postgres_ms: float


class Deployed(NamedTuple):
    """How it is run. A table lives `life_s` seconds; each of its players is one who comes once."""

    every_s: float = 3.0
    seats: int = 2
    rooms_per_actor: int = 500
    sockets_per_edge: int = 10_000
    actors_per_node: int = 20
    connections_of_edge: int = 4
    connections_of_actor: int = 2
    connections_of_node: int = 2
    keep_log_days: int = 30
    keep_commands_days: int = 8
    life_s: float = 1_800.0
    tell_s: float = 0.15
    """How long an actor gathers what it tells the edges (`TELL_S`)."""

    def edges(self, tables: float) -> float:
        return tables * self.seats / self.sockets_per_edge

    def actors(self, tables: float) -> float:
        return tables / self.rooms_per_actor

    def nodes(self, tables: float) -> float:
        return self.actors(tables) / self.actors_per_node


class Limit(NamedTuple):
    """A part that ends: it `has` so much, and `asked` says how much so many tables take. `unit` is of both."""

    name: str
    unit: str
    has: float
    asked: Callable[[float], float]

    @property
    def tables(self) -> float:
        """The most that it carries. More tables ask for more."""
        low, high = 0.0, 1.0
        while self.asked(high) < self.has:
            low, high = high, high * 2
            if high > 1e12:
                return float("inf")
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self.asked(middle) < self.has else (low, middle)
        return low


def limits(model: Model, measured: ActionFigures, plan: Deployed, has: Has) -> list[Limit]:
    """Those parts of which there is no more some day, the first to end first."""

    def actions(tables: float) -> float:
        return tables / plan.every_s

    def repair(tables: float) -> float:
        """Postgres' base is that of one edge, which asks it after a hundred rooms four times a second."""
        return model.lines["postgres"].base * plan.edges(tables)

    def opening(tables: float) -> float:
        return tables / plan.life_s * measured.opening_postgres_ms / 1e3

    def postgres(tables: float) -> float:
        return actions(tables) * model.action_us("postgres") / 1e6 + opening(tables) + repair(tables)

    def heard(tables: float) -> float:
        """By each edge, which follows rooms of all actors: of every room that changes, whoever is connected where."""
        messages = plan.actors(tables) / plan.tell_s * measured.told_message_us
        return (messages + actions(tables) * measured.told_room_us) / 2 / 1e6  # the other half is the actors'

    found = [
        Limit(
            "log and commands on one disk",
            "bytes",
            has.disk_bytes,
            lambda tables: DAY_S * actions(tables)
            * (measured.log_bytes * plan.keep_log_days + measured.command_bytes * plan.keep_commands_days),
        ),
        Limit("WAL of one Postgres", "bytes a second", has.wal_bytes_a_second,
              lambda tables: actions(tables) * measured.wal_bytes),
        Limit("processor of one Postgres", "cores", has.postgres_cores, postgres),
        Limit("processor of one Postgres, for opening rooms alone", "cores", has.postgres_cores, opening),
        Limit("processor of one Postgres, for repair alone", "cores", has.postgres_cores, repair),
        Limit("connections of one Postgres", "connections", has.connections,
              lambda tables: plan.edges(tables) * plan.connections_of_edge
              + plan.actors(tables) * plan.connections_of_actor + plan.nodes(tables) * plan.connections_of_node),
        Limit("processor of one Redis", "cores", has.redis_cores, lambda tables: model.lines["redis"].at(tables)),
        Limit("rooms removed by the one steward", "rooms a second", has.removed_a_second,
              lambda tables: tables / plan.life_s),
        Limit("sessions cleared away by the one steward", "rows a second", has.cleared_a_second,
              lambda tables: tables * plan.seats / plan.life_s),
        Limit("what each edge hears from all actors", "cores", has.hearing_cores, heard),
    ]  # fmt: skip
    return sorted(found, key=lambda limit: limit.tables)
