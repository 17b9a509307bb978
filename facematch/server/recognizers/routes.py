"""The recognizers' door: heartbeats in, orders out."""

# Annotations are read at run time here: FastAPI makes its routes from them.
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from fastapi import APIRouter, Request

from facematch.protocol.events import KINDS
from facematch.protocol.heartbeat import MOST_BYTES, Heartbeat, HeartbeatAnswer, Order, OrderDone
from facematch.server.recognizers.directing import NO_WORD, Directing
from facematch.server.recognizers.registry import Recognizers
from facematch.server.web.bodies import described, json_refusals, read_json
from facematch.server.web.errors import Code, documented

_HEARTBEAT = {
    "source": "recognizer-5f0c",
    "room": "face-recognition-room",
    "started_at": "2025-09-25T14:00:00+00:00",
    "sent_at": "2025-09-25T14:07:09+00:00",
    "livekit": "connected",
    "reference_id": "9f86d081884c7d65",
    "settings": {
        "batch_max_frames": 5,
        "hold_seconds": 10,
        "wait_seconds": 10,
        "batch_timeout_seconds": 10,
        "match_cooldown_seconds": 3,
        "threshold": 0.5,
    },
    "tracks": [
        {
            "track_sid": "TR_xxx",
            "participant_id": "PA_xxx",
            "participant_identity": "Alice42",
            "participant_name": "Alice42",
            "state": "hold",
            "deadline_in": 7.2,
            "batches": 9,
            "last_outcome": "match",
        }
    ],
    "counters": {"batches": 9, "frames": 14, "matches": 8, "checks": 9},
    "cpu_seconds": 4.1,
    "cpu_ratio": 0.02,
    "memory_bytes": 230000000,
    "memory_ratio": 0.41,
}


class Ordering(Protocol):
    """Who asks something of recognizers."""

    async def hear(self, heartbeat: Heartbeat) -> None:
        """Told of each heartbeat."""
        ...

    def orders(self, heartbeat: Heartbeat) -> list[Order]:
        """What the answer to a heartbeat asks for."""
        ...


def ordered_by_beats(
    recognizers: Recognizers, ordering: Ordering
) -> Callable[[str, Sequence[OrderDone]], Awaitable[list[Order]]]:
    """What the answer to a beat asks for: a recognizer without a room sends no heartbeat, and its outbox may hold
    events all the same. One that never had any is asked for nothing.
    """

    async def orders(boot: str, done: Sequence[OrderDone]) -> list[Order]:
        last = next((heartbeat for heartbeat, _ in recognizers.all() if heartbeat.source == boot), None)
        if last is None:
            return []
        said = last.model_copy(update={"orders_done": list(done)})
        await ordering.hear(said)
        return ordering.orders(said)

    return orders


async def _nobody_else(_heartbeat: Heartbeat) -> None:
    pass


def routes(
    recognizers: Recognizers,
    ordering: Ordering,
    gallery_version: Callable[[], int],
    directing: Directing = NO_WORD,
    tell: Callable[[Heartbeat], Awaitable[None]] = _nobody_else,
) -> APIRouter:
    """`POST /api/heartbeat`.

    Args:
        recognizers: told of each.
        ordering: told of each afterwards, and asked what to answer.
        gallery_version: that a recognizer can fetch now.
        directing: asked about the participants that it names.
        tell: passes each on to other processes.
    """
    router = APIRouter(tags=["status"])

    @router.post(
        "/api/heartbeat",
        summary="The recognizer's account of itself",
        responses=documented(
            *json_refusals(MOST_BYTES),
            (422, Code.INVALID, "livekit: Input should be 'connecting', 'connected', …"),
        ),
        openapi_extra=described(Heartbeat, one_track=_HEARTBEAT),
    )
    async def heartbeat(request: Request) -> HeartbeatAnswer:
        """What its answer orders, the recognizer carries out, and tells so in `orders_done` of those that follow."""
        heartbeat = await read_json(request, Heartbeat, MOST_BYTES)
        recognizers.hear(heartbeat)
        await tell(heartbeat)
        await ordering.hear(heartbeat)
        return HeartbeatAnswer(
            orders=ordering.orders(heartbeat),
            takes=[*KINDS],
            gallery_version=gallery_version(),
            **await directing.answer(heartbeat),
        )

    return router
