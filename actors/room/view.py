"""Views: the one place that redacts, and so decides who may see what. Pure.

A view is a JSON object in four parts that share no key: what everybody inside sees (`inside`), what everybody else sees
(`outside`), and what one user sees on top (`personal`). It never holds a null: what is absent is null, so that a
JSON merge patch (RFC 7396) can say everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from hmac import compare_digest
from typing import Any

import msgspec
from msgspec.structs import replace

from tavola.actors.room import clock, sitting
from tavola.actors.room.deferred import shown
from tavola.actors.room.play import game_of
from tavola.actors.room.state import Decision, Member, Room, RoomEvent, Seat, Turn
from tavola.actors.wire.commands import BOT, Epoch, RoomId, Seq, UserId
from tavola.actors.wire.update import Audience, MemberView, Update
from tavola.games.base import Clock, SeatIndex

View = dict[str, Any]
Personal = dict[UserId, View]

_json = msgspec.json.Encoder().encode
_NOTHING = MemberView()
OF_A_SEAT, OF_A_PLAYER = 4, 6
"""Members of a seat, and of a player's `me`, that are the room's own: the rest is the game's. A bot's seat has one
more."""
WATCHING_SHOWN = 100
"""Spectators who are named in the view; `spectators` counts all."""


def audience(room: Room, user: UserId) -> Audience:
    inside = room.role_of(user) in ("player", "spectator") or (user != "" and user == room.info.host)
    return "inside" if inside else "outside"


def hidden(room: Room, user: UserId, code: str) -> bool:
    """Whether there is no such room for `user`: it is private, they never had a part in it, no seat is reserved for
    them, and `code` is not its."""
    info = room.info
    if user in room.members or info.visibility != "private" or user == info.host or user in info.reservations:
        return False
    return not compare_digest(code.encode(), info.code.encode())


def summary(room: Room) -> View:
    """The part of the room that anybody may know: the lobby's line, and `room` in every view."""
    info = room.info
    view: View = {
        "id": info.id,
        "code": info.code,
        "name": info.name,
        "game": info.game,
        "status": info.status,
        "host_id": info.host,
        **info.settings(),
        "options": _dense(msgspec.to_builtins(info.options)),
        "players": len(room.table.seats),
        "max_players": game_of(room).seats(info.options),
    }
    if kept := room.kept_seats:
        view["reserved"] = kept
    return view


def outside(room: Room) -> View:
    return {"room": summary(room)}


def inside(room: Room, was: tuple[Room, View] | None = None) -> View:
    """The view that players and spectators share. `was` is an earlier room and its view, whose parts are used again."""
    game, info, table = game_of(room), room.info, room.table
    same = was is not None and was[0].info is info and len(was[0].table.seats) == len(table.seats)
    same = same and (not info.reserved or (was is not None and was[0].table.seats.keys() == table.seats.keys()))
    stayed = was is not None and was[0].members is room.members
    view: View = {
        "room": was[1]["room"] if was and same else summary(room),
        "game": {"id": f"{info.id}.{table.games}", "number": table.games},
        "seats": _seats_again(room, *was) if was and stayed else _seats(room),
        "spectators": was[1]["spectators"] if was and stayed else room.spectators,
        "watching": was[1]["watching"] if was and stayed else _watching(room),
    }
    _add_dense(view["game"], game.public(table.game, info.options))
    if info.reserved and (reserved := _reservations(room)):
        view["reservations"] = reserved
    if info.deferred:
        view["deferred"] = [shown(act) for act in info.deferred]
    if table.offer is not None:
        view["offer"] = sitting.shown(table.offer)
    turns = clock.running(room)
    if turns:
        view["turn"] = _turn(turns[0])
        if len(turns) > 1:
            view["turns"] = [_turn(turn) for turn in turns]
        if table.clocks and not isinstance(times := game.clock(info.options), Clock):
            view["turn"]["clock"] = msgspec.to_builtins(times)
            view["turn"]["clocks"] = {str(index): left for index, left in sorted(table.clocks.items())}
    return view


def _turn(turn: Turn) -> View:
    return {
        "number": turn.number,
        "seat_index": turn.seat,
        "deadline_ms": turn.deadline_ms,
        "timebank_ms": turn.timebank_ms,
    }


