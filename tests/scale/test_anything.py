"""Anything is killed, stopped or restarted, at any time and in any order; the log and the rooms keep their promises."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter, defaultdict
from contextlib import closing
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from tests.rig.audit import logged
from tests.rig.breaking import Breaking
from tests.rig.livekit_server import LiveKitServer
from tests.rig.publishing import Publishers
from tests.rig.running_fleet import BEARER, LATE_SECONDS, SENDER, running_fleet
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.postgres import Postgres
    from tests.rig.proofs import Scale

SEED = 20261126
OUTDATED = "Event not taken: another recognizer was there"
SETTLED_SECONDS = 60
AT_LEAST, AT_MOST = attrgetter("at_least"), attrgetter("seconds")
CAMERAS = 2
"""Rooms with somebody before one: recognizers number what they tell of it."""
OFTEN: dict[str, Any] = {"hold_seconds": 1, "wait_seconds": 1, "match_cooldown_seconds": 0}


async def test_whatever_dies_nothing_is_lost_or_told_twice_and_rooms_are_watched_by_one(
    database: Postgres, tmp_path: Path, scale: Scale, figure: dict[str, object]
) -> None:
    """In the short form LiveKit lives, and nothing is said of how fast others are: that is for a machine at rest."""
    whole = scale(False, True)
    livekit = LiveKitServer(tmp_path)
    livekit.start()
    try:
        async with running_fleet(tmp_path, database, livekit, scale(4, 10), **OFTEN) as fleet:
            breaking = Breaking(fleet, database, livekit if whole else None, SEED)
            async with (
                Publishers(livekit.url, tmp_path / "publishers.log") as people,
                fleet.record(livekit_may_be_away=True) as record,
                fleet.sending() as sender,
            ):
                for room in fleet.rooms[:CAMERAS]:
                    await people.on_air(room, "somebody", fps=5)
                began = time.monotonic()
                await breaking.run(scale(8.0, 600.0), apart=scale(2.0, 7.0))
                await wait_until(fleet.watched_by_one, within=SETTLED_SECONDS, what="each room is watched by one")
                all_gaps = [*record.spells(lambda who: not who, began)]
                gaps = [gap for gap in all_gaps if gap.seconds > breaking.allowed(gap)]
                doubles = [*record.spells(lambda who: len(who) > 1, began)]
            for worker in fleet.workers.values():
                await worker.terminate(within=SETTLED_SECONDS)
            events = await logged(fleet.url, headers=BEARER, types="all")
            outdated = sum(worker.output().count(OUTDATED) for worker in fleet.workers.values())
            figure.update(
                breaks=breaking.counts,
                acknowledged=len(sender.acknowledged),
                events=len(events),
                two_in_a_room_s=[round(max(map(of, doubles), default=0.0), 2) for of in (AT_LEAST, AT_MOST)],
                gaps=len(all_gaps),
                longest_gap=breaking.told(max(all_gaps, key=AT_MOST)) if all_gaps else "",
                gaps_too_long=[f"{gap.seconds:.1f} s, allowed {breaking.allowed(gap):.1f}" for gap in gaps],
            )
            assert_log_keeps(events, sender.acknowledged, waiting=in_outboxes(tmp_path), outdated=outdated)
            assert max(map(AT_LEAST, doubles), default=0.0) <= scale(float(LATE_SECONDS), 1.0)
            assert not (whole and gaps), [breaking.told(gap) for gap in gaps]
    finally:
        livekit.stop()


def assert_log_keeps(
    events: list[dict[str, Any]], acknowledged: list[str], waiting: set[tuple[str, int]], outdated: int
) -> None:
    """What was acknowledged is there, once; of each recognizer's events none is missing but what may be.

    Args:
        events: the log.
        acknowledged: ids of events that the sender was told are kept.
        waiting: sources and numbers of events that still wait.
        outdated: how many were not taken, since another recognizer was in the room by then.
    """
    ids = Counter(event["event_id"] for event in events)
    assert not [one for one, times in ids.items() if times > 1], "told twice"
    assert not [one for one in acknowledged if one not in ids], "acknowledged and lost"
    seqs = defaultdict(list)
    for event in events:
        if event.get("seq") is not None and event["source"] != SENDER:
            seqs[event["source"]].append(event["seq"])
    assert seqs, "recognizers have told something"
    assert all(len(set(numbers)) == len(numbers) for numbers in seqs.values())
    missing = [
        (source, number)
        for source, numbers in seqs.items()
        for number in range(1, max(numbers) + 1)
        if number not in numbers and (source, number) not in waiting
    ]
    assert len(missing) <= outdated, missing


def in_outboxes(folder: Path) -> set[tuple[str, int]]:
    """Of recognizers that have ended: source and number of each event that nobody has taken yet."""
    found: set[tuple[str, int]] = set()
    for path in folder.glob("*/data/outbox-*.db"):
        with closing(sqlite3.connect(path)) as file:
            bodies = [json.loads(body) for (body,) in file.execute("SELECT body FROM outbox")]
        found |= {(body["source"], body["seq"]) for body in bodies}
    return found
