"""The recognizers' door to rooms: beats."""

# Annotations are read at run time here: FastAPI makes its routes from them.
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request

from facematch.protocol.beat import ANSWER_SECONDS, Beat, BeatAnswer
from facematch.protocol.heartbeat import Order, OrderDone
from facematch.server.storage.errors import LogUnavailableError, UnstorableError
from facematch.server.web.bodies import MB, described, json_refusals, read_json
from facematch.server.web.errors import ApiError, Code, documented

LIMIT: Final = 1 * MB
"""A thousand rooms with names of LiveKit's greatest length take half of it."""

_ALONE = (404, Code.NO_ROOMS, "ROOMS is not set for the API: it gives no rooms to recognizers.")
_AWAY = "It cannot be said now who watches which room. Keep what you have."

_BEAT = {
    "worker": "exam-host-1-3f9a02c1",
    "boot": "142ae7007a02446eaa70796ebc9deae3",
    "sent_at": "2025-09-25T14:07:09+00:00",
    "capacity": 100,
    "rooms": [{"room": "exam-1", "epoch": 3, "arrived": True, "cost": 0.5}],
    "settings": {"MATCH_TOLERANCE": "0.5"},
    "version": "1.1.0",
}


Take = Callable[[Beat], Awaitable[BeatAnswer]]
"""Raises `LogUnavailableError`, `UnstorableError`."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What else the answer to a beat says."""

    gallery_version: Callable[[], int]
    """That a recognizer can fetch now."""
    orders: Callable[[str, Sequence[OrderDone]], Awaitable[list[Order]]]
    """Of a boot, which says what it has done: what it is to erase."""


def routes(take: Take | None, asking: Asking) -> APIRouter:
    """`POST /api/beat`.

    Args:
        take: what each is to hold; None: rooms are not given to anybody.
        asking: asked what else to answer.
    """
    router = APIRouter(tags=["status"])

    @router.post(
        "/api/beat",
        summary="What a recognizer holds, and what it is to hold",
        responses=documented(
            *json_refusals(LIMIT),
            _ALONE,
            (422, Code.INVALID, "capacity: Input should be greater than or equal to 0"),
            (503, Code.STORAGE_FAILED, _AWAY),
        ),
        openapi_extra=described(Beat, one_room=_BEAT),
    )
    async def beat(request: Request) -> BeatAnswer:
        """Once a second. Rooms that the answer does not name are left at once; without an answer all are kept."""
        told = await read_json(request, Beat, LIMIT)
        if take is None:
            raise ApiError(*_ALONE)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                said = await take(told)
        except (LogUnavailableError, TimeoutError) as error:
            raise ApiError(503, Code.STORAGE_FAILED, _AWAY, headers={"Retry-After": "1"}) from error
        except UnstorableError as error:
            raise ApiError(422, Code.INVALID, "The beat holds a value that cannot be stored.") from error
        orders = await asking.orders(told.boot, told.orders_done)
        return said.model_copy(update={"gallery_version": asking.gallery_version(), "orders": orders})

    return router
