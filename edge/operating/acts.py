"""The acts of operators. Each is planned first, as a sentence that says what it will do, and then done: as a command of
the room, logged and fenced as any other; as an order that stands; or as a row that the steward works on. It is written
down before and after.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import structlog

from tavola.actors.cluster.directory import ClusterUnavailable, NoSuchRoom, RoomUnreadable
from tavola.actors.wire.commands import (
    Announce,
    ClientCommand,
    CloseRoom,
    Epoch,
    Id,
    Kick,
    Pause,
    Resume,
    RoomId,
    Sender,
)
from tavola.actors.wire.messages import Activate, Committed, Refusal, Submit
from tavola.actors.wire.refusals import NO_ROOM, NO_SERVER, NOT_YOUR_ROLE
from tavola.config.clock import now_ms
from tavola.edge.identity.auth import Identity
from tavola.edge.identity.standing_orders import OrderKind, network
from tavola.edge.ws.connection import Services
from tavola.storage.postgres import Database
from tavola.storage.rows import Row

log = structlog.get_logger()

ANNOUNCED_MS = 30_000
"""So long an edge may take to hear of an announcement to all."""
DRAINED_MS = 3_600_000
"""So long an order to end is kept for an edge."""
YEAR_MINUTES = 525_600
DONE = "done"

ActName = Literal[
    "close", "pause", "resume", "kick", "ban", "unban", "mute", "unmute", "announce", "evict", "move",
    "remove", "announce_all", "drain_actor", "drain_node", "drain_edge",
]  # fmt: skip
FOR_ALL = frozenset(("remove", "announce_all", "drain_actor", "drain_node", "drain_edge"))
"""The acts for which an operator needs the role `all`."""

_json = msgspec.json.Encoder(order="deterministic").encode

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Named = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class ActAsked(msgspec.Struct, frozen=True, omit_defaults=True):
    """An act and what it is about. Without `confirm` nothing is done, and it is said what would be."""

    act: ActName
    room: Annotated[str, msgspec.Meta(min_length=1, max_length=64, description="Its id or its code.")] | None = None
    user_id: Id | None = None
    address: Annotated[str, msgspec.Meta(max_length=50, description="An IP address, or a network (CIDR).")] | None = (
        None
    )
    actor: Named | None = None
    node: Named | None = None
    edge: Named | None = None
    text: Text | None = None
    ban: bool = False
    """With `kick`: they may not come back to the room."""
    minutes: Annotated[int, msgspec.Meta(ge=1, le=10 * YEAR_MINUTES)] | None = None
    """How long a ban or a mute lasts. Not given: until it is lifted."""
    reason: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    confirm: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    """As the same act was answered without it."""


class ActAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """`does` says what it does. Not done yet: it is, if it is sent again with `confirm`. Done: its `number`."""

    does: str
    confirm: str | None = None
    number: int | None = None


class _PlannedAct(NamedTuple):
    does: str
    carry_out: Callable[[int], Awaitable[Refusal | None]]
    """Called with the act's number."""


