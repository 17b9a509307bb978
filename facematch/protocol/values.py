"""The values that messages are made of, typed once: texts with a bound, times with a zone, numbers that a column and
JavaScript can hold.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, PositiveInt, StringConstraints

LONGEST_NAME = 512
Text = Annotated[str, StringConstraints(max_length=LONGEST_NAME)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME)]
LocalPath = Annotated[str, StringConstraints(max_length=4096)]
Timestamp = Annotated[AwareDatetime, PlainSerializer(datetime.isoformat, return_type=str, when_used="json")]
"""Written with its offset (`+00:00`), as the seed does."""
FileName = Annotated[str, StringConstraints(max_length=255, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]
Distance = Annotated[float, Field(ge=0, le=4, allow_inf_nan=False)]
BBox = tuple[int, int, int, int]
FrameSize = tuple[PositiveInt, PositiveInt]

# What a recognizer says of itself is added, subtracted and written out by whoever hears it: no number of it may be one
# that a clock, a column or JavaScript cannot hold. The limits are far beyond what any recognizer can reach.
MOST_COUNTED = 2**53 - 1
LONGEST_SECONDS = 1e10
"""About 300 years: a machine without a clock of its own begins in 1970, and its outbox ages by decades at once."""
Count = Annotated[int, Field(ge=0, le=MOST_COUNTED)]
Epoch = Annotated[int, Field(ge=1, le=MOST_COUNTED)]
"""Counts the owners of a room. It never falls, also when the room has been away meanwhile."""
Seconds = Annotated[float, Field(ge=0, le=LONGEST_SECONDS, allow_inf_nan=False)]
Ratio = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]


class Message(BaseModel):
    """Whatever one process says to another.

    What is known is strict. Fields that are not known are left out: they are those of a newer version, which has to
    work with an older one on the other side.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, strict=False, allow_inf_nan=False)
