"""LiveKit's webhook: that something has happened in it. Nothing of what it says is believed; it only has us look."""

# Annotations are read at run time here: FastAPI makes its routes from them.
import warnings
from collections.abc import Callable
from typing import Final, Literal

from fastapi import APIRouter, Request
from jwt.warnings import InsecureKeyLengthWarning
from livekit.api import WebhookReceiver
from pydantic import BaseModel

from facematch.server.web.bodies import KB, json_refusals, read_json_text
from facematch.server.web.errors import ApiError, Code, documented
from facematch.server.web.gate import Complaints

LIMIT: Final = 64 * KB
_KIND: Final = "application/webhook+json"
"""As LiveKit calls it."""
_UNSIGNED = (401, Code.WRONG_SIGNATURE, "This was not signed with LIVEKIT_API_KEY and its secret.")


class Taken(BaseModel):
    """It is looked at."""

    ok: Literal[True] = True


def routes(receiver: WebhookReceiver, nudge: Callable[[], None]) -> APIRouter:
    """`POST /livekit/webhook`.

    Args:
        receiver: knows what is signed.
        nudge: has LiveKit's rooms looked at.
    """
    router = APIRouter(tags=["status"])
    refused = Complaints("LiveKit's webhook was refused: it is not signed with LIVEKIT_API_KEY and its secret")

    @router.post(
        "/livekit/webhook",
        summary="LiveKit says that something has happened",
        responses=documented(*json_refusals(LIMIT), _UNSIGNED),
        openapi_extra={"requestBody": {"required": True, "content": {_KIND: {"schema": {"type": "object"}}}}},
    )
    async def webhook(request: Request) -> Taken:
        """Set this address as a webhook of your LiveKit server, signed with `LIVEKIT_API_KEY`, and a room is found the
        moment it opens, instead of within half a second. Whoever asks needs no role: the signature is checked.
        """
        body = await read_json_text(request, LIMIT, _KIND)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", InsecureKeyLengthWarning)  # the demo secret is short
                receiver.receive(body.decode(), request.headers.get("authorization", ""))
        except Exception as error:  # noqa: BLE001  (the library raises all kinds)
            refused.add(reason=type(error).__name__)
            raise ApiError(*_UNSIGNED) from None
        nudge()
        return Taken()

    return router
