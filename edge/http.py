"""Requests and responses of the REST door: bodies, ids, answers, refusals."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable
from typing import Any

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response

from actors.commands import STATUS
from actors.messages import No
from edge.protocol import FRAME_LIMIT
from edge.router import AWAY, NOBODY
from storage.postgres import Conflict, StorageUnavailable

log = structlog.get_logger()

Answer = dict[str, Any] | bytes | No
"""What a request comes to: an object, its JSON ready-made, or a refusal."""

_encode = msgspec.json.Encoder().encode


def command_id(request: Request) -> str:
    return request.headers.get("idempotency-key") or f"rest.{secrets.token_hex(12)}"


async def read(request: Request) -> dict[str, Any] | No:
    """The body as a JSON object; an empty body is an empty object."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FRAME_LIMIT:
            return No("message_too_large", "A body has at most 32 KiB.")
    try:
        return msgspec.json.decode(bytes(body), type=dict[str, Any]) if body else {}
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return No("invalid_message", "The body is not a JSON object.")


async def answered(work: Awaitable[Answer], status: int = 200) -> Response:
    """The response to an answer, or to what went wrong on the way to it."""
    try:
        answer = await work
    except StorageUnavailable as error:
        log.warning("api.storage_unavailable", reason=str(error))
        answer = AWAY
    except Conflict as error:
        log.error("api.refused_by_database", constraint=error.constraint)
        answer = NOBODY
    if isinstance(answer, No):
        return refusal(answer)
    body = answer if isinstance(answer, bytes) else _encode(answer)
    return Response(body, status, media_type="application/json")


def refusal(no: No) -> Response:
    fields = {"code": no.code, "message": no.message, "details": no.details, "retry_after_ms": no.retry_after_ms}
    body = {"error": {key: value for key, value in fields.items() if value is not None}}
    headers = {"Retry-After": str(-(-no.retry_after_ms // 1000))} if no.retry_after_ms else None
    return Response(_encode(body), STATUS.get(no.code, 500), headers, media_type="application/json")