def personal(room: Room, user: UserId, was: tuple[Room, View] | None = None) -> View:
    """The part that `user` alone sees. They have a name in the room once they have asked to join. `was` is an earlier
    room and their view of it, whose parts are used again."""
    index, member, info = room.seat_of(user), room.members.get(user), room.info
    is_host = user == info.host
    me: View = {
        "user_id": user,
        "role": "player" if index is not None else room.role_of(user),
        "is_host": is_host,
        "legal": [],
    }
    if member is not None:
        me["display_name"] = member.name
    if index is not None:
        me["seat_index"] = index
        me["legal"] = _legal(room, index)
        if kinds := sitting.may_offer(room, index):
            me["offers"] = kinds
        _add_dense(me, game_of(room).private_seat(room.table.game, info.options, index))
    else:
        if member is not None and member.standing != "approved":
            me["request"] = member.standing
        if info.reserved and user in info.reserved:
            me["reserved_seat"] = info.reserved[user]
    view: View = {"me": me}
    if is_host:
        asked = was[1] if was and was[0].members is room.members and "members" in was[1] else None
        view["pending_requests"] = asked["pending_requests"] if asked else _pending(room)
        view["members"] = asked["members"] if asked else _members(room)
        view["host_controls"] = _controls(room)
    return view


def _played_on(room: Room, user: UserId, view: View) -> tuple[View, View] | None:
    """The personal view that was `view`, and how it differs, where nobody's part in the room has changed; None where it
    takes more to tell."""
    info, index = room.info, room.seat_of(user)
    if index is None:
        return None
    me, legal = view["me"], _legal(room, index)
    kinds = sitting.may_offer(room, index)
    if ("offers" in me) is not bool(kinds):
        return None
    if not _holds(me, OF_A_PLAYER + bool(kinds), game_of(room).private_seat(room.table.game, info.options, index)):
        return None
    patch: View = {}
    if me["legal"] != legal:
        patch["me"] = {"legal": legal}
        view = {**view, "me": {**me, "legal": legal}}
    if user == info.host and (controls := _controls(room)) != view["host_controls"]:
        patch["host_controls"] = difference(view["host_controls"], controls)
        view = {**view, "host_controls": controls}
    return view, patch


def _legal(room: Room, index: SeatIndex) -> list[View]:
    if room.table.paused_at is not None or room.info.status == "closed":
        return []
    return game_of(room).legal(room.table.game, room.info.options, index)


def _pending(room: Room) -> list[View]:
    pending = [(member.at, user, member.name) for user, member in room.members.items() if member.standing == "pending"]
    return [{"user_id": user, "display_name": name, "requested_at": at} for at, user, name in sorted(pending)]


def _watching(room: Room) -> View:
    """Those who are watching, by user: of many, the ones who have for longest."""
    watching = sorted((member.at, user) for user, member in room.members.items() if member.watching)
    return {
        user: {"display_name": room.members[user].name, "status": presence_of(room.members[user])}
        for _, user in watching[:WATCHING_SHOWN]
    }


def _reservations(room: Room) -> View:
    """The seats that are kept for users who do not sit in them, and for whom; some of them have a name here."""
    kept: View = {}
    for user, index in room.info.reservations.items():
        if index not in room.table.seats:
            kept[str(index)] = {"user_id": user}
            if (member := room.members.get(user)) is not None:
                kept[str(index)]["display_name"] = member.name
    return kept


def _members(room: Room) -> View:
    """Everybody whom the room knows, by user, and what their part is. Their seats are among `seats`."""
    known: View = {}
    for user, member in room.members.items():
        known[user] = {"display_name": member.name, "standing": member.standing, "since": member.at}
        if member.standing == "approved":
            known[user] |= {"watching": member.watching, "status": presence_of(member)}
        elif member.banned:
            known[user]["banned"] = True
    return known


def presence_of(member: Member) -> str:
    """Whether somebody who does not sit is here: `active` or `away`."""
    return "active" if member.leaves_at is None else "away"


def _controls(room: Room) -> View:
    """The commands that the host could send now."""
    game, table = game_of(room), room.table
    there = room.info.status != "closed"
    between = there and game.between_rounds(table.game)
    return {
        "can_start": there
        and not table.running
        and table.paused_at is None
        and game.advance_after_ms(table.game, room.info.options) is not None,
        "can_pause": there and table.paused_at is None,
        "can_resume": there and table.paused_at is not None,
        "can_kick": there and len(room.members) > 1,
        "can_transfer": there and len(room.members) > 1,
        "can_adjust_chips": between and bool(table.seats),
        "can_update_settings": between,
        "can_close": between,
    }


