"""The door by which one recognizer hands anchors on to the next."""

# Annotations are read at run time here: FastAPI makes its routes from them.
from fastapi import APIRouter, Request

from facematch.protocol.anchors import MOST_BYTES, HandedOn, HandingOn
from facematch.server.recognizers.anchors import Anchors
from facematch.server.web.bodies import described, json_refusals, read_json
from facematch.server.web.errors import Code, documented

_ONE = {"source": "recognizer-5f0c", "room": "face-recognition-room", "encoder": "dlib", "wanted": ["Alice42"]}


def routes(anchors: Anchors) -> APIRouter:
    """`POST /api/anchors`.

    Args:
        anchors: keeps them.
    """
    router = APIRouter(tags=["status"])

    @router.post(
        "/api/anchors",
        summary="Anchors from one recognizer to the next",
        responses=documented(*json_refusals(MOST_BYTES), (422, Code.INVALID, "room: Field required")),
        openapi_extra=described(HandingOn, asks=_ONE),
    )
    async def post(request: Request) -> HandedOn:
        """With CONTINUITY on: what was the face before each participant's camera. Kept in memory, ten minutes after the
        recognizer was heard of last at most, and only the next recognizer of the same room is told.
        """
        return anchors.hand_on(await read_json(request, HandingOn, MOST_BYTES))

    return router
