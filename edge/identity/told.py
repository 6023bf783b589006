"""The part of an answer that tells a client what a command gave them: tokens in place of the grant."""

from __future__ import annotations

import msgspec

from tavola.actors.wire.given import JoinState


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Fields of an `ack`; those that are not given are not there."""

    status: JoinState | None = None
    seat_index: int | None = None
    rejoin_token: str = ""
    seat_token: str = ""


NOTHING_TOLD = Told()