def whole(room: Room, user: UserId) -> View:
    """Everything that `user` may see of the room now."""
    shared = inside(room) if audience(room, user) == "inside" else outside(room)
    return {**shared, **personal(room, user)}


def watched(room: Room, user: UserId) -> View:
    """The view that `user` would have as a spectator, if they may see the table at all; else the one from outside."""
    view = inside(room) if audience(room, user) == "inside" else outside(room)
    member = room.members.get(user)
    role = "spectator" if audience(room, user) == "inside" else "guest"
    me = {"user_id": user, "role": role, "is_host": False, "legal": []}
    if member is not None:
        me["display_name"] = member.name
    return {**view, "me": me}


def watching(room: Room) -> View:
    """The view that any spectator has of the room now, whoever they are."""
    return {**inside(room), "me": {"role": "spectator", "is_host": False, "legal": []}}


class Projection:
    """One room's views as they were last shown, kept so that each update is the difference and no more."""

    __slots__ = ("_inside", "_personal", "_room")

    def __init__(self, room: Room) -> None:
        self._room = room
        self._inside = inside(room)
        self._personal: Personal = {user: personal(room, user) for user in _watched(room)}

    def show(self, decision: Decision, seq: Seq, epoch: Epoch) -> tuple[Update, Projection]:
        """The update that `decision` makes, and the projection after it. This one stays as it is."""
        before, after = self._room, decision.room
        nxt: Projection = Projection.__new__(Projection)
        nxt._room = after
        nxt._inside = now = inside(after, (before, self._inside))
        patch = difference(self._inside, now)
        told = _told_apart(decision.events)
        stayed = before.info is after.info and before.members is after.members
        stayed = stayed and before.table.sits_as(after.table.seats)
        users, nxt._personal = self._plain(decision) if stayed and not told else self._parts(decision, now, told)
        for grant in decision.grants:
            users[grant.user] = replace(users.get(grant.user, _NOTHING), grant=grant.id)
        for user in decision.out:
            users[user] = replace(users.get(user, _NOTHING), out=True)
        room_patch = {"room": patch["room"]} if "room" in patch else None
        shown = Update(
            room=RoomId(after.info.id),
            seq=seq,
            epoch=epoch,
            at=after.table.at,
            events=_json([_told(event, None) for event in decision.events if event.only is None]),
            patch=_json(patch) if patch else b"",
            outside=MemberView(patch=_json(room_patch)) if room_patch else _NOTHING,
            users=users,
        )
        return shown, nxt

    def _plain(self, decision: Decision) -> tuple[dict[UserId, MemberView], Personal]:
        """The watched: their views, and what each is shown besides. Nobody's part in the room changed, and nobody is
        told of anything otherwise than others. So it is of most moves."""
        after = decision.room
        users: dict[UserId, MemberView] = {}
        mine: Personal = {}
        for user, view in self._personal.items():
            played = _played_on(after, user, view)
            if played is None:
                mine[user] = again = personal(after, user, (self._room, view))
                patch = difference(view, again)
            else:
                mine[user], patch = played
            if patch:
                users[user] = MemberView(b"", _json(patch))
        return users, mine

    def _parts(self, decision: Decision, now: View, told: set[UserId]) -> tuple[dict[UserId, MemberView], Personal]:
        """The same of any decision; `told` are told of its events otherwise than others."""
        before, after = self._room, decision.room
        users: dict[UserId, MemberView] = {}
        mine: Personal = {}
        watched = _watched(after)
        for user in watched | self._personal.keys() | _concerned(before, after, told):
            was = self._personal.get(user) or personal(before, user)
            view = personal(after, user, (before, was))
            if user in watched:
                mine[user] = view
            part = self._part(user, before, after, was, view, now, decision.events, user in told)
            if part is not None:
                users[user] = part
        return users, mine

    def _part(
        self,
        user: UserId,
        before: Room,
        after: Room,
        was: View,
        view: View,
        now: View,
        events: Iterable[RoomEvent],
        own: bool,
    ) -> MemberView | None:
        """The part that `user` is shown beside their audience; `own`: there are events that they are told otherwise
        than others."""
        stands = audience(after, user)
        same = before.seated is after.seated and before.members is after.members
        stood = stands if same and before.info.host == after.info.host else audience(before, user)
        if stood != stands:
            old = {**(self._inside if stood == "inside" else outside(before)), **was}
            new = {**(now if stands == "inside" else outside(after)), **view}
            told = _json([_told(event, user) for event in events if event.only is None or user in event.only])
            return MemberView(told, _json(difference(old, new)), stands, stood)
        extra = difference(was, view)
        if not extra and not own:
            return None
        told = b""
        if own:
            told = _json([
                _told(event, user)
                for event in events
                if (user in event.only if event.only is not None else stands == "inside")
            ])  # fmt: skip
        return MemberView(told, _json(extra) if extra else b"")


