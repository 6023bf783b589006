"""The secret of a webhook: made, sealed for the database, and by it the signature of what is sent. Pure.

The receiver knows the secret too, and may have it for longer than the deployment has its own; so it is kept, sealed.
"""

from __future__ import annotations

import hmac
import secrets as randomness
from contextlib import suppress

from tavola.config.keys import Purpose, Secrets
from tavola.storage.sealing import NotOpened, Opener, Sealer

PREFIX = "whsec_"
HEADER = "Tavola-Signature"


def made() -> str:
    """A new secret."""
    return PREFIX + randomness.token_urlsafe(32)


def sealed(secrets: Secrets, name: str, secret: str) -> bytes:
    """The secret of the webhook `name` as the database has it."""
    return Sealer(secrets.keys(Purpose.WEBHOOKS)[0]).seal(name, secret.encode())


def opened(secrets: Secrets, name: str, kept: bytes) -> tuple[str, bool]:
    """The secret, and whether it is sealed with the deployment's newest. Raises NotOpened."""
    newest, *others = secrets.keys(Purpose.WEBHOOKS)
    with suppress(NotOpened):
        return Opener([newest]).open(name, kept).decode(), True
    return Opener(others).open(name, kept).decode(), False


def signature(secret: str, at_s: int, body: bytes) -> str:
    """The header's value: HMAC-SHA256 of the time, a dot and the body."""
    signed = hmac.digest(secret.encode(), b"%d.%b" % (at_s, body), "sha256")
    return f"t={at_s},v1={signed.hex()}"
