"""The face of somebody who was recognised as nobody, on its way from a recognizer to the web process."""

from __future__ import annotations

from base64 import b64decode
from typing import Annotated

from pydantic import AfterValidator, Field

from facematch.protocol.embeddings import PackedEmbedding  # noqa: TC001  (pydantic reads it at run time)
from facematch.protocol.values import Message, Name, Timestamp

LARGEST_CROP = 384 * 1024
"""Bytes of the JPEG."""
MOST_BYTES = 640 * 1024
"""Of the message as JSON."""
_JPEG = b"\xff\xd8\xff"


def _jpeg(text: str) -> str:
    data = b64decode(text, validate=True)
    if not data.startswith(_JPEG) or len(data) > LARGEST_CROP:
        raise ValueError(f"must be a JPEG of at most {LARGEST_CROP >> 10} kB, in base64")
    return text


class UnknownFaceSeen(Message):
    """One face, as well as it was seen until now."""

    room: Name
    participant_id: Name
    participant_identity: Name
    participant_name: Name
    at: Timestamp = Field(description="When the picture was taken")
    encoder: Name = Field(description="Whose embedding it is")
    embedding: PackedEmbedding
    quality: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)] = Field(description="More is better")
    image: Annotated[str, Field(max_length=MOST_BYTES), AfterValidator(_jpeg)] = Field(
        description="A JPEG with this face and no other, in base64"
    )
