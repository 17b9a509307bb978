"""What whoever asked for an erasure is told."""

# Annotations are read at run time here: pydantic makes its models from them.
from datetime import datetime
from typing import Literal
from uuid import UUID

import structlog
from pydantic import BaseModel, Field

from facematch.server.privacy.erasure import Erased
from facematch.server.web.errors import ApiError, Code

log = structlog.get_logger(__name__)

FAILED = "Not everything could be removed (the database is away). What was written down is tried again by itself."


class Counts(BaseModel):
    """What was erased, and by whom."""

    receipt_id: UUID
    at: datetime = Field(description="When it was asked for. What happens after this answer is not erased")
    events: int = Field(description="Removed from the event log")
    snapshots: int = Field(description="Files removed")
    undelivered_events: int | None = Field(description="Removed from the recognizer's outbox; null: not known yet")
    recognizer: Literal["done", "pending"] = Field(
        description="pending: it has not confirmed yet. It is told until it does, also after a restart"
    )


def counts(erased: Erased) -> dict[str, object]:
    """The fields of `Counts`."""
    return {
        "receipt_id": erased.id,
        "at": erased.at,
        "events": erased.events,
        "snapshots": erased.snapshots,
        "undelivered_events": erased.undelivered,
        "recognizer": "pending" if erased.undelivered is None else "done",
    }


def failed(error: OSError) -> ApiError:
    """Something is still there."""
    reason = error.strerror or str(error)  # the first names no file, whose name would tell whose it is
    log.error("Erasure not complete", reason=reason)
    detail = f"Not everything could be removed ({reason}). What was written down is tried again by itself."
    return ApiError(503, Code.STORAGE_FAILED, detail, headers={"Retry-After": "10"})
