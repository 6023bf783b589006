"""The operator's REST API, read only: rooms, actors, edges, who is connected, a room's log, and a room as somebody
saw it at any seq. Nothing here changes anything, or shows what is hidden from everybody: cards to come, entropy.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from tavola.actors.log.logged import LogText, logged_of
from tavola.actors.log.unreadable import Corrupted
from tavola.actors.wire.commands import UserId
from tavola.actors.wire.errands import MakeCheckpoint, Participant, Recall, SeenThen
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.refusals import NO_ROOM, NOT_KEPT
from tavola.config.clock import now_ms
from tavola.edge.identity.auth import USER_LIMIT
from tavola.edge.identity.services import lacking
from tavola.edge.rest.lobby import iso
from tavola.edge.rest.rest import Answer, AnyObject, Call, Endpoint
from tavola.edge.rest.rewind import Rewind, recalled
from tavola.edge.routing.persistence import PersistencePace, PersistenceWatch
from tavola.edge.ws.connection import Services
from tavola.storage.growth import TableGrowth, growth
from tavola.storage.measures import Durations
from tavola.storage.online import Boards
from tavola.storage.postgres import BIGINT, Database
from tavola.storage.rows import Row

ADMIN = "/api/admin"
ROOM = f"{ADMIN}/rooms/{{room}}"
LIMIT = 200


class RoomsAsked(msgspec.Struct, frozen=True):
    named: Annotated[str, msgspec.Meta(max_length=100, description="An id, a code, or a part of a name.")] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=LIMIT)] = 50


class LogAsked(msgspec.Struct, frozen=True):
    after: Annotated[int, msgspec.Meta(ge=0, le=BIGINT, description="The last seq seen.")] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=LIMIT)] = 50


class ViewAsked(msgspec.Struct, frozen=True):
    seq: Annotated[int, msgspec.Meta(ge=0, le=BIGINT, description="The last one, if it is not given.")] | None = None
    user: (
        Annotated[str, msgspec.Meta(max_length=USER_LIMIT, description="Nobody given: as any spectator saw it.")] | None
    ) = None


class PlacedRoom(msgspec.Struct, frozen=True):
    """A room, how far it is and where: what `tavola rooms` shows."""

    id: str
    code: str
    name: str
    game: str
    status: str
    seq: int
    members: int
    actor: str | None
    node: str | None
    pid: int | None
    epoch: int
    updated_at: str


class PlacedRooms(msgspec.Struct, frozen=True):
    """The newest first; `total` is how many there are."""

    rooms: list[PlacedRoom]
    total: int


class RoomActorRow(msgspec.Struct, frozen=True):
    """`silent`: it has not said for 6 s that it lives. `suspect`: somebody got no answer since its last beat.
    `draining`: it is given no rooms any more, and its rooms go elsewhere."""

    name: str
    node: str
    pid: int
    address: str
    capacity: int
    rooms: int
    silent: bool
    suspect: bool
    draining: bool
    started_at: str


class RoomActors(msgspec.Struct, frozen=True):
    """The oldest first; `total` is how many there are."""

    actors: list[RoomActorRow]
    total: int


class CommandCount(msgspec.Struct, frozen=True):
    command: str
    outcome: str
    count: int


class EdgeHere(msgspec.Struct, frozen=True):
    """The edge that answers, as it is now. Counts are since its start; `seconds` is what all answers took."""

    edge: str
    sockets: int
    users: int
    rooms_followed: int
    commands: list[CommandCount]
    seconds: float


class EdgeAlive(msgspec.Struct, frozen=True):
    edge: str
    beat_at: str


class ConnectedUsers(msgspec.Struct, frozen=True):
    """Somebody's sockets by edge. Of other edges than the one that answers, up to a second old."""

    user_id: str
    display_name: str
    seen_at: str
    sockets: dict[str, int]


class Edges(msgspec.Struct, frozen=True):
    """Without Redis (`redis`: false) an edge knows of itself alone. `online` is how many users are."""

    redis: bool
    here: EdgeHere
    edges: list[EdgeAlive]
    people: list[ConnectedUsers]
    online: int


class RoomRecord(msgspec.Struct, frozen=True):
    room: PlacedRoom
    participants: list[Participant]


class Logged(msgspec.Struct, frozen=True):
    """One command that was accepted, and what those at the table were told of it. No `user_id`: the runtime itself."""

    seq: int
    epoch: int
    at: str
    user_id: str
    display_name: str
    command: str
    events: list[dict[str, Any]]


class LogPage(msgspec.Struct, frozen=True):
    """Oldest first."""

    log: list[Logged]


class Rewound(msgspec.Struct, frozen=True):
    """The view that `user_id` (null: any spectator) was shown after the update `seq`, and who had a part then."""

    seq: int
    at: str
    user_id: str | None
    participants: list[Participant]
    view: AnyObject


