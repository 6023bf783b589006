"""The room as a pure machine: `decide(room, sender, command, now, entropy)`.

Every command comes through here, the players' and the runtime's own, and nothing else changes a room. The same
arguments always give the same decision: that is what the log is replayed with.
"""

from __future__ import annotations

from typing import Any, assert_never

from msgspec.structs import replace

from tavola.actors.room import (
    absence,
    attendance,
    clock,
    deferred,
    ending,
    hosting,
    membership,
    play,
    rollback,
    sitting,
)
from tavola.actors.room.state import SCHEMA, Decision, Info, Member, Nothing, Room, RoomEvent, Table
from tavola.actors.wire.commands import (
    HOST_COMMANDS,
    Act,
    AddBot,
    AdjustChips,
    Announce,
    AnswerDraw,
    AnswerUndo,
    AnyCommand,
    Approve,
    Attendance,
    Chat,
    CloseRoom,
    Connected,
    Disconnected,
    Fork,
    GiveUp,
    Halt,
    Kick,
    Leave,
    LeaveSeat,
    OfferDraw,
    Pause,
    Rebuy,
    Recover,
    Reject,
    RequestJoin,
    RequestUndo,
    Resign,
    Resting,
    Resume,
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
    Vacant,
    Wake,
    Withdraw,
    WithdrawOffer,
)
from tavola.actors.wire.events import ANNOUNCEMENT, CHAT
from tavola.actors.wire.refusals import NOT_HOST, ROOM_CLOSED
from tavola.games.base import Entropy, Refusal
from tavola.games.registry import GAMES


def open_room(info: Info, host_name: str, now: int, empty_ms: int = 0) -> Room:
    """A new room, before its first update. Its host is admitted from the start. If nobody comes, they neither, it
    closes after `empty_ms`, or after what its settings say; 0 is never."""
    game, empty_ms = GAMES[info.game], info.empty_minutes * 60_000 or empty_ms
    closes_at = now + empty_ms if empty_ms else None
    state = game.open(info.options)
    table: Table[Any] = Table(v=SCHEMA, game_version=game.version, at=now, game=state, closes_at=closes_at)
    return Room(info, {info.host: Member(host_name, "approved", now, leaves_at=closes_at)}, table)


def decide(room: Room, sender: Sender, command: AnyCommand, now: int, entropy: Entropy) -> Decision | Refusal | Nothing:
    """The effect of `command` at `now` (ms): a decision to commit, a refusal, or (for the runtime's own) nothing."""
    now = max(now, room.table.at)
    verdict = _decided(room, sender, command, now, entropy)
    if not isinstance(verdict, Decision):
        return verdict
    after = ending.moved(verdict.room, sender.user) if sender.user else verdict.room
    if after.table.resting and not isinstance(command, Resting):
        after = replace(after, table=replace(after.table, resting=False))
    after = ending.peopled(after)
    verdict = verdict if after is verdict.room else replace(verdict, room=after)
    return deferred.settled(verdict, now, entropy) if after.info.deferred else verdict


