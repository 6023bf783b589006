"""Every command of a room, by REST: made of the commands themselves, so that a new one is here without being told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from tavola.actors.wire.commands import (
    CLIENT_COMMANDS,
    HOST_COMMANDS,
    Act,
    AddBot,
    AdjustChips,
    Announce,
    AnswerDraw,
    AnswerUndo,
    Approve,
    ClientCommand,
    CloseRoom,
    Id,
    LeaveSeat,
    OfferDraw,
    Rebuy,
    Reject,
    RequestJoin,
    RequestUndo,
    Resign,
    RollBack,
    Sender,
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
from tavola.actors.wire.given import Given, JoinStatus, SeatGrant
from tavola.actors.wire.messages import Committed, Refusal, Submit
from tavola.actors.wire.refusals import NO_SERVER
from tavola.edge.identity.told import Told
from tavola.edge.rest.rest import Answer, Call, Endpoint, Handler
from tavola.edge.ws import protocol
from tavola.edge.ws.connection import Services

ROOM = "/api/rooms/{room}"


class Changed(msgspec.Struct, frozen=True, omit_defaults=True):
    """It is durable, as the update of that number. `unchanged`: there was nothing to do, and that was the last one."""

    seq: int
    unchanged: bool = False


class Joined(msgspec.Struct, frozen=True, omit_defaults=True):
    """`rejoin_token`: what they may come back with, once they are admitted."""

    status: Literal["pending", "approved"]
    waiting_for_approval: bool
    seq: int
    rejoin_token: str | None = None


class Seated(msgspec.Struct, frozen=True):
    seat_index: int
    seat_token: str
    rejoin_token: str
    seq: int


class Watching(msgspec.Struct, frozen=True, omit_defaults=True):
    """`rejoin_token` is there unless they were watching already."""

    seq: int
    rejoin_token: str | None = None


class Decided(msgspec.Struct, frozen=True):
    """The host's answer to somebody's request."""

    approved: bool
    user_id: str
    seq: int


class ActReply(msgspec.Struct, frozen=True):
    success: bool
    seq: int


class Approval(msgspec.Struct, frozen=True):
    user_id: Id
    approved: bool = True


class CommandDone(msgspec.Struct, frozen=True):
    """A command that is durable: what it gave, and what its sender is told of that."""

    seq: int
    unchanged: bool
    given: Given
    told: Told


class RestMapping(msgspec.Struct, frozen=True):
    """How a command is sent by REST where its name alone does not say it, and what is answered."""

    method: str = "POST"
    path: str | None = None
    gives: type[msgspec.Struct] = Changed
    answer: Callable[[Any, CommandDone], msgspec.Struct] = lambda command, done: Changed(done.seq, done.unchanged)
    refusals: tuple[str, ...] = ()


def _joined(command: RequestJoin, done: CommandDone) -> Joined:
    waits = done.given == JoinStatus("pending")
    return Joined("pending" if waits else "approved", waits, done.seq, done.told.rejoin_token or None)


def _seated(command: TakeSeat, done: CommandDone) -> Seated:
    assert isinstance(done.given, SeatGrant)
    return Seated(done.given.seat_index, done.told.seat_token, done.told.rejoin_token, done.seq)


def _decided(command: Approve | Reject, done: CommandDone) -> Decided:
    return Decided(isinstance(command, Approve), command.user_id, done.seq)


_GAME = ("illegal_move", "hand_in_progress")
_OFFERS = ("not_seated", "illegal_move", "room_paused")
WAYS: dict[type[msgspec.Struct], RestMapping] = {
    RequestJoin: RestMapping(
        path="join", gives=Joined, answer=_joined, refusals=("banned", "already_requested", "room_full", "host_away")
    ),
    Approve: RestMapping(gives=Decided, answer=_decided, refusals=("user_not_found",)),
    Reject: RestMapping(gives=Decided, answer=_decided, refusals=("user_not_found",)),
    TakeSeat: RestMapping(
        path="seat",
        gives=Seated,
        answer=_seated,
        refusals=("not_approved", "already_seated", "seat_taken", "seat_reserved", "room_full", *_GAME),
    ),
    LeaveSeat: RestMapping("DELETE", "seat", refusals=("not_seated", *_GAME)),
    Spectate: RestMapping(
        gives=Watching,
        answer=lambda command, done: Watching(done.seq, done.told.rejoin_token or None),
        refusals=("not_approved", "already_seated", "room_full"),
    ),
    StopSpectating: RestMapping("DELETE", "spectate"),
    Act: RestMapping(
        path="actions",
        gives=ActReply,
        answer=lambda command, done: ActReply(True, done.seq),
        refusals=("not_seated", "stale_turn", "not_your_turn", "room_paused", *_GAME),
    ),
    SitOut: RestMapping(refusals=("not_seated", *_GAME)),
    SitIn: RestMapping(refusals=("not_seated", *_GAME)),
    Rebuy: RestMapping(refusals=("not_seated", "invalid_options", *_GAME)),
    Resign: RestMapping(refusals=_OFFERS),
    OfferDraw: RestMapping(refusals=("offer_pending", *_OFFERS)),
    AnswerDraw: RestMapping(refusals=("no_offer", *_OFFERS)),
    RequestUndo: RestMapping(refusals=("offer_pending", *_OFFERS)),
    AnswerUndo: RestMapping(refusals=("no_offer", *_OFFERS)),
    WithdrawOffer: RestMapping(refusals=("not_seated", "no_offer")),
    Announce: RestMapping(path="broadcast"),
    Start: RestMapping(refusals=("room_paused", *_GAME)),
    AddBot: RestMapping(path="bots", refusals=("seat_taken", "seat_reserved", "room_full", "invalid_options", *_GAME)),
    AdjustChips: RestMapping(path="chips", refusals=("user_not_found", *_GAME)),
    UpdateSettings: RestMapping(path="settings", refusals=("invalid_options", *_GAME)),
    TransferHost: RestMapping(path="host", refusals=("user_not_found",)),
    CloseRoom: RestMapping(path="close", refusals=_GAME),
    Withdraw: RestMapping(refusals=("illegal_move",)),
}
"""A command that is not here is sent by `POST` to the path of its own name, and answered `{seq}`."""


def way_of(kind: type[msgspec.Struct]) -> RestMapping:
    return WAYS.get(kind, _OTHER)


_OTHER = RestMapping(refusals=("user_not_found", "room_paused", *_GAME))


def path_of(kind: type[msgspec.Struct]) -> str:
    return f"{ROOM}/{way_of(kind).path or kind.__struct_config__.tag}"


def body_of(kind: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """A command's own fields: what is left when its id and its room are told otherwise."""
    if kind is Approve:
        return Approval
    own = [f for f in msgspec.structs.fields(kind) if f.name not in ("id", "room", "arguments")]
    return msgspec.defstruct(
        f"{kind.__name__}Body",
        [(f.name, f.type) if f.required else (f.name, f.type, f.default) for f in own],
        frozen=True,
        module=__name__,
    )