class GrowthReply(msgspec.Struct, frozen=True):
    """As the steward measured it last (null: not yet); bytes. `free`: on Postgres's disk, null when not known.
    `full_in_days`: as it grows now; null when that is not known, or it does not grow."""

    measured_at: str | None
    database: TableGrowth | None
    tables: list[TableGrowth]
    free: int | None
    full_in_days: float | None


class DurationFigures(msgspec.Struct, frozen=True):
    """How often, and within how many milliseconds half and 99 of 100 were done; null: none was."""

    count: int
    p50_ms: float | None
    p99_ms: float | None


class PersistencePaces(msgspec.Struct, frozen=True):
    """Of the ten seconds up to each of the moments `at`."""

    at: list[str]
    rows_a_second: list[float]
    bytes_a_second: list[float]
    commit_p50_ms: list[float | None]
    commit_p99_ms: list[float | None]
    load_p50_ms: list[float | None]
    load_p99_ms: list[float | None]


class GamePersistenceReply(msgspec.Struct, frozen=True):
    """A game's share of what room actors have done since it is counted; `lately`: in the last five minutes, the oldest
    first."""

    game: str
    rows: int
    bytes: int
    replays: int
    repairs: int
    commits: DurationFigures
    loads: DurationFigures
    lately: PersistencePaces


class PersistenceReply(msgspec.Struct, frozen=True):
    """As the edge that answers has read it, every five seconds, from what actors say every two."""

    games: list[GamePersistenceReply]


def endpoints(services: Services, rewind: Rewind) -> list[Endpoint]:
    database = services.database

    async def rooms(call: Call) -> Answer:
        named = call.query.named
        if named is not None and not named.isprintable():
            return PlacedRooms([], 0)
        rows = await database.rows("operator_rooms", named=named, most=call.query.limit)
        return PlacedRooms([_placed(row) for row in rows], rows[0]["total"] if rows else 0)

    async def actors(call: Call) -> Answer:
        rows = await database.rows("operator_actors", most=LIMIT)
        listed = [_fields(RoomActorRow, row, started_at=iso(row["started_at"])) for row in rows]
        return RoomActors(listed, rows[0]["total"] if rows else 0)

    async def edges(call: Call) -> Answer:
        now = now_ms()
        boards = await services.people.online.boards()
        told, people = boards or Boards({}, [], 0), _connected(services, boards, now)
        known = await database.rows("names_of", users=list(people))
        names = {row["user_id"]: row["display_name"] for row in known} | _names_here(services)
        return Edges(
            boards is not None,
            _here(services),
            [EdgeAlive(edge, iso(at)) for edge, at in sorted((told.edges | {_edge(services): now}).items())],
            [ConnectedUsers(user, names.get(user, ""), iso(at), sockets) for user, (at, sockets) in people.items()],
            max(told.online, len(people)),
        )

    async def grown(call: Call) -> Answer:
        return await growth_reply(database)

    async def persistence(call: Call) -> Answer:
        return persistence_reply(services.persistence)

    async def room(call: Call) -> Answer:
        stored = await database.row("load_room", rooms=[call.room])
        rows = await database.rows("operator_rooms", named=call.room, most=1)
        if stored is None or not rows:
            return NO_ROOM
        kept = await recalled(services.errand, MakeCheckpoint(dict(stored)))
        if isinstance(kept, Refusal):
            return kept
        found = await recalled(services.errand, Recall(call.room, stored["seq"], kept, "seen"))
        if isinstance(found, Refusal):
            return found
        return RoomRecord(_placed(rows[0]), _seen(found).people)

    async def log(call: Call) -> Answer:
        if await database.row("locate", rooms=[call.room]) is None:
            return NO_ROOM
        rows = await database.rows("operator_log", room_id=call.room, after=call.query.after, most=call.query.limit)
        try:
            return LogPage([_logged(row, logged_of(call.room, row)) for row in rows])
        except Corrupted as error:
            return error.refusal()

    async def view(call: Call) -> Answer:
        stands = await database.rows("positions", rooms=[call.room])
        if not stands:
            return NO_ROOM
        last: int = stands[0]["seq"]
        seq: int = last if call.query.seq is None else call.query.seq
        if seq > last:
            return NOT_KEPT
        user = UserId(call.query.user) if call.query.user is not None else None
        if user is not None and call.identity.service and "log" not in call.identity.scopes:
            return lacking("log")
        kept = await rewind.room_at(call.room, seq)
        if isinstance(kept, Refusal):
            return kept
        found = await recalled(services.errand, Recall(call.room, seq, kept, "seen", user))
        if isinstance(found, Refusal):
            return found
        then = _seen(found)
        return Rewound(seq, iso(then.at), user, then.people, then.view)

    unread = ("room_not_found", "corrupted_state")
    return [
        _reading("/rooms", rooms, "Rooms, the newest first", PlacedRooms, query=RoomsAsked),
        _reading("/actors", actors, "The room actors", RoomActors),
        _reading("/growth", grown, "Bytes by table, and how fast they grow", GrowthReply),
        _reading("/persistence", persistence, "Commits, loads, rows and bytes, by game", PersistenceReply),
        _reading("/edges", edges, "The edges, what this one did, and who is connected", Edges),
        _reading("/rooms/{room}", room, "A room, and who has which part", RoomRecord, refusals=unread, scope="read"),
        _reading("/rooms/{room}/log", log, "A room's log", LogPage, query=LogAsked, scope="log"),
        _reading(
            "/rooms/{room}/view",
            view,
            "A room as somebody saw it then",
            Rewound,
            query=ViewAsked,
            refusals=unread,
            scope="read",
        ),
    ]


