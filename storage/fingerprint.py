"""Whether this process may use the database: it keeps a fingerprint of the deployment's secret.

A turn is one secret in use, and perhaps another that is accepted as well. While one secret takes the place of another
there are three: the first process that accepts the new one begins the first, the first that uses it the second, and
the first that accepts the old one no more the third. A process that starts meanwhile and still waits for its roll-out
is let in, and turns nothing back; a secret that was replaced never comes into use again.

Edges are started again by whoever rolls out. Nobody does so with actors and the steward, so these end by themselves
when a turn has begun for which they have not the right secrets, and others are started by who has them.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Sequence

import msgspec
import structlog

from tavola.config.keys import Purpose, Secrets, derive
from tavola.config.settings import SettingsError
from tavola.storage.postgres import Database

log = structlog.get_logger()

SETTING = "TAVOLA_JWT_SECRET"
OTHER = "TAVOLA_JWT_SECRET_OTHER"
SALT_BYTES = 16
GIVEN_UP_S = 3600.0
"""A new secret that was accepted for so long and not in use is one no more once somebody starts without it."""
LAGGING_S = 30.0
"""Room actors and stewards that an edge started which waits for its roll-out live for so long: enough to play, and not
to be there at the next."""


class SecretTurn(msgspec.Struct, frozen=True):
    """A row of `deployment_secrets`."""

    turn: int
    salt: bytes
    newest: bytes
    other: bytes | None
    age_s: float = 0.0

    @classmethod
    def begun(cls, turn: int, newest: bytes, other: bytes = b"") -> SecretTurn:
        """By whoever has these secrets; `other` empty: only one is accepted."""
        salt = os.urandom(SALT_BYTES)
        return cls(turn, salt, fingerprint(newest, salt), fingerprint(other, salt) if other else None)

    def uses(self, secret: bytes) -> bool:
        return hmac.compare_digest(self.newest, fingerprint(secret, self.salt))

    def accepts(self, secret: bytes) -> bool:
        """Beside the one in use."""
        return self.other is not None and hmac.compare_digest(self.other, fingerprint(secret, self.salt))

    def fits(self, secrets: Secrets) -> bool:
        """Whether these are all that it knows, each in its place."""
        same = self.accepts(secrets.other) if secrets.other else self.other is None
        return same and self.uses(secrets.newest)


class Admitted(msgspec.Struct, frozen=True):
    """The secrets that a process may work with, as of a turn, and whether they are all that are of it."""

    secrets: Secrets
    turn: int
    fits: bool


def fingerprint(secret: bytes, salt: bytes) -> bytes:
    """It tells whether two secrets are the same, and nothing else."""
    return hmac.digest(derive(secret, Purpose.FINGERPRINT.value), salt, "sha256")


def judge(turns: Sequence[SecretTurn], secrets: Secrets) -> Secrets | SecretTurn:
    """Which of these secrets a process may work with after these turns, or the turn that it begins. Raises
    SettingsError where it must not start."""
    if not turns:
        return SecretTurn.begun(1, secrets.newest)
    *before, now = turns
    newest, other = secrets.newest, secrets.other
    if now.uses(newest):
        if not other:
            to_come = bool(before) and before[-1].uses(newest) and now.age_s < GIVEN_UP_S
            return secrets if now.other is None or to_come else SecretTurn.begun(now.turn + 1, newest)
        if now.accepts(other):
            return secrets
        return Secrets(newest) if _was_used(turns, other) else SecretTurn.begun(now.turn + 1, newest, other)
    if not other or not now.uses(other):
        raise SettingsError(
            SETTING,
            "is not the secret that this database is used with: another stack's, or another's database. To change the "
            f"secret of this deployment, give the one before it as {OTHER} for a time",
        )
    if not _was_used(turns, newest):
        return SecretTurn.begun(now.turn + 1, newest, other)
    if not now.accepts(newest):
        raise SettingsError(SETTING, f"was replaced, and is accepted no more: the one in use is what {OTHER} holds")
    return secrets


def _was_used(turns: Sequence[SecretTurn], secret: bytes) -> bool:
    return any(turn.uses(secret) for turn in turns)


async def admit(database: Database, secrets: Secrets) -> Admitted:
    """The secrets that this process may work with. The first that starts on a database leaves its fingerprint there.

    Raises SettingsError where the database is used with another secret, and StorageUnavailable.
    """
    while True:
        turns = await _turns(database)
        verdict = judge(turns, secrets)
        if isinstance(verdict, Secrets):
            return Admitted(verdict, turns[-1].turn, turns[-1].fits(verdict))
        begun = await database.row(
            "take_secret_turn", turn=verdict.turn, salt=verdict.salt, newest=verdict.newest, other=verdict.other
        )
        if begun and turns:  # A database's first secret takes no other's place.
            log.info("secret.turn_begun", turn=verdict.turn, older_accepted=verdict.other is not None)


async def admitted_at(url: str, secrets: Secrets) -> Admitted:
    """As `admit`, for who has no connection yet."""
    database = await Database.connect(url, least=1, most=1)
    try:
        return await admit(database, secrets)
    finally:
        await database.close()


async def replaced(database: Database, admitted: Admitted, turn: int, lived_s: float) -> bool:
    """Whether an actor or a steward that was let in so long ago should make room, at this turn, for one with other
    secrets."""
    if turn == admitted.turn:
        return not admitted.fits and lived_s > LAGGING_S
    return not (await _turns(database))[-1].fits(admitted.secrets)


async def _turns(database: Database) -> list[SecretTurn]:
    return [SecretTurn(**row) for row in await database.rows("secret_turns")]