class Acts:
    """Everything here raises `StorageUnavailable`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._database: Database = services.database

    async def answer(self, asked: ActAsked, who: Identity) -> ActAnswer | Refusal:
        """The plan of an act; or, if it is confirmed, its outcome."""
        if asked.act in FOR_ALL and "all" not in who.scopes:
            return NOT_YOUR_ROLE
        plan = await self._plan(asked, who)
        if isinstance(plan, Refusal):
            return plan
        told = _json(msgspec.structs.replace(asked, confirm=None))
        confirm = hashlib.sha256(who.user.encode() + b" " + told).hexdigest()[:16]
        if asked.confirm is None:
            return ActAnswer(plan.does, confirm=confirm)
        if asked.confirm != confirm:
            return Refusal("invalid_message", "That is not the `confirm` of this act; ask without it first.")
        written: dict[str, Any] = {"at": now_ms(), "operator": who.name, "act": asked.act}
        row = await self._database.row("asked_act", **written, told=told.decode())
        assert row is not None
        number: int = row["number"]
        log.info("operator.acts", operator=who.name, act=asked.act, number=number)
        no = await plan.carry_out(number)
        await self._database.rows("ended_act", of=number, **written, outcome=DONE if no is None else no.code)
        return ActAnswer(plan.does, number=number) if no is None else no

    async def _plan(self, asked: ActAsked, who: Identity) -> _PlannedAct | Refusal:
        match asked.act:
            case "close" | "pause" | "resume" | "kick" | "announce" | "evict" | "move" | "remove":
                if asked.room is None:
                    return _lacks("room")
                row = await self._room(asked.room)
                return NO_ROOM if row is None else await self._in_room(asked, who, row)
            case "ban" | "unban" | "mute" | "unmute":
                return self._of_people(asked, who)
            case "announce_all":
                if asked.text is None:
                    return _lacks("text")
                tell = self._order(who, "announce", secrets.token_hex(8), ANNOUNCED_MS, asked.text)
                return _PlannedAct(f"Tells everybody who follows a room: “{asked.text}”", tell)
            case "drain_actor" | "drain_node":
                return await self._drain(asked)
            case "drain_edge":
                return await self._drain_edge(asked, who)

    # Rooms

    async def _room(self, named: str) -> Row | None:
        rows = await self._database.rows("all_rooms", named=named if named.startswith("r_") else named.upper())
        return rows[0] if rows else None

    async def _in_room(self, asked: ActAsked, who: Identity, row: Row) -> _PlannedAct | Refusal:
        room, named = RoomId(row["id"]), f"{row['name']} ({row['id']})"
        people = f"{row['members']} {'person is' if row['members'] == 1 else 'people are'} there"
        where = f"actor {row['actor']} on {row['node']}" if row["actor"] else "no actor"

        def by(make: Callable[[str], ClientCommand]) -> Callable[[int], Awaitable[Refusal | None]]:
            return lambda number: self._command(who, make(f"op.{number}"))

        match asked.act:
            case "close":
                close = by(lambda id: CloseRoom(id=id, room=room, after_hand=True))
                return _PlannedAct(f"Closes {named}, after the hand if one runs: {people}.", close)
            case "pause":
                return _PlannedAct(f"Pauses {named}: {people}.", by(lambda id: Pause(id=id, room=room)))
            case "resume":
                return _PlannedAct(f"Lets {named} go on: {people}.", by(lambda id: Resume(id=id, room=room)))
            case "kick":
                if (user := asked.user_id) is None:
                    return _lacks("user_id")
                back = "and not back in" if asked.ban else "for now"
                kick = by(lambda id: Kick(id=id, room=room, user_id=user, ban=asked.ban))
                return _PlannedAct(f"Puts {user} out of {named}, {back}.", kick)
            case "announce":
                if (text := asked.text) is None:
                    return _lacks("text")
                tell = by(lambda id: Announce(id=id, room=room, text=text))
                return _PlannedAct(f"Tells {named}, where {people}: “{text}”", tell)
            case "evict":
                return _PlannedAct(f"Takes {named} from {where}; whoever comes next has it loaded.", self._evict(room))
            case "move":
                if row["actor"] is None:
                    return Refusal("room_unavailable", "No actor has that room, so it cannot be moved away from one.")
                away = self._evict(room, row["actor"])
                return _PlannedAct(f"Takes {named} from {where} to another actor; players wait a moment.", away)
            case _:
                closes = "" if row["status"] == "closed" else f", where {people}: closes it"
                does = f"Removes {named}{closes}. All that is stored of it goes, for good."
                return _PlannedAct(does, self._remove(who, row))

    async def _command(self, who: Identity, command: ClientCommand) -> Refusal | None:
        sender, room = Sender(who.user, who.name), RoomId(command.room)
        answer = await self._services.router.ask(room, lambda epoch: Submit(epoch, sender, command, ""))
        if isinstance(answer, Committed):
            if answer.update:
                self._services.fanout.heard(room, answer.update)
            return None
        return answer if isinstance(answer, Refusal) else NO_SERVER

    def _evict(self, room: RoomId, away_from: str | None = None) -> Callable[[int], Awaitable[Refusal | None]]:
        async def evict(number: int) -> Refusal | None:
            row = await self._database.row("take_room", room_id=room)
            if row is None:
                return NO_ROOM
            if away_from is None:
                return None
            try:
                place = await self._services.router.directory.place(room, Epoch(row["epoch"]), away_from)
            except ClusterUnavailable:
                return NO_SERVER
            except NoSuchRoom:
                return NO_ROOM
            except RoomUnreadable as error:
                return error.refusal
            self._services.router.moved(room, place.epoch)
            answer = await self._services.router.ask(room, lambda epoch: Activate(epoch, room))
            return answer if isinstance(answer, Refusal) else None

        return evict

    def _remove(self, who: Identity, row: Row) -> Callable[[int], Awaitable[Refusal | None]]:
        async def remove(number: int) -> Refusal | None:
            room = RoomId(row["id"])
            if row["status"] != "closed":
                no = await self._command(who, CloseRoom(id=f"op.{number}", room=room))
                if no is not None and no.code != "room_closed":
                    return no
            asked = await self._database.row("ask_removal", room_id=room, at=now_ms())
            return None if asked is not None else NO_ROOM

        return remove

    # People

    def _of_people(self, asked: ActAsked, who: Identity) -> _PlannedAct | Refusal:
        subject: str
        kind: OrderKind
        mutes = asked.act in ("mute", "unmute")
        if mutes or asked.address is None:
            if asked.user_id is None:
                return _lacks("user_id" if mutes else "user_id` or `address")
            subject, kind = asked.user_id, "mute" if mutes else "ban_user"
        else:
            try:
                subject, kind = network(asked.address), "ban_address"
            except ValueError:
                return Refusal("invalid_message", f"`{asked.address}` is neither an address nor a network.")
        lasting = "until it is lifted" if asked.minutes is None else f"for {_spoken(asked.minutes)}"
        match asked.act:
            case "ban":
                does = f"Keeps {subject} out, on all edges, {lasting}; their sockets are closed."
            case "mute":
                does = f"Lets nobody hear what {subject} says in any room, {lasting}."
            case _:
                lifted = "comes in" if asked.act == "unban" else "is heard"
                return _PlannedAct(f"{subject} {lifted} again.", self._lift(kind, subject))
        for_ms = None if asked.minutes is None else asked.minutes * 60_000
        return _PlannedAct(does, self._order(who, kind, subject, for_ms, asked.reason or ""))

    def _order(
        self, who: Identity, kind: OrderKind, subject: str, for_ms: int | None, reason: str
    ) -> Callable[[int], Awaitable[Refusal | None]]:
        async def give(number: int) -> None:
            now = now_ms()
            until = None if for_ms is None else now + for_ms
            given: dict[str, Any] = {"kind": kind, "subject": subject, "until": until, "reason": reason}
            await self._database.rows("give_order", **given, operator=who.name, at=now)
            await self._services.orders.look()

        return give

    def _lift(self, kind: OrderKind, subject: str) -> Callable[[int], Awaitable[Refusal | None]]:
        async def lift(number: int) -> Refusal | None:
            if not await self._database.rows("lift_order", kind=kind, subject=subject):
                return Refusal("user_not_found", f"No such order stands for {subject}.")
            await self._services.orders.look()
            return None

        return lift

    # Machines

    async def _drain(self, asked: ActAsked) -> _PlannedAct | Refusal:
        what = "actor" if asked.act == "drain_actor" else "node"
        name = asked.actor if what == "actor" else asked.node
        if name is None:
            return _lacks(what)
        column = "name" if what == "actor" else "node"
        actors = [row for row in await self._database.rows("operator_actors", most=1000) if row[column] == name]
        if not actors:
            return Refusal("user_not_found", f"There is no {what} {name}.")
        rooms = sum(row["rooms"] for row in actors)
        given: dict[str, Any] = {"actor": name if what == "actor" else None, "node": name if what == "node" else None}

        async def drain(number: int) -> None:
            await self._database.rows("drain_actors", **given)

        more = (
            "" if what == "actor" else f" Its {len(actors)} actors end; new ones may start there until it is stopped."
        )
        count = f"{rooms} room{'' if rooms == 1 else 's'}"
        return _PlannedAct(f"Moves the {count} of {what} {name} elsewhere, and gives it none.{more}", drain)

    async def _drain_edge(self, asked: ActAsked, who: Identity) -> _PlannedAct | Refusal:
        if asked.edge is None:
            return _lacks("edge")
        boards = await self._services.people.online.boards()
        here = self._services.fanout.presence.edge
        known = asked.edge == here or (boards is not None and asked.edge in boards.edges)
        # Edges tell of themselves twice a second, and not without Redis.
        unheard = "" if known else " (this edge has not heard of it)"
        does = f"Has edge {asked.edge}{unheard} let its sockets go to others, and end; what runs it starts it again."
        return _PlannedAct(does, self._order(who, "drain_edge", asked.edge, DRAINED_MS, asked.reason or ""))


def _lacks(field: str) -> Refusal:
    return Refusal("invalid_message", f"This act needs `{field}`.")


def _spoken(minutes: int) -> str:
    for size, unit in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes % size == 0:
            count = minutes // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    raise AssertionError(minutes)
