"""Faces that are nobody's, for somebody to say whose they are: the best picture of each, sent to the web process.

A face is nobody's when two looks or more, taken together, are outside everybody's tolerance, and no look named
anybody. Nothing is kept here but the embedding and the quality of what was sent, for an hour: so each face of each
participant is sent once, and again when it is seen much better.
"""

from __future__ import annotations

import asyncio
import io
from base64 import b64encode
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import structlog
from PIL import Image

from facematch.protocol.embeddings import packed
from facematch.protocol.unknown_faces import LARGEST_CROP, UnknownFaceSeen
from facematch.recognizer.delivery.api_client import ApiUnreachableError, as_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facematch.faces.detector import BBox, Pixels
    from facematch.protocol.events import Evidence
    from facematch.recognizer.delivery.api_client import ApiClient

log = structlog.get_logger(__name__)

LEAST_LOOKS: Final = 2
LEAST_WIDTH: Final = 80
"""Pixels: a smaller face cannot be enrolled."""
MUCH_BETTER: Final = 1.25
"""Times the quality of what was sent."""
ALIKE: Final = 0.5
"""Distance within which two means of looks are of one face."""
SENT_SECONDS: Final = 3600.0
"""How long it is remembered what was sent."""
MOST_SENT: Final = 1000
MOST_WAITING: Final = 20
POST_SECONDS: Final = 5.0
MARGIN: Final = 0.6
"""Of the face's width, on each side: hair and chin belong to a photo."""
_QUALITY: Final = 90


class Participant(Protocol):
    """Whose camera it was, in words that the wire takes."""

    @property
    def participant_id(self) -> str:
        """Their sid."""
        ...

    @property
    def participant_name(self) -> str:
        """As they call themselves."""
        ...

    @property
    def participant_identity(self) -> str:
        """In LiveKit."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class SeenFace:
    """The face of a look that counts."""

    embedding: NDArray[np.float32]
    """(128,), of the last looks together."""
    bbox: BBox
    picture: Pixels
    """(H, W, 3) uint8 RGB."""

    @property
    def quality(self) -> float:
        """More is better: the face's width, to where more says nothing."""
        return float(min(self.bbox[1] - self.bbox[3], 2 * LEAST_WIDTH))


@dataclass(frozen=True, slots=True, eq=False)
class _Sent:
    room: str
    identity: str
    embedding: NDArray[np.float32]
    quality: float
    at: float


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    sent: _Sent
    who: Participant
    crop: Pixels
    taken_at: datetime


def is_nobody(evidence: Evidence, *, enrolled: bool) -> bool:
    """Whether looks together are outside everybody's tolerance. Where there are too many to tell, they are not.

    Args:
        evidence: of the looks.
        enrolled: there is anybody to compare with.
    """
    return evidence.good and evidence.looks >= LEAST_LOOKS and (evidence.stranger or not enrolled)


class UnknownFaces:
    """See the module.

    Args:
        api: where they go.
        encoder: whose embeddings they are.
        enabled: KEEP_UNKNOWN_FACES.
    """

    def __init__(self, api: ApiClient, encoder: str, *, enabled: bool) -> None:
        self._api = api
        self._encoder = encoder
        self.enabled = enabled
        self._sent: deque[_Sent] = deque(maxlen=MOST_SENT)
        self._waiting: deque[_Waiting] = deque(maxlen=MOST_WAITING)
        self._news = asyncio.Event()

    def offer(self, room: str, who: Participant, face: SeenFace) -> None:
        """A face that is nobody's was seen. Never waits."""
        now = asyncio.get_running_loop().time()
        if face.bbox[1] - face.bbox[3] < LEAST_WIDTH:
            return
        mine = [one for one in self._sent if (one.room, one.identity) == (room, who.participant_identity)]
        for one in mine:
            alike = float(np.linalg.norm(one.embedding - face.embedding)) <= ALIKE
            if alike and now - one.at < SENT_SECONDS and face.quality < one.quality * MUCH_BETTER:
                return
        sent = _Sent(room, who.participant_identity, face.embedding, face.quality, now)
        self._sent.append(sent)
        self._waiting.append(_Waiting(sent, who, _crop(face), datetime.now(UTC)))
        self._news.set()

    def forget(self, identity: str) -> None:
        """Nothing of a participant may be kept."""
        self._sent = deque((one for one in self._sent if one.identity != identity), MOST_SENT)
        self._waiting = deque((one for one in self._waiting if one.sent.identity != identity), MOST_WAITING)

    async def run(self) -> None:
        """Send, for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                await self._send_next()

    async def _send_next(self) -> None:
        """In a frame of its own, which keeps no face while there is nothing to send."""
        one = self._waiting.popleft()
        if not await self._send(one) and one.sent in self._sent:
            self._sent.remove(one.sent)  # the next look offers it anew

    async def _send(self, one: _Waiting) -> bool:
        image = await asyncio.to_thread(_jpeg, one.crop)
        if len(image) > LARGEST_CROP:
            return True
        message = UnknownFaceSeen(
            room=one.sent.room,
            participant_id=one.who.participant_id,
            participant_identity=one.who.participant_identity,
            participant_name=one.who.participant_name,
            at=one.taken_at,
            encoder=self._encoder,
            embedding=packed(one.sent.embedding),
            quality=one.sent.quality,
            image=b64encode(image).decode("ascii"),
        )
        try:
            answer = await self._api.post("/api/unknowns", as_json(message.model_dump(mode="json")), POST_SECONDS)
        except ApiUnreachableError as error:
            log.debug("An unknown face was not delivered", reason=str(error))
            return False
        if answer.status >= 400:  # noqa: PLR2004
            log.debug("An unknown face was not taken", status=answer.status)
        return True


def _crop(face: SeenFace) -> Pixels:
    """The face with its margin, a copy: the frame goes on to whoever wants it."""
    top, right, bottom, left = face.bbox
    by = round((right - left) * MARGIN)
    height, width = face.picture.shape[:2]
    return face.picture[max(0, top - by) : min(height, bottom + by), max(0, left - by) : min(width, right + by)].copy()


def _jpeg(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
