"""Rows of the log: from their bytes to text and updates, and back."""

from __future__ import annotations

import msgspec

from tavola.actors.log.unreadable import Corrupted
from tavola.actors.wire.commands import Epoch, RoomId, Seq, UserId
from tavola.actors.wire.update import Audience, MemberView, Update
from tavola.storage.packing import NotUnpacked, unpack
from tavola.storage.rows import Row

text_of = msgspec.json.Encoder(order="deterministic").encode
"""A command as it is logged: the same bytes for the same command, in whatever order its fields came."""


class LogText(msgspec.Struct, frozen=True, array_like=True):
    """The text of a row of the log. `events` and `patch` are as players and spectators were told, `outside` as all
    others were, `private` by user; null where there was nothing. New fields come last."""

    user_name: str
    game: int
    hand: int
    command: msgspec.Raw
    answer: msgspec.Raw
    events: msgspec.Raw
    patch: msgspec.Raw
    outside: msgspec.Raw
    private: msgspec.Raw


def logged_of(room: RoomId, row: Row) -> LogText:
    """The text of a row of the log. Raises `Corrupted`."""
    try:
        return _decode_logged(unpack(row["body"], room, row["user_id"], row["command_id"], row["at"]))
    except (NotUnpacked, msgspec.MsgspecError) as error:
        raise Corrupted(room, row["seq"], f"a row of the log ({type(error).__name__})") from error


def logged_text(user_name: str, game: int, hand: int, command: bytes, answer: bytes, update: Update) -> bytes:
    """The text of the log's row for `update`; `command` and `answer` are JSON. `logged_of` reads it, once it is packed
    and unpacked."""
    return b"[%b,%d,%d,%b,%b,%b]" % (_encode(user_name), game, hand, command, answer, b",".join(update_texts(update)))


def update_of(room: RoomId, row: Row, prior: Epoch | None = None) -> Update:
    """The update in a row of the log; `prior` is the epoch in the row before it, if that matters."""
    return update_in(logged_of(room, row), room, row, prior)


def update_in(logged: LogText, room: RoomId, row: Row, prior: Epoch | None = None) -> Update:
    """As `update_of`, when the row's text has been read."""
    return Update(
        room=room,
        seq=Seq(row["seq"]),
        epoch=Epoch(row["epoch"]),
        at=row["at"],
        events=bytes(logged.events),
        patch=_filled(logged.patch),
        outside=_part(_decode_texts(logged.outside)) if _filled(logged.outside) else MemberView(),
        users={user: _part(texts) for user, texts in _decode_users(logged.private).items()}
        if _filled(logged.private)
        else {},
        prior=prior,
    )


def update_texts(update: Update) -> tuple[bytes, bytes, bytes, bytes]:
    """`events`, `patch`, `outside` and `private` of the log's text, as JSON."""
    outside, users = update.outside, update.users
    return (
        update.events,
        update.patch or NULL,
        _texts(outside) if outside.events or outside.patch else NULL,
        b"{%b}" % b",".join([b"%b:%b" % (_encode(user), _texts(part)) for user, part in users.items()])
        if users
        else NULL,
    )


class _Texts(msgspec.Struct, frozen=True, array_like=True):
    events: msgspec.Raw
    patch: msgspec.Raw
    audience: Audience | None = None
    was: Audience | None = None
    grant: str = ""
    out: bool = False


NULL = b"null"
_encode = msgspec.json.Encoder().encode
_decode_texts = msgspec.json.Decoder(_Texts).decode
_decode_users = msgspec.json.Decoder(dict[UserId, _Texts]).decode
_decode_logged = msgspec.json.Decoder(LogText).decode


def _texts(part: MemberView) -> bytes:
    if part.audience is None and part.was is None and not part.grant and not part.out:
        return b"[%b,%b]" % (part.events or NULL, part.patch or NULL)
    moved = _encode((part.audience, part.was, part.grant, part.out))
    return b"[%b,%b,%b" % (part.events or NULL, part.patch or NULL, moved[1:])


def _part(texts: _Texts) -> MemberView:
    return MemberView(_filled(texts.events), _filled(texts.patch), texts.audience, texts.was, texts.grant, texts.out)


def _filled(text: msgspec.Raw) -> bytes:
    read = bytes(text)
    return b"" if read == NULL else read
