"""Members without a seat who have no socket any more, the host among them: how long they have to come back, and what
becomes of their part. Pure.

A member who goes is marked, and leaves when their time is over; a request that nobody answers ends too. The host does
not leave so: their part passes on to somebody who is there, and while nobody is, a host who is gone is asked nothing.
"""

from __future__ import annotations

from msgspec.structs import replace

from tavola.actors.room import clock
from tavola.actors.room.state import Decision, Member, Nothing, Room, RoomEvent
from tavola.actors.wire.commands import BOT, Attendance, UserId
from tavola.actors.wire.events import HOST_CHANGED, PLAYER_LEFT, SPECTATOR_LEFT


def is_here(room: Room, user: UserId) -> bool:
    """Whether an admitted user counts as there: they have a socket, or the room was not told otherwise yet; they were
    not sat out for doing nothing; and they are no bot."""
    member = room.members.get(user)
    if member is None or member.standing != "approved" or member.idle or user.startswith(BOT):
        return False
    index = room.seat_of(user)
    return room.table.seats[index].away is None if index is not None else member.leaves_at is None


def present(room: Room) -> int:
    """How many count as there."""
    return sum(is_here(room, user) for user in room.members)


def marked(room: Room, user: UserId) -> bool | None:
    """Whether the room holds that this member has no socket; None for those whom it holds nothing of: guests, and
    players, whose seats say it, but for the host."""
    member = room.members.get(user)
    if member is None or member.standing != "approved" or (user in room.seated and user != room.info.host):
        return None
    return member.leaves_at is not None


def noted(room: Room, command: Attendance, now: int) -> Decision | Nothing:
    """Some members are here again, or gone."""
    members = dict(room.members)
    for user in map(UserId, command.here):
        if marked(room, user):
            members[user] = replace(members[user], leaves_at=None, idle=False)
    for user in map(UserId, command.gone):
        if marked(room, user) is False:
            members[user] = replace(members[user], leaves_at=now + command.leaves_ms)
    if members == room.members:
        return Nothing()
    return Decision(replace(room, members=members, table=replace(room.table, at=now)), ())


def heir(room: Room) -> UserId | None:
    """The user who is host next if the host is gone: of those who are here the longest-seated, else who watches
    longest, else who was admitted first."""
    here = [user for user in room.members if user != room.info.host and is_here(room, user)]
    return min(here, key=lambda user: (*claim(room, user), user), default=None)


def claim(room: Room, user: UserId) -> tuple[int, int]:
    """The rank of an admitted user's claim to be host: the least is first."""
    index, member = room.seat_of(user), room.members[user]
    if index is not None:
        return 0, room.table.seats[index].at
    return (1 if member.watching else 2), member.at


def host_due(room: Room) -> int | None:
    """When the host, who has no socket, counts as gone, in ms."""
    host = room.members.get(room.info.host)
    return host.leaves_at if host is not None else None


def host_gone(room: Room, now: int) -> bool:
    """Whether the host has been away for so long that nobody need wait for them."""
    return (due := host_due(room)) is not None and now >= due


def due(room: Room) -> int | None:
    """When something is to be done here, in ms."""
    leaving, passing = room.leaving_at, host_due(room)
    if passing is not None and heir(room) is None:
        passing = None
    return clock.earlier(leaving, passing)


def overdue(room: Room, now: int) -> Decision | Nothing:
    """The host's part that is due to pass on, or all the parts that end by now."""
    if host_gone(room, now) and (next_host := heir(room)) is not None:
        passed = room.hosted_by(next_host)
        event = RoomEvent(HOST_CHANGED, {"user_id": next_host})
        return Decision(replace(passed, table=replace(passed.table, at=now)), (event,))
    if room.leaving_at is None or now < room.leaving_at:
        return Nothing()
    members: dict[UserId, Member] = {}
    events: list[RoomEvent] = []
    for user, member in room.members.items():
        ends_at = member.ends_at
        if ends_at is None or now < ends_at or user == room.info.host or user in room.seated:
            members[user] = member
            continue
        if member.watching:
            events.append(RoomEvent(SPECTATOR_LEFT, {"user_id": user}))
        left = RoomEvent(PLAYER_LEFT, {"user_id": user})
        events.append(left if member.standing == "approved" else replace(left, only=(room.info.host, user)))
    return Decision(replace(room, members=members, table=replace(room.table, at=now)), tuple(events))


def recovered(room: Room, now: int) -> dict[UserId, Member]:
    """The members after a crash: nobody leaves before they had `MERCY_MS` to come back."""
    least = now + clock.MERCY_MS
    if all(member.leaves_at is None or member.leaves_at >= least for member in room.members.values()):
        return room.members
    return {
        user: member if member.leaves_at is None else replace(member, leaves_at=max(member.leaves_at, least))
        for user, member in room.members.items()
    }
