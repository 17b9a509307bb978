"""Anchors on their way from one recognizer to the next one of the same room, over the web process, which keeps them in
memory only. What an anchor is, `recognizer.evidence.continuity` says.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import AfterValidator, Field

from facematch.protocol.values import Message, Name

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_AT_ONCE = 500
"""Anchors in one message, and identities that are asked for or gone."""
MOST_BYTES = 1024 * 1024
"""Of a message as JSON."""
_DIMENSIONS = 128


def packed(embedding: NDArray[np.float32]) -> str:
    """(128,) as text."""
    return b64encode(embedding.astype("<f4").tobytes()).decode("ascii")


def unpacked(text: str) -> NDArray[np.float32]:
    """(128,).

    Raises:
        ValueError: the text is not of `packed`.
    """
    try:
        found = np.frombuffer(b64decode(text, validate=True), "<f4").astype(np.float32)
    except ValueError:
        found = np.empty(0, np.float32)
    if found.shape != (_DIMENSIONS,) or not np.isfinite(found).all():
        raise ValueError("must be 128 finite numbers of four bytes, in base64")
    return found


def _embedding(text: str) -> str:
    unpacked(text)
    return text


class HandedAnchor(Message):
    """One participant's."""

    participant_identity: Name
    embedding: Annotated[str, Field(max_length=1024), AfterValidator(_embedding)] = Field(
        description="128 numbers of four bytes, little endian, in base64"
    )
    looks: Annotated[int, Field(ge=1, le=1000)] = Field(description="Of how many it is the mean")
    spread: Annotated[float, Field(ge=0, le=4, allow_inf_nan=False)] = Field(description="Variance of the looks")


class HandingOn(Message):
    """What a recognizer hands on of a room, and what it asks for."""

    source: Name
    room: Name
    encoder: Name = Field(description="Whose embeddings these are; others cannot be compared with them")
    anchors: Annotated[list[HandedAnchor], Field(max_length=MOST_AT_ONCE)] = Field(
        default=[], description="Those that have changed"
    )
    gone: Annotated[list[Name], Field(max_length=MOST_AT_ONCE)] = Field(
        default=[], description="Identities of which nothing may be kept any more"
    )
    wanted: Annotated[list[Name], Field(max_length=MOST_AT_ONCE)] = Field(
        default=[], description="Identities whose cameras are watched now: what was another recognizer's is answered"
    )


class HandedOn(Message):
    """The answer."""

    process: Name = Field(description="Another one than before has nothing of what was handed on")
    anchors: list[HandedAnchor] = Field(description="Of those wanted, what another recognizer handed on")
