"""One numbered update, already redacted and already encoded: what goes over the line, through Redis and into the log.

An audience is who may see the same: `inside` (players and spectators) or `outside` (everybody else). Where one user
sees more, or moves from one audience to the other, `users` holds their part. A holder of an `Update` can give each
viewer their bytes without knowing any game.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar, Literal

import msgspec

from tavola.actors.wire.commands import Epoch, RoomId, Seq, UserId
from tavola.actors.wire.events import ROLLED_BACK

Audience = Literal["inside", "outside"]


_ROLLED_BACK = b'[{"kind":"%b",' % ROLLED_BACK.encode()


class MemberView(msgspec.Struct, frozen=True, array_like=True):
    """One viewer's part of an update, or that of everybody outside: JSON texts, empty when there is nothing.

    For a user who stays in their audience `patch` comes on top of the audience's patch (they share no key), and
    `events`, unless empty, replaces the audience's. For one who changes it (`audience` is where they are now, `was`
    where they were) both are whole. `grant` is the id of what they are given to come back with; `out` says that they
    were put out of the room.
    """

    events: bytes = b""
    patch: bytes = b""
    audience: Audience | None = None
    was: Audience | None = None
    grant: str = ""
    out: bool = False


class Update(msgspec.Struct, frozen=True, array_like=True):
    """The update that one accepted command makes. `at` is in ms; `events` is a JSON array, `patch` a JSON object or
    empty."""

    room: RoomId
    seq: Seq
    epoch: Epoch
    at: int
    events: bytes
    patch: bytes
    outside: MemberView
    users: dict[UserId, MemberView]
    prior: Epoch | None = None
    """The epoch of the update before this one, where it is another: where a placement begins. As seq and epoch name an
    update and all that was before it, whoever holds the one before can tell that this one is of the same history."""

    traceparent: ClassVar[str] = ""
    """The place in a trace of what told of it, if its command is traced."""

    @property
    def whole(self) -> bool:
        """Whether it takes the room to another place altogether: everybody is given a whole view with it."""
        return self.events.startswith(_ROLLED_BACK)

    @property
    def follows(self) -> Epoch:
        """The epoch of the update before this one."""
        return self.epoch if self.prior is None else self.prior

    def audience_after(self, user: UserId, before: Audience) -> Audience:
        part = self.users.get(user)
        return part.audience if part is not None and part.audience is not None else before

    def shown_to(self, user: UserId, audience: Audience) -> tuple[bytes, bytes]:
        """Events and patch for `user`, who is in `audience` after this update."""
        part = self.users.get(user)
        if part is not None and part.audience is not None:
            return part.events, part.patch
        events, patch = self.shared(audience)
        if part is None:
            return events, patch
        return part.events or events, _joined(patch, part.patch)

    def shared(self, audience: Audience) -> tuple[bytes, bytes]:
        """Events and patch for those of whom the update says nothing in particular."""
        if audience == "inside":
            return self.events, self.patch
        return self.outside.events or b"[]", self.outside.patch

    def grant_to(self, user: UserId) -> str:
        """The id of what `user` is given by this to come back with, or nothing."""
        part = self.users.get(user)
        return part.grant if part is not None else ""

    def frame_for(self, user: UserId, audience: Audience, extra: bytes = b"") -> bytes:
        """The `update` of protocol.md as `user` may see it. `extra`: more members, each with a comma before it."""
        frame = self.frame(*self.shown_to(user, audience))
        return b"%b%b}" % (frame[:-1], extra) if extra else frame

    def frame(self, events: bytes, patch: bytes) -> bytes:
        head = b'{"type":"update","room":"%b","seq":%d,"epoch":%d,"at":%d,"events":' % (
            self.room.encode(),
            self.seq,
            self.epoch,
            self.at,
        )
        return b"".join((head, events, b',"patch":', patch, b"}") if patch else (head, events, b"}"))


class TracedUpdate(Update, frozen=True, array_like=True):
    """As it is published if its command is traced. It has one member more, so that the others cost no byte of it; who
    knows nothing of that reads the update without."""

    traceparent: str = ""  # type: ignore[misc]


def traced(update: Update, traceparent: str) -> bytes:
    """`update`, encoded as one of a command that is traced."""
    members = {name: getattr(update, name) for name in Update.__struct_fields__}
    return encode(TracedUpdate(**members, traceparent=traceparent))


def audience_before(updates: Iterable[Update], user: UserId, now: Audience) -> Audience:
    """Where `user` was before the first of `updates` (oldest first), given where they are after the last."""
    for update in updates:
        part = update.users.get(user)
        if part is not None and part.was is not None:
            return part.was
    return now


def frames(
    updates: list[Update], user: UserId, now: Audience, given: Callable[[RoomId, str], bytes] | None = None
) -> list[bytes]:
    """The `update` frames of a run of updates (oldest first) as `user`, who is in `now` after the last, saw them.

    `given` tells, for a room and a grant's id, what a frame has besides; without it, grants are left out.
    """
    audience, out = audience_before(updates, user, now), []
    for update in updates:
        audience = update.audience_after(user, audience)
        extra = given(update.room, grant) if given is not None and (grant := update.grant_to(user)) else b""
        out.append(update.frame_for(user, audience, extra))
    return out


def _joined(one: bytes, other: bytes) -> bytes:
    """Two JSON objects without a common key, as one."""
    if not one or not other:
        return one or other
    return one[:-1] + b"," + other[1:]


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Update).decode
decode_told = msgspec.msgpack.Decoder(TracedUpdate).decode
"""One that an actor has told of, as of a command that is traced or of another."""