def _watched(room: Room) -> set[UserId]:
    """The users whose personal view may change with any command."""
    users = {seat.user for seat in room.table.seats.values()}
    if room.info.host:
        users.add(room.info.host)
    return users


def _told_apart(events: Iterable[RoomEvent]) -> set[UserId]:
    """The users who are told of these events otherwise than their audience."""
    users: set[UserId] = set()
    for event in events:
        if event.private:
            users.update(event.private)
        if event.only:
            users.update(event.only)
    return users


def _concerned(before: Room, after: Room, told: set[UserId]) -> set[UserId]:
    """Whom this decision may concern beside the watched."""
    users = set(told)
    if before.members is not after.members:
        for user in before.members.keys() | after.members.keys():
            if before.members.get(user) is not after.members.get(user):
                users.add(user)
    if before.info.reserved is not after.info.reserved:
        users |= before.info.reservations.keys() ^ after.info.reservations.keys()
    users.discard(UserId(""))
    return users


def _told(event: RoomEvent, user: UserId | None) -> View:
    told = {"kind": event.kind, **event.fields}
    if user is not None and user in event.private:
        told |= event.private[user]
    return told


def _seats(room: Room) -> View:
    return {str(index): _seat(room, index, seat) for index, seat in room.table.seats.items()}


def _seats_again(room: Room, before: Room, view: View) -> View:
    """The seats of a room whose members stayed the same: the very ones of `view`, where nothing has changed."""
    game, state, options, had = game_of(room), room.table.game, room.info.options, view["seats"]
    kept, old = 0, before.table.seats
    seats: View = {}
    for index, seat in room.table.seats.items():
        was, name = old.get(index), str(index)
        if was is seat or (was is not None and was.user == seat.user):
            shown = had[name]
            size = OF_A_SEAT + 1 if "bot" in shown else OF_A_SEAT
            same = shown["status"] == status_of(room, index, seat)
            if same and _holds(shown, size, game.public_seat(state, options, index)):
                seats[name] = shown
                kept += 1
                continue
        seats[name] = _seat(room, index, seat)
    return had if kept == len(seats) == len(had) else seats


def _holds(view: View, size: int, more: View) -> bool:
    """Whether `view` is what `_add_dense` makes of `size` members of our own and `more`. A "no" may be wrong: where
    there are nulls, say."""
    if len(view) != size + len(more):
        return False
    for key, value in more.items():
        if value is None or view.get(key) != value:
            break
    else:
        return True
    return False


def _seat(room: Room, index: SeatIndex, seat: Seat) -> View:
    member = room.members.get(seat.user)
    view: View = {
        "seat_index": index,
        "user_id": seat.user,
        "display_name": member.name if member is not None else "",
        "status": status_of(room, index, seat),
    }
    if seat.user.startswith(BOT):
        view["bot"] = True
    _add_dense(view, game_of(room).public_seat(room.table.game, room.info.options, index))
    return view


def status_of(room: Room, index: SeatIndex, seat: Seat) -> str:
    """Whether the player in a seat is here: `active`, `away`, `disconnected`, `sitting_out`."""
    if seat.away is not None:
        return "away" if seat.away.step == "away" else "disconnected"
    return "sitting_out" if game_of(room).sits_out(room.table.game, index) else "active"


def _dense(view: View) -> View:
    """`view` without its nulls."""
    dense: View = {}
    _add_dense(dense, view)
    return dense


def _add_dense(view: View, more: View) -> None:
    """Put `more` into `view`, without its nulls."""
    for key, value in more.items():
        if type(value) is dict:
            view[key] = _dense(value)
        elif value is not None:
            view[key] = value


def difference(old: View, new: View) -> View:
    """The JSON merge patch (RFC 7396) that makes `new` of `old`. Neither holds nulls."""
    patch: View = {}
    stayed = 0
    for key, value in new.items():
        had = old.get(key)
        if had is not None:
            stayed += 1
        if had is value:
            continue
        if type(value) is dict and type(had) is dict:
            if part := difference(had, value):
                patch[key] = part
        elif had != value:
            patch[key] = value
    if stayed != len(old):
        for key in old.keys() - new.keys():
            patch[key] = None
    return patch
