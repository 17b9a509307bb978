"""What a recognizer tells of a room, as short as a test can say it: times are seconds after noon."""

from __future__ import annotations

from datetime import UTC, datetime

from facematch.protocol.events import Check, ParticipantChange, WatchChange

NOON = 1_758_800_000.0
"""The wall clock at second 0, before anybody sets it."""


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(NOON + seconds, UTC)


def look(when: float, outcome: str, *, lasts: float = 0.0, step: float = 0.0, **fields: object) -> Check:
    """A Check of one boot; `step` is by what its clock was set."""
    return Check.model_validate(
        {
            "participant_id": "PA_1",
            "participant_name": "Alice",
            "participant_identity": "alice",
            "track_sid": "TR_1",
            "room": "red",
            "source": "boot",
            "timestamp": at(when + step),
            "match_found": outcome == "match",
            "outcome": outcome,
            "looked_from": at(when - lasts + step),
            "looked_until": at(when + step),
            "uptime_from": 500 + when - lasts,
            "uptime_until": 500 + when,
            **fields,
        }
    )


def change(when: float, word: str, **fields: object) -> ParticipantChange:
    common = {"participant_id": "PA_1", "participant_name": "Alice", "participant_identity": "alice"}
    times = {"timestamp": at(when), "uptime": 500 + when, "source": "boot", "room": "red"}
    return ParticipantChange.model_validate({**common, **times, "change": word, **fields})


def watch(when: float, word: str, **fields: object) -> WatchChange:
    times = {"timestamp": at(when), "uptime": 500 + when, "source": "boot", "room": "red"}
    return WatchChange.model_validate({**times, "change": word, **fields})
