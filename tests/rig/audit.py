"""What the event log and the snapshot folder hold, and whether the two keep the promises made about them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import aiohttp
from PIL import Image

from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.rig.process import Process
    from tests.rig.stack import Stack

Json = dict[str, Any]

_PAGE = 1000
_NOT_AWAITED = "Ending without waiting for what does not close"


async def logged(
    base_url: str, after: int = 0, headers: Mapping[str, str] | None = None, types: str | None = None
) -> list[Json]:
    """The whole log behind a cursor, in order, from GET /api/events; matches and Checks, if `types` names no others."""
    found: list[Json] = []
    async with aiohttp.ClientSession(headers=headers) as session:
        while True:
            query = {"after": str(after), "limit": str(_PAGE)} | ({"type": types} if types else {})
            async with session.get(f"{base_url}/api/events", params=query) as response:
                page = await response.json()
                assert response.status == 200, page
            found += page["events"]
            after = page["next_after"]
            if not page["more"]:
                return found


async def delivered(stack: Stack, *, within: float) -> None:
    """Returns when the recognizer says that no event waits (or only those of this moment)."""

    async def nearly_empty() -> bool:
        heartbeat = await stack.heartbeat()
        if heartbeat is None:
            return False
        return bool(heartbeat["counters"]["events_queued"] <= 2 and heartbeat["outbox_age_seconds"] < 1)

    await wait_until(nearly_empty, within=within, what="the outbox is empty")


def assert_in_order(events: list[Json]) -> None:
    """Each event once; each source's numbers 1, 2, 3 …; each track's times never back; a match, then its Check."""
    identifiers = [event["event_id"] for event in events]
    assert len(set(identifiers)) == len(identifiers), "an event is in the log twice"
    cursors = [event["cursor"] for event in events]
    assert cursors == sorted(cursors)
    by_source, by_track = defaultdict(list), defaultdict(list)
    for event in events:
        by_source[event["source"]].append(event["seq"])
        by_track[event["source"], event["track_sid"]].append(event["timestamp"])
    for source, numbers in by_source.items():
        assert numbers == list(range(1, len(numbers) + 1)), f"of {source}: {_breaks(numbers)}"
    assert len(_without_repeats([event["source"] for event in events])) == len(by_source), "sources mixed"
    for track, times in by_track.items():
        assert times == sorted(times), f"out of order: {track}"
    matched = {event["cycle_id"] for event in events if event["type"] == "match"}
    for event in events:
        if event["type"] == "check" and event["match_found"]:
            assert event["cycle_id"] in matched, f"a Check that speaks of a match that is not there: {event}"


def assert_snapshots_have_events(events: list[Json], captures: Path, *, ended: Process | None = None) -> int:
    """Each file is whole and has its event, each event its file. Returns how many files there are.

    `ended`: the recognizer, when it has ended in order: then no hidden draft lies there, unless it says that it had to
    leave a slow disk to itself.
    """
    told = {event["snapshot"] for event in events if event["type"] == "match" and event["snapshot"]}
    files = {path.name for path in captures.iterdir() if not path.name.startswith(".")}
    assert files - told == set(), "snapshots without an event"
    assert told - files == set(), "events whose snapshot is not there"
    for name in files:
        with Image.open(captures / name) as picture:
            picture.load()  # raises when it is torn
    if ended is not None and _NOT_AWAITED not in ended.output():
        assert not ended.alive
        assert list(captures.glob(".*")) == []
    return len(files)


def _breaks(numbers: list[int]) -> list[tuple[int, int]]:
    return [(a, b) for a, b in zip([0, *numbers], numbers, strict=False) if b != a + 1][:5]


def _without_repeats(values: list[str]) -> list[str]:
    return [value for index, value in enumerate(values) if index == 0 or values[index - 1] != value]
