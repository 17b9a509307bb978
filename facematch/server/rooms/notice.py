"""What whoever joins is to know before: who compares, why, how long anything is kept, whom to ask."""

# Annotations are read at run time here: FastAPI makes its routes from them.
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from facematch.server.web.errors import documented


class Notice(BaseModel):
    """In the settings in force."""

    model_config = ConfigDict(frozen=True)

    operator: str | None = Field(description="Who compares; null: they have not said (OPERATOR_NAME)")
    purpose: str | None = Field(description="Why, after the words: Faces are compared; null: they have not said")
    contact: str | None = Field(description="Whom to ask: a mail address, an address, or words; null: not said")
    consent_required: bool = Field(description="Nobody is looked at before they have agreed")
    continuity: bool = Field(description="Whether a face is also compared with the one before it at the same camera")
    snapshots: Literal["none", "face", "frame"] = Field(description="What is kept of a match's picture")
    snapshot_days: float = Field(description="How long that is kept")
    event_days: float = Field(description="How long it is kept that somebody was looked at, and what came of it")
    statistics_days: float = Field(description="How long it is kept who was there and when, and figures by day")
    guests_see_others: bool = Field(description="Whether guests see and hear the others in the room")
    may_be_watched: Literal[True] = Field(
        default=True, description="Viewers and admins may see the room's videos without being seen in it"
    )


def routes(notice: Notice) -> APIRouter:
    """`GET /api/notice`.

    Args:
        notice: in force until the process ends.
    """
    router = APIRouter(tags=["tokens"])

    @router.get("/api/notice", summary="What guests are to know before they join", responses=documented())
    async def get() -> Notice:
        """The page tells it before it asks for a camera; programs that let people join should, too."""
        return notice

    return router
