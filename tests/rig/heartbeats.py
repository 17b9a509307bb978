"""A heartbeat as a recognizer posts it."""

from __future__ import annotations

from typing import Any


def heartbeat_body() -> dict[str, Any]:
    """One of a recognizer that is in its room, without tracks."""
    return {
        "source": "boot-1",
        "room": "face-recognition-room",
        "started_at": "2025-09-25T14:00:00+00:00",
        "sent_at": "2025-09-25T14:07:09+00:00",
        "livekit": "connected",
        "reference_id": "9f86d081884c7d65",
        "settings": {
            "batch_max_frames": 4,
            "hold_seconds": 9,
            "wait_seconds": 8,
            "batch_timeout_seconds": 7,
            "match_cooldown_seconds": 3,
            "threshold": 0.45,
        },
        "tracks": [],
        "counters": {"batches": 9},
        "cpu_seconds": 4.1,
        "cpu_ratio": 0.02,
        "memory_bytes": 230_000_000,
        "memory_ratio": 0.41,
    }
