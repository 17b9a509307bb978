"""The time of day, for what is compared with times that others wrote down. Everything else uses monotonic seconds."""

from __future__ import annotations

from datetime import UTC, datetime


def wall_clock() -> datetime:
    """Now, aware, in UTC."""
    return datetime.now(UTC)
