"""The rights of roles: every command, by everybody in a room of hold'em between hands, and what becomes of it.

A new command must be added here, for every role: the tests on this table ask for all of them.
"""

from __future__ import annotations

from typing import Any, Literal

from tavola.actors.wire.commands import (
    Act,
    AddBot,
    AdjustChips,
    Announce,
    AnswerDraw,
    AnswerUndo,
    Approve,
    Chat,
    CloseRoom,
    Kick,
    Leave,
    LeaveSeat,
    OfferDraw,
    Pause,
    Rebuy,
    Reject,
    RequestJoin,
    RequestUndo,
    Resign,
    Resume,
    SitIn,
    SitOut,
    Spectate,
    Start,
    StopSpectating,
    TakeSeat,
    TransferHost,
    UpdateSettings,
    Withdraw,
    WithdrawOffer,
)

Who = Literal["guest", "pending", "rejected", "banned", "approved", "spectator", "player", "host"]
"""`banned` was put out for good; `host` and `player` are seated, at 0 and 1."""

WHO: tuple[Who, ...] = ("guest", "pending", "rejected", "banned", "approved", "spectator", "player", "host")
OUTSIDE: tuple[Who, ...] = ("guest", "pending", "rejected", "banned")
UNSEATED: tuple[Who, ...] = (*OUTSIDE, "approved", "spectator")
NOT_HOST: tuple[Who, ...] = (*UNSEATED, "player")

OK = "ok"


def _for(*may: Who, **codes: str) -> dict[Who, str]:
    """`ok` for those who may; the code named for everybody else is `others`, or the one given for them."""
    others = codes.pop("others", "")
    verdicts = {who: OK if who in may else codes.get(who, others) for who in WHO}
    assert all(verdicts.values())
    return verdicts


def _guests(code: str) -> dict[str, str]:
    return dict.fromkeys(OUTSIDE, code)


FIELDS: dict[type[Any], dict[str, Any]] = {
    RequestJoin: {"display_name": "Somebody"},
    Approve: {"user_id": "pending"},
    Reject: {"user_id": "pending"},
    TakeSeat: {"seat_index": 2},
    Act: {"move": "fold"},
    Rebuy: {"amount": 100},
    Chat: {"text": "hello"},
    Announce: {"text": "hello"},
    Kick: {"user_id": "approved"},
    AddBot: {"seat_index": 3},
    AdjustChips: {"user_id": "player", "amount": 10},
    UpdateSettings: {"settings": {"name": "Another"}},
    TransferHost: {"user_id": "spectator"},
    Withdraw: {"act_id": "none"},
    AnswerDraw: {"accept": True},
    AnswerUndo: {"accept": True},
}
"""The fields of each command, beside its id and room. User ids are those of `WHO`."""

VERDICTS: dict[type[Any], dict[Who, str]] = {
    RequestJoin: _for(
        "guest", "pending", "approved", "spectator", "player", "host", rejected="already_requested", banned="banned"
    ),
    Approve: _for("host", others="not_host"),
    Reject: _for("host", others="not_host"),
    TakeSeat: _for("approved", "spectator", **_guests("not_approved"), others="already_seated"),
    LeaveSeat: _for("player", "host", others="not_seated"),
    Spectate: _for("approved", "spectator", **_guests("not_approved"), others="already_seated"),
    StopSpectating: _for("spectator", others="forbidden"),
    Act: _for(player="not_your_turn", host="not_your_turn", others="not_seated"),
    SitOut: _for("player", "host", others="not_seated"),
    SitIn: _for(player="illegal_move", host="illegal_move", others="not_seated"),
    Rebuy: _for("player", "host", others="not_seated"),
    **dict.fromkeys(
        (Resign, OfferDraw, AnswerDraw, RequestUndo, AnswerUndo),
        _for(player="illegal_move", host="illegal_move", others="not_seated"),
    ),
    WithdrawOffer: _for(player="no_offer", host="no_offer", others="not_seated"),
    Chat: _for("spectator", "player", "host", others="forbidden"),
    Announce: _for(others="forbidden"),
    Start: _for("host", others="not_host"),
    Pause: _for("host", others="not_host"),
    Resume: _for(host="illegal_move", others="not_host"),
    Kick: _for("host", others="not_host"),
    AddBot: _for("host", others="not_host"),
    AdjustChips: _for("host", others="not_host"),
    UpdateSettings: _for("host", others="not_host"),
    TransferHost: _for("host", others="not_host"),
    Leave: _for("pending", "rejected", "banned", "approved", "spectator", "player", "host", guest="forbidden"),
    CloseRoom: _for("host", others="not_host"),
    Withdraw: _for(host="illegal_move", others="not_host"),
}
"""The result of it: `ok`, or the code of the refusal."""
