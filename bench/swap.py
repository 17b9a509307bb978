"""A gallery of very many people at the real recognizer: `python -m bench.swap [--help]`.

A web process and a recognizer in a room, as a user runs them, with nobody enrolled; then made-up people are put into
the database, and some of them are changed over HTTP, one after the other. Measured is what the recognizer has more in
memory, the time from the answer that confirmed a change to the log line that says that it is in force, and what a
change costs both processes; and, in this process, how long the same fetch and swap keep an event loop from its work.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import aiohttp

from bench.enrolled import enrol, id_of
from bench.live import Meter, let_pass, live_stack
from bench.report import Row, percentile, report
from facematch.faces.models import weights_of
from facematch.faces.tolerance import MatchRules
from facematch.recognizer.delivery.api_client import ApiClient
from facematch.recognizer.gallery import GalleryFollower, gallery_path
from facematch.recognizer.matching import Matching
from facematch.runtime.logs import configure_logging
from tests.rig.embeddings import axis, face
from tests.rig.people import MODEL
from tests.rig.waiting import wait_until_true

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.stack import Stack

APART_SECONDS = 2.0
"""From one change to the next: each is published by itself."""
IN_FORCE = "Gallery in force"
TICK = 0.002


async def main(args: argparse.Namespace) -> tuple[list[Row], dict[str, Any]]:
    """Rows, and what they are of."""
    async with live_stack(log_format="json") as stack:
        recognizer, web = Meter(stack.recognizer.pid), Meter(stack.api.pid)
        await let_pass(args.rest)
        empty, rest = recognizer.megabytes, (recognizer.share, web.share)
        begun = time.monotonic()
        await enrol(stack.folder / "data" / "events.db", args.people, args.photos)
        made = time.monotonic() - begun
        await wait_until_true(lambda: _settled(stack.folder, args.people), within=60, what="they are in force")
        await let_pass(args.rest)
        taken = recognizer.megabytes
        recognizer.start()
        web.start()
        async with aiohttp.ClientSession(stack.base_url, headers=stack.headers) as session:
            in_force = [await _changed(session, stack.folder, number) for number in range(args.changes)]
            cost = [
                1000 * (meter.cpu - at_rest * meter.seconds) / args.changes
                for meter, at_rest in zip((recognizer, web), rest, strict=True)
            ]
            most = recognizer.megabytes
            held = await _held(stack, session, args.changes)
    rows: list[Row] = [
        {"what": "recognizer with nobody", "MB": empty},
        {"what": f"with {args.people} people, more", "MB": taken - empty},
        {"what": "after all changes, more", "MB": most - empty},
        {"what": "from the answer to in force", "ms": percentile(in_force, 0.5), "worst": max(in_force)},
        {"what": "processor of the recognizer for a change", "ms": cost[0]},
        {"what": "processor of the web process for a change", "ms": cost[1]},
        {"what": "event loop without a change", "worst": held[0]},
        {"what": "event loop while it fetches, swaps and ranks", "ms": percentile(held[1], 0.5), "worst": max(held[1])},
    ]
    return rows, {"people": args.people, "photos": args.photos, "changes": args.changes, "enrolled_s": round(made)}


def _lines(folder: Path) -> list[dict[str, Any]]:
    """Of the recognizer's log, those that tell of a gallery."""
    found = []
    for line in (folder / "recognizer.log").read_text().splitlines():
        with suppress(ValueError):
            told = json.loads(line)
            if isinstance(told, dict) and told.get("event") == IN_FORCE:
                found.append(told)
    return found


def _settled(folder: Path, people: int) -> bool:
    return any(line["people"] == people for line in _lines(folder))


async def _change(session: aiohttp.ClientSession, number: int) -> float:
    """Of one person. Returns when the answer came."""
    changed = {"tolerance": 0.3 + number / 1000}
    async with session.patch(f"/api/people/{id_of(number)}", json=changed) as answer:
        answer.raise_for_status()
        await answer.read()
        return time.time()


async def _changed(session: aiohttp.ClientSession, folder: Path, number: int) -> float:
    """Milliseconds from the answer to in force; negative: it was so before the answer was here."""
    before = len(_lines(folder))
    answered = await _change(session, number)
    await let_pass(APART_SECONDS)
    [line] = _lines(folder)[before:]
    return (datetime.fromisoformat(line["timestamp"]).timestamp() - answered) * 1000


async def _held(stack: Stack, session: aiohttp.ClientSession, changes: int) -> tuple[float, list[float]]:
    """The longest that a loop which follows the gallery did nothing else: without changes, and at each of them."""
    api = ApiClient(stack.base_url)
    follower = GalleryFollower(api, gallery_path(stack.folder, "bench"), weights_of(MODEL))
    matching, seen = Matching(_NoPhoto(), follower, MatchRules()), [face(axis(0.1))]  # type: ignore[arg-type]

    def look() -> None:
        matching.rank(seen, None, "a room")

    follower.subscribe(look)
    following = asyncio.create_task(follower.run())
    await let_pass(APART_SECONDS)
    without = await _longest(APART_SECONDS)
    found = []
    for number in range(changes):
        await _change(session, number + changes)
        found.append(await _longest(APART_SECONDS))
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
    await api.aclose()
    return without, found


class _NoPhoto:
    """Of the default person."""

    current = None
    looked = True


async def _longest(seconds: float) -> float:
    """Milliseconds by which a tick came too late."""
    end, longest = time.perf_counter() + seconds, 0.0
    while (now := time.perf_counter()) < end:
        await asyncio.sleep(TICK)
        longest = max(longest, time.perf_counter() - now - TICK)
    return longest * 1000


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--photos", type=int, default=5, help="of each")
    parser.add_argument("--changes", type=int, default=15)
    parser.add_argument("--rest", type=float, default=10, help="seconds in which nothing happens, before measuring")
    configure_logging("WARNING", "text")
    found, of = asyncio.run(main(parser.parse_args()))
    report("swap", found, **of)