async def growth_reply(database: Database) -> GrowthReply:
    found = await growth(database)
    if found is None:
        return GrowthReply(None, None, [], None, None)
    return GrowthReply(iso(found.measured_at), found.database, found.tables, found.free, found.full_in_days)


def persistence_reply(watch: PersistenceWatch) -> PersistenceReply:
    return PersistenceReply([
        GamePersistenceReply(
            game,
            sums.rows,
            sums.bytes,
            sums.replays,
            sums.repairs,
            _figures(sums.commits),
            _figures(sums.loads),
            _lately(watch.paces(game)),
        )
        for game, sums in sorted(watch.sums.items())
    ])  # fmt: skip


def _figures(durations: Durations) -> DurationFigures:
    return DurationFigures(durations.count, _ms(durations, 0.5), _ms(durations, 0.99))


def _lately(paces: list[PersistencePace]) -> PersistencePaces:
    return PersistencePaces(
        [iso(pace.at) for pace in paces],
        [round(pace.rows, 2) for pace in paces],
        [round(pace.bytes, 1) for pace in paces],
        [_ms(pace.commits, 0.5) for pace in paces],
        [_ms(pace.commits, 0.99) for pace in paces],
        [_ms(pace.loads, 0.5) for pace in paces],
        [_ms(pace.loads, 0.99) for pace in paces],
    )


def _ms(durations: Durations, share: float) -> float | None:
    seconds = durations.quantile(share)
    return None if seconds is None else round(seconds * 1000, 2)


def _reading(path: str, handler: Any, summary: str, gives: type[msgspec.Struct], **more: Any) -> Endpoint:
    return Endpoint("GET", ADMIN + path, handler, summary, gives, operator="look", **more)


def _fields(kind: type[Any], row: Any, **given: Any) -> Any:
    """A struct of a row that has its fields, but for those given."""
    return kind(**{name: row[name] for name in kind.__struct_fields__ if name not in given}, **given)


def _placed(row: Any) -> PlacedRoom:
    placed: PlacedRoom = _fields(PlacedRoom, row, updated_at=iso(row["updated_at"]))
    return placed


def _logged(row: Row, text: LogText) -> Logged:
    command, events = msgspec.json.decode(text.command), msgspec.json.decode(text.events)
    user = (row["user_id"], text.user_name)
    return Logged(row["seq"], row["epoch"], iso(row["at"]), *user, command["type"], events)


_seen = msgspec.json.Decoder(SeenThen).decode


def _edge(services: Services) -> str:
    return services.people.edge


def _here(services: Services) -> EdgeHere:
    metrics = services.metrics
    return EdgeHere(
        _edge(services),
        len(services.connections),
        len(services.people.users),
        len(services.fanout.rooms()),
        [CommandCount(*counted) for counted in metrics.commands],
        metrics.seconds,
    )


def _names_here(services: Services) -> dict[str, str]:
    return {user: services.people.sockets(user)[0].sender.name for user in services.people.users}


def _connected(services: Services, boards: Boards | None, now: int) -> dict[str, tuple[int, dict[str, int]]]:
    """At most `LIMIT` users, those of this edge first: when each was seen last (ms), and their sockets by edge."""
    edge = _edge(services)
    told = {person.user: person for person in boards.people} if boards is not None else {}
    people: dict[str, tuple[int, dict[str, int]]] = {}
    for user in services.people.users:
        before, held = told.pop(user, None), services.people.sockets_held(user)
        people[user] = (now, {**(before.sockets if before is not None else {}), edge: held})
    for person in told.values():
        elsewhere = {name: count for name, count in person.sockets.items() if name != edge}
        if elsewhere:
            people[person.user] = (person.seen_at, elsewhere)
    return dict(list(people.items())[:LIMIT])
