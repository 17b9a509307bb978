"""Which recognizers there are, judged by their heartbeats, and what they have delivered."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from facematch.server.recognizers.registry import ONLINE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from facematch.server.recognizers.registry import Heard


def standing(heard: Sequence[Heard]) -> list[Heard]:
    """All but the boots that were replaced: another of the same room began later and is alive.

    One that was not replaced counts for an hour after its last heartbeat. Events may wait in its outbox.
    """
    latest: dict[str, datetime] = {}
    for heartbeat, age in heard:
        if age <= ONLINE_SECONDS:
            latest[heartbeat.room] = max(heartbeat.started_at, latest.get(heartbeat.room, heartbeat.started_at))
    return [one for one in heard if one[0].started_at >= latest.get(one[0].room, one[0].started_at)]


def all_alive(recognizers: Sequence[Heard]) -> bool:
    """Whether there are any, and all were heard of just now."""
    return bool(recognizers) and all(age <= ONLINE_SECONDS for _, age in recognizers)


def delivered_until(recognizers: Sequence[Heard]) -> datetime | None:
    """The time, on their clocks, up to which they have delivered every event there will ever be; None: not known.

    Nobody knows it while one of them is away, or cannot write its outbox. An outbox that says that something waits
    in it, but not for how long, has had its clock set back: that is not known either. Nor is a time before all times.

    A clock that was set back is heard of with the next heartbeat at the latest, within `ONLINE_SECONDS`; the time is
    too late until then. Whoever acts upon it waits for longer than that (see `retention`).
    """
    recognizers = standing(recognizers)
    if not all_alive(recognizers):
        return None
    times = []
    for heartbeat, _ in recognizers:
        waits = heartbeat.outbox_age_seconds
        if not heartbeat.outbox_durable or (heartbeat.counters.get("events_queued", 0) and waits == 0):
            return None
        try:
            times.append(heartbeat.sent_at - timedelta(seconds=waits))
        except OverflowError:
            return None
    return min(times)