def _decided(
    room: Room, sender: Sender, command: AnyCommand, now: int, entropy: Entropy
) -> Decision | Refusal | Nothing:
    if room.info.status == "closed":
        return ROOM_CLOSED
    if type(command) in HOST_COMMANDS and sender.user != room.info.host and not sender.overrules:
        return NOT_HOST
    match command:
        case Act():
            return play.act(room, sender, command, now, entropy)
        case Wake():
            return _wake(room, command, now, entropy)
        case RequestJoin():
            return membership.request_join(room, sender, command, now, entropy)
        case Approve() | Reject():
            return membership.answer(room, command, now, entropy)
        case TakeSeat():
            return membership.take_seat(room, sender, command, now, entropy)
        case LeaveSeat():
            return membership.leave_seat(room, sender, now, entropy)
        case Spectate():
            return membership.spectate(room, sender, command, now, entropy)
        case StopSpectating():
            return membership.stop_spectating(room, sender, now)
        case Leave():
            return membership.leave(room, sender, now, entropy)
        case SitOut():
            return sitting.sit_out(room, sender, now, entropy)
        case SitIn():
            return sitting.sit_in(room, sender, now, entropy)
        case Rebuy():
            return sitting.rebuy(room, sender, command, now, entropy)
        case Resign():
            return sitting.resign(room, sender, command, now, entropy)
        case OfferDraw() | RequestUndo():
            return sitting.offer(room, sender, command, now)
        case AnswerDraw() | AnswerUndo():
            return sitting.answer(room, sender, command, now, entropy)
        case WithdrawOffer():
            return sitting.withdraw(room, sender, command, now)
        case Chat():
            return _chat(room, sender, command, now)
        case Announce():
            return _announce(room, sender, command, now)
        case Start():
            return play.start(room, now, entropy)
        case Pause():
            return hosting.pause(room, sender, now)
        case Resume():
            return hosting.resume(room, sender, now)
        case AddBot():
            return membership.add_bot(room, command, now, entropy)
        case Kick():
            return hosting.kick(room, command, now, entropy)
        case AdjustChips() | UpdateSettings() | CloseRoom():
            return deferred.done(room, sender, command, now, entropy)
        case Withdraw():
            return deferred.withdraw(room, sender, command, now)
        case TransferHost():
            return hosting.transfer_host(room, command, now)
        case RollBack():
            return rollback.roll_back(room, sender, command, now, entropy)
        case Fork():
            return rollback.fork(room, sender, command, now, entropy)
        case Connected():
            return attendance.attended(room, command, now, entropy)
        case Disconnected():
            return attendance.deserted(room, command, now)
        case Attendance():
            return absence.noted(room, command, now)
        case Vacant():
            return ending.emptied(room, command, now)
        case GiveUp():
            return _give_up(room, now, entropy)
        case Halt():
            return hosting.halt(room, now)
        case Recover():
            return play.recover(room, now)
        case Resting():
            return play.rest(room, now)
        case _ as never:
            assert_never(never)


def _wake(room: Room, command: Wake, now: int, entropy: Entropy) -> Decision | Refusal | Nothing:
    """The next thing that is due by now: a turn, the next hand, somebody's grace, the room's end. One at a time; where
    the room ends, no next hand begins."""
    if room.table.host_gone_at is not None and now >= room.table.host_gone_at:
        return attendance.pass_on(room, now)
    verdict: Decision | Refusal | Nothing = Nothing()
    if room.table.paused_at is None and not ending.closes(room, now):
        turn = clock.ran_out(room, now)
        verdict = play.wake(room, now, entropy)
        if isinstance(verdict, Decision) and turn is not None and command.idle_turns:
            return ending.missed(verdict, turn.seat, command.idle_turns, now, entropy)
        if isinstance(verdict, Nothing):
            verdict = attendance.overdue(room, now, entropy)
    if isinstance(verdict, Nothing):
        verdict = absence.overdue(room, now)
    return ending.overdue(room, now, entropy) if isinstance(verdict, Nothing) else verdict


def _give_up(room: Room, now: int, entropy: Entropy) -> Decision | Refusal | Nothing:
    """The part of the game that is due by now, and is not to be had of the game."""
    verdict: Decision | Refusal | Nothing = Nothing()
    if room.table.paused_at is None:
        verdict = play.void(room, now, entropy)
        if isinstance(verdict, Nothing):
            verdict = attendance.given_up(room, now)
    return ending.given_up(room, now) if isinstance(verdict, Nothing) else verdict


def _chat(room: Room, sender: Sender, command: Chat, now: int) -> Decision | Refusal:
    if room.role_of(sender.user) not in ("player", "spectator") and sender.user != room.info.host:
        return Refusal("forbidden", "Only players, spectators and the host may chat.")
    text = command.text.strip()
    if not text:
        return Refusal("invalid_message", "There is nothing to say in that message.")
    name = room.members[sender.user].name if sender.user in room.members else sender.name
    said: dict[str, Any] = {"user_id": sender.user, "display_name": name, "text": text}
    return Decision(replace(room, table=replace(room.table, at=now)), (RoomEvent(CHAT, said),))


def _announce(room: Room, sender: Sender, command: Announce, now: int) -> Decision | Refusal:
    if not sender.overrules:
        return Refusal("forbidden", "Only another server of this deployment may announce something.")
    said: dict[str, Any] = {"service": sender.name, "text": command.text}
    if command.data:
        said["data"] = command.data
    return Decision(replace(room, table=replace(room.table, at=now)), (RoomEvent(ANNOUNCEMENT, said),))
