"""What the rooms of a process share, each part as simple as it can be, for tests of one of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from facematch.recognizer.batch_slots import BatchSlots
from facematch.recognizer.counters import Counters
from facematch.recognizer.shared import Shared, TrackLimits
from facematch.recognizer.wakeup import Wakeup


def engine(**known: Any) -> Any:
    """One that looks at nothing, unless `inspect` is given."""
    return SimpleNamespace(
        **{"model": "a model", "processed_width": 640, "detect_seconds": 1.0, "encode_seconds": 0.5} | known
    )


def shared(**parts: Any) -> Shared:
    """Without a reference, unless `references` are given."""
    references = SimpleNamespace(
        current=None, error=None, looked=True, subscribe=lambda listener: None, unsubscribe=lambda listener: None
    )
    return Shared(
        engine=parts.get("engine") or engine(),
        references=cast("Any", parts.get("references") or references),
        slots=parts.get("slots") or BatchSlots(8),
        counters=parts.get("counters") or Counters(),
        limits=parts.get("limits") or TrackLimits(per_participant=4, per_room=500),
        changed=parts.get("changed") or Wakeup(),
    )