def command_of(kind: type[Any], call: Call) -> ClientCommand | Refusal:
    """The command that a request asks for."""
    own = {name: getattr(call.body, name) for name in call.body.__struct_fields__}
    if kind is Approve and not own.pop("approved"):
        kind = Reject
    command: ClientCommand = kind(id=call.command_id, room=call.room, **own)
    try:
        if isinstance(command, Act):
            return protocol.with_arguments(command, call.fields)
        return protocol.bounded(command) if isinstance(command, UpdateSettings | Announce) else command
    except OverflowError:
        return Refusal("invalid_message", "A number is too large.")
    except RecursionError:
        return Refusal("invalid_message", "The body is too deep.")


def endpoints(services: Services) -> list[Endpoint]:
    return [_endpoint(services, kind) for kind in CLIENT_COMMANDS]


def _endpoint(services: Services, kind: type[msgspec.Struct]) -> Endpoint:
    way = way_of(kind)
    refusals = {"room_closed", "corrupted_state", "forbidden", "id_reused", *way.refusals}
    if kind in HOST_COMMANDS:
        refusals.add("not_host")
    return Endpoint(
        way.method,
        path_of(kind),
        _handler(services, kind, way),
        f"The command `{kind.__struct_config__.tag}`",
        gives=way.gives,
        body=body_of(kind),
        refusals=tuple(sorted(refusals)),
        scope="manage" if kind in HOST_COMMANDS or kind is Announce else "",
    )


def _handler(services: Services, kind: type[msgspec.Struct], way: RestMapping) -> Handler:
    async def handle(call: Call) -> Answer:
        command = command_of(kind, call)
        done = command if isinstance(command, Refusal) else await deliver(services, call, command)
        if isinstance(done, Refusal):
            return done
        returns, given = services.returns, done.give.read()
        told = returns.tokens.told(call.room, call.identity.user, given, returns.now())
        return way.answer(command, CommandDone(done.seq, done.give.unchanged, given, told))

    return handle


async def deliver(services: Services, call: Call, command: ClientCommand | RollBack) -> Committed | Refusal:
    """Have the room's actor decide `command`. On `Committed` it is durable, and this edge's sockets are told."""
    sender = Sender(call.identity.user, call.identity.name)
    if (no := services.too_much(sender.user, command)) is not None:
        return no
    trace = None
    if services.sampling is not None:
        trace = services.sampling.begin("edge.request", command, call.request.headers.get("traceparent"))
    within = "" if trace is None else trace.sent()
    clock = asyncio.get_running_loop().time
    since = clock()
    answer = await services.router.ask(call.room, lambda epoch: Submit(epoch, sender, command, call.code, within))
    services.metrics.answered(command, answer, clock() - since)
    if trace is not None:
        trace.answered(answer)
    if isinstance(answer, Committed):
        services.fanout.presence.touch(call.room, sender.user)
        if answer.update:
            services.fanout.heard(call.room, answer.update)
    if trace is not None:
        trace.shown(answer)
    if isinstance(answer, Committed):
        return answer
    return answer if isinstance(answer, Refusal) else NO_SERVER
