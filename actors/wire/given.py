"""The values that a command gives its sender, beside the number of its update."""

from __future__ import annotations

from typing import Literal, assert_never

import msgspec

JoinState = Literal["pending", "approved"]


class NothingGiven(msgspec.Struct, frozen=True):
    """As most commands."""


class JoinStatus(msgspec.Struct, frozen=True):
    """Where a request to join stands: it waits for the host, or its sender had been admitted before."""

    status: JoinState


class Admission(msgspec.Struct, frozen=True):
    """Admitted just now. `grant` is the id of what they may come back with, as in the others."""

    grant: str


class SeatGrant(msgspec.Struct, frozen=True):
    """Seated. `grant` is empty where that was logged before there were grants."""

    seat_index: int
    grant: str


class WatchGrant(msgspec.Struct, frozen=True):
    """Watching."""

    grant: str


Given = NothingGiven | JoinStatus | Admission | SeatGrant | WatchGrant
NOTHING_GIVEN = NothingGiven()


class GivenRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A `Given` as the log has it and the line carries it: one map without a tag, whose fields tell which it is.

    `unchanged`, which is never logged: the command found everything as it wants it.
    """

    status: JoinState | None = None
    seat_index: int | None = None
    grant: str | None = None
    unchanged: bool = False

    def read(self) -> Given:
        if self == NO_RECORD:  # as of most commands; found out faster so
            return NOTHING_GIVEN
        match self:
            case GivenRecord(status=None, seat_index=None, grant=None):
                return NOTHING_GIVEN
            case GivenRecord(seat_index=int(index)):
                return SeatGrant(index, self.grant or "")
            case GivenRecord(status="approved", grant=str(grant)):
                return Admission(grant)
            case GivenRecord(status="pending" | "approved" as status):
                return JoinStatus(status)
            case _:
                return WatchGrant(self.grant or "")


NO_RECORD = GivenRecord()


def record_of(given: Given, *, unchanged: bool = False) -> GivenRecord:
    match given:
        case NothingGiven():
            return GivenRecord(unchanged=True) if unchanged else NO_RECORD
        case JoinStatus(status):
            return GivenRecord(status=status, unchanged=unchanged)
        case Admission(grant):
            return GivenRecord(status="approved", grant=grant, unchanged=unchanged)
        case SeatGrant(index, grant):
            return GivenRecord(seat_index=index, grant=grant or None, unchanged=unchanged)
        case WatchGrant(grant):
            return GivenRecord(grant=grant, unchanged=unchanged)
        case _ as never:
            assert_never(never)
