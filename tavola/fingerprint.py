"""Whether this process may use the database: it keeps a fingerprint of the deployment's secret.

The secret changes in turns. A turn is begun by the first process that starts with a new secret in use and the one
before it accepted as well, and another by the first that accepts the older one no more. Whoever starts later is
judged by the turns that were: a secret that was replaced is accepted for as long as the turn says so, and is never in
use again but by those that still wait for their restart.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Sequence

import msgspec
import structlog

from storage.postgres import Database
from tavola.keys import Purpose, Secrets, derive
from tavola.settings import SettingsError

log = structlog.get_logger()

SETTING = "TAVOLA_JWT_SECRET"
OTHER = "TAVOLA_JWT_SECRET_OTHER"
SALT_BYTES = 16


class Turn(msgspec.Struct, frozen=True):
    """A row of `deployment_secrets`."""

    turn: int
    salt: bytes
    newest: bytes
    other: bytes | None

    @classmethod
    def begun(cls, turn: int, newest: bytes, other: bytes = b"") -> Turn:
        """By whoever has these secrets; `other` empty: only one is accepted."""
        salt = os.urandom(SALT_BYTES)
        return cls(turn, salt, fingerprint(newest, salt), fingerprint(other, salt) if other else None)

    def uses(self, secret: bytes) -> bool:
        return hmac.compare_digest(self.newest, fingerprint(secret, self.salt))

    def accepts(self, secret: bytes) -> bool:
        """Beside the one in use."""
        return self.other is not None and hmac.compare_digest(self.other, fingerprint(secret, self.salt))


class Admitted(msgspec.Struct, frozen=True):
    """The secrets that a process may work with, as of a turn."""

    secrets: Secrets
    turn: int


def fingerprint(secret: bytes, salt: bytes) -> bytes:
    """It tells whether two secrets are the same, and nothing else."""
    return hmac.digest(derive(secret, Purpose.FINGERPRINT.value), salt, "sha256")


def judge(turns: Sequence[Turn], secrets: Secrets) -> Secrets | Turn:
    """Which of these secrets a process may work with after these turns, or the turn that it begins. Raises
    SettingsError where it must not start."""
    if not turns:
        return Turn.begun(1, secrets.newest)
    *_, now = turns
    newest, other = secrets.newest, secrets.other
    if now.uses(newest):
        if not other and now.other is not None:
            return Turn.begun(now.turn + 1, newest)
        over = other and not now.accepts(other) and _was_used(turns, other)
        return Secrets(newest) if over else secrets
    if not other or not now.uses(other):
        raise SettingsError(
            SETTING,
            "is not the secret that this database is used with: another stack's, or another's database. To change the "
            f"secret of this deployment, give the one before it as {OTHER} for a time",
        )
    if not _was_used(turns, newest):
        return Turn.begun(now.turn + 1, newest, other)
    if not now.accepts(newest):
        raise SettingsError(SETTING, f"was replaced, and is accepted no more: the one in use is what {OTHER} holds")
    return secrets


def _was_used(turns: Sequence[Turn], secret: bytes) -> bool:
    return any(turn.uses(secret) for turn in turns)


async def admit(database: Database, secrets: Secrets) -> Admitted:
    """The secrets that this process may work with. The first that starts on a database leaves its fingerprint there.

    Raises SettingsError where the database is used with another secret, and StorageUnavailable.
    """
    while True:
        turns = await _turns(database)
        verdict = judge(turns, secrets)
        if isinstance(verdict, Secrets):
            return Admitted(verdict, turns[-1].turn)
        if await database.row("take_secret_turn", verdict.turn, verdict.salt, verdict.newest, verdict.other):
            log.info("secret.turn_begun", turn=verdict.turn, older_accepted=verdict.other is not None)


async def admitted_at(url: str, secrets: Secrets) -> Admitted:
    """As `admit`, for who has no connection yet."""
    database = await Database.connect(url, least=1, most=1)
    try:
        return await admit(database, secrets)
    finally:
        await database.close()


async def replaced(database: Database, admitted: Admitted, turn: int) -> bool:
    """Whether at this turn the process should be one with other secrets. It goes on until it is."""
    if turn == admitted.turn:
        return False
    now = (await _turns(database))[-1]
    secrets = admitted.secrets
    return not now.uses(secrets.newest) or bool(secrets.other and not now.accepts(secrets.other))


async def _turns(database: Database) -> list[Turn]:
    return [Turn(row["turn"], row["salt"], row["newest"], row["other"]) for row in await database.rows("secret_turns")]
