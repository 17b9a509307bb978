"""Anchors on their way from one recognizer to the next one of the same room, over the web process, which keeps them in
memory only. What an anchor is, `recognizer.evidence.continuity` says.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from facematch.protocol.embeddings import PackedEmbedding  # noqa: TC001  (pydantic reads it at run time)
from facematch.protocol.values import Message, Name

MOST_AT_ONCE = 500
"""Anchors in one message, and identities that are asked for or gone."""
MOST_BYTES = 1024 * 1024
"""Of a message as JSON."""


class HandedAnchor(Message):
    """One participant's."""

    participant_identity: Name
    embedding: PackedEmbedding
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
