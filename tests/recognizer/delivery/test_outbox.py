"""Delivery to a real web server over real connections, from a real file; only the pauses between attempts are short."""

from __future__ import annotations

import asyncio
import random
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from facematch.protocol.events import Match
from facematch.recognizer.delivery.api_client import Answer, ApiClient
from facematch.recognizer.delivery.outbox import AT_ONCE, LAST_RETRY_SECONDS, retry_delay
from tests.rig.outboxes import check, empty, joined, match, never, outbox_on, stop
from tests.rig.receiver import Receiver, eventually

if TYPE_CHECKING:
    from pathlib import Path

    from facematch.recognizer.delivery.outbox import Outbox

# When all is well.


async def test_events_arrive_in_order_each_at_its_place_and_numbered(receiver: Receiver, outbox_path: Path) -> None:
    async with outbox_on(outbox_path, receiver.url) as outbox:
        for event in (match("a"), check("b"), check("c"), match("d")):
            assert await outbox.put(event)
        await empty(outbox)
        status = outbox.status
    assert receiver.names == ["a", "b", "c", "d"]
    assert [at for at, _ in receiver.sent] == ["/api/match", "/api/check", "/api/check", "/api/match"]
    assert [(body["source"], body["seq"]) for _, body in receiver.sent] == [("boot", n) for n in (1, 2, 3, 4)]
    assert (status.queued, status.posted, status.dropped, status.rejected) == (0, 4, 0, 0)


async def test_an_event_arrives_as_it_was_put(receiver: Receiver, outbox_path: Path) -> None:
    event = match("Zoë \u2028 <b>")
    async with outbox_on(outbox_path, receiver.url) as outbox:
        await outbox.put(event)
        await empty(outbox)
    assert Match.model_validate(receiver.sent[0][1]) == event.model_copy(update={"source": "boot", "seq": 1})


async def test_nothing_arrives_twice_and_nothing_is_missing(receiver: Receiver, outbox_path: Path) -> None:
    async with outbox_on(outbox_path, receiver.url) as outbox:

        async def track(number: int) -> None:
            for turn in range(20):
                await outbox.put(match(f"{number}/{turn}"), check(f"{number}/{turn}/check"))

        await asyncio.gather(*(track(number) for number in range(8)))
        await empty(outbox)
    assert len(receiver.names) == len(set(receiver.names)) == 8 * 20 * 2
    assert [body["seq"] for _, body in receiver.sent] == list(range(1, 321))


async def test_events_that_are_put_together_stay_together(receiver: Receiver, outbox_path: Path) -> None:
    async with outbox_on(outbox_path, receiver.url) as outbox:
        await asyncio.gather(*(outbox.put(match(f"{n}a"), match(f"{n}b"), check(f"{n}c")) for n in range(5)))
        await empty(outbox)
    assert receiver.names == [f"{n}{part}" for n in range(5) for part in "abc"]


async def test_what_is_called_on_commitment_is_called_before_anything_arrives(
    receiver: Receiver, outbox_path: Path
) -> None:
    order: list[str] = []
    receiver.on_post = lambda body: order.append("arrived")
    async with outbox_on(outbox_path, receiver.url) as outbox:
        assert await outbox.put(match("a"), committed=lambda: order.append("committed"))
        await empty(outbox)
    assert order == ["committed", "arrived"]


async def test_an_event_whose_giver_was_cancelled_arrives_all_the_same(receiver: Receiver, outbox_path: Path) -> None:
    async with outbox_on(outbox_path, receiver.url) as outbox:
        giving = asyncio.create_task(outbox.put(check("a")))
        await asyncio.sleep(0)
        giving.cancel()
        await asyncio.gather(giving, return_exceptions=True)
        await receiver.until_sent(1)
        await empty(outbox)


async def test_to_put_nothing_is_no_trouble(receiver: Receiver, outbox_path: Path) -> None:
    async with outbox_on(outbox_path, receiver.url) as outbox:
        assert await asyncio.wait_for(outbox.put(), 5)


# When the web process is away or refuses.


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 502, 503])
async def test_what_passes_by_itself_is_tried_again_in_order(
    receiver: Receiver, outbox_path: Path, status: int
) -> None:
    receiver.answers.extend([status, status, status])
    async with outbox_on(outbox_path, receiver.url) as outbox:
        await outbox.put(check("a"))
        await outbox.put(check("b"))
        await empty(outbox)
        counts = outbox.status
    assert receiver.names == ["a", "a", "a", "a", "b"]
    assert len({body["event_id"] for _, body in receiver.sent}) == 2
    assert (counts.posted, counts.rejected) == (2, 0)


async def test_a_server_that_is_not_there_yet_gets_everything_when_it_is(outbox_path: Path, tcp_port: int) -> None:
    attempts: list[int] = []

    def delay(attempt: int) -> float:
        attempts.append(attempt)
        return 0.001

    async with outbox_on(outbox_path, f"http://127.0.0.1:{tcp_port}", delay=delay) as outbox:
        await outbox.put(check("a"))
        await outbox.put(check("b"))
        await eventually(lambda: len(attempts) >= 3)
        async with Receiver(tcp_port) as receiver:
            await empty(outbox)
            assert receiver.names == ["a", "b"]
    assert attempts[:3] == [1, 2, 3]


async def test_a_server_that_stays_silent_is_asked_again(receiver: Receiver, outbox_path: Path) -> None:
    class Impatient(ApiClient):
        async def post(self, path: str, body: dict[str, Any] | bytes, seconds: float = 0.05) -> Answer:
            return await super().post(path, body, seconds)

    receiver.open.clear()
    async with outbox_on(outbox_path, receiver.url, api=Impatient) as outbox:
        await outbox.put(check("a"))
        await receiver.until_sent(2)
        receiver.open.set()
        await empty(outbox)
    assert set(receiver.names) == {"a"}


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422])
async def test_what_is_refused_for_good_is_put_aside_and_blocks_nothing(
    receiver: Receiver, outbox_path: Path, status: int
) -> None:
    receiver.answers.extend([200, status, 200])
    async with outbox_on(outbox_path, receiver.url) as outbox:
        with capture_logs() as lines:
            for name in "abc":
                await outbox.put(check(name))
            await empty(outbox)
        counts = outbox.status
    assert receiver.names == ["a", "b", "c"]
    assert (counts.posted, counts.rejected, counts.dropped) == (2, 1, 0)
    refused = [line for line in lines if line["log_level"] == "error"]
    assert [line["status"] for line in refused] == [status]
    assert refused[0]["event_id"] == receiver.sent[1][1]["event_id"]


async def test_what_happened_in_a_room_of_another_is_no_dead_letter(receiver: Receiver, outbox_path: Path) -> None:
    receiver.answers.extend([200, 409, 200])
    async with outbox_on(outbox_path, receiver.url) as outbox:
        with capture_logs() as lines:
            for name in "abc":
                await outbox.put(check(name).model_copy(update={"room": "exam-1", "epoch": 3}))
            await empty(outbox)
        counts = outbox.status
    assert (counts.posted, counts.rejected, counts.queued) == (2, 0, 0)
    [told] = [line for line in lines if "another recognizer was there" in line["event"]]
    assert (told["room"], told["epoch"]) == ("exam-1", 3)


# What has piled up.


async def test_what_has_piled_up_arrives_together_and_in_order(receiver: Receiver, outbox_path: Path) -> None:
    async with outbox_on(outbox_path, receiver.url, runs=False) as outbox:
        await pile_up(outbox, 2 * AT_ONCE + 2)
        status = outbox.status
    assert receiver.posts == ["/api/events", "/api/events", "/api/check", "/api/check"]
    assert [body["seq"] for _, body in receiver.sent] == list(range(1, 2 * AT_ONCE + 3))
    assert (status.queued, status.posted, status.rejected) == (0, 2 * AT_ONCE + 2, 0)


async def test_together_they_are_tried_again_together(receiver: Receiver, outbox_path: Path) -> None:
    receiver.answers.extend([503, 429, 401])
    async with outbox_on(outbox_path, receiver.url, runs=False) as outbox:
        await pile_up(outbox, AT_ONCE)
    assert receiver.posts == ["/api/events"] * 4
    assert receiver.names == [str(n) for n in range(AT_ONCE)] * 4


async def test_the_one_that_is_refused_holds_up_none_of_those_beside_it(receiver: Receiver, outbox_path: Path) -> None:
    receiver.answers.extend([422, 200, 200, 422])
    async with outbox_on(outbox_path, receiver.url, runs=False) as outbox:
        await pile_up(outbox, AT_ONCE)
        status = outbox.status
    assert receiver.posts == ["/api/events"] + ["/api/check"] * AT_ONCE
    assert receiver.names[AT_ONCE:] == [str(n) for n in range(AT_ONCE)]
    assert (status.posted, status.rejected) == (AT_ONCE - 1, 1)


@pytest.mark.parametrize("status", [404, 405])
async def test_a_server_that_takes_only_one_at_a_time_gets_them_so(
    receiver: Receiver, outbox_path: Path, status: int
) -> None:
    receiver.answers.append(status)
    async with outbox_on(outbox_path, receiver.url, runs=False) as outbox:
        await pile_up(outbox, AT_ONCE)
        assert (outbox.status.posted, outbox.status.rejected) == (AT_ONCE, 0)
    assert receiver.posts == ["/api/events"] + ["/api/check"] * AT_ONCE


async def pile_up(outbox: Outbox, count: int) -> None:
    """Put so many while nothing is delivered, then deliver all."""
    putting = asyncio.create_task(outbox.put(*(check(str(n)) for n in range(count))))
    await asyncio.sleep(0)
    running = asyncio.create_task(outbox.run())
    await putting
    await empty(outbox)
    await stop(running)


async def test_one_line_when_the_server_goes_and_one_when_it_is_back(receiver: Receiver, outbox_path: Path) -> None:
    receiver.answers.extend([503] * 5)
    with capture_logs() as lines:
        async with outbox_on(outbox_path, receiver.url) as outbox:
            await outbox.put(check("a"))
            await empty(outbox)
    assert [(line["log_level"], line["event"]) for line in lines] == [
        ("warning", "API does not take events; they are kept and retried"),
        ("info", "API takes events again"),
    ]


# Bounds.


async def test_over_its_size_the_oldest_checks_go_first_and_then_the_oldest_matches(
    receiver: Receiver, outbox_path: Path
) -> None:
    receiver.always = 503
    async with outbox_on(outbox_path, receiver.url, size=3, delay=never) as outbox:
        for event in (match("m1"), check("c1"), match("m2"), check("c2"), check("c3"), match("m3"), match("m4")):
            await outbox.put(event)
        counts = outbox.status
    assert (counts.queued, counts.dropped) == (3, 4)
    receiver.always = 200
    receiver.sent.clear()
    async with outbox_on(outbox_path, receiver.url) as outbox:
        await empty(outbox)
    assert receiver.names == ["m2", "m3", "m4"]


async def test_what_is_dropped_is_said_once_and_not_each_time(receiver: Receiver, outbox_path: Path) -> None:
    receiver.always = 503
    with capture_logs() as lines:
        async with outbox_on(outbox_path, receiver.url, size=1, delay=never) as outbox:
            for number in range(20):
                await outbox.put(check(str(number)))
    assert [line["event"] for line in lines if line["log_level"] == "error"] == [
        "Outbox full: oldest Checks are dropped"
    ]


@given(attempt=st.integers(1, 10**9), draw=st.floats(0, 1, exclude_max=True))
def test_the_pause_between_attempts_is_bounded_for_ever(attempt: int, draw: float) -> None:
    assert 0 <= retry_delay(attempt, lambda: draw) <= LAST_RETRY_SECONDS


def test_the_pause_doubles_from_a_quarter_of_a_second() -> None:
    assert [retry_delay(attempt, lambda: 1.0) for attempt in range(1, 9)] == [0.25, 0.5, 1, 2, 4, 8, 10, 10]


def test_the_pauses_are_spread_over_all_of_their_time() -> None:
    random.seed(1)
    pauses = [retry_delay(3) for _ in range(200)]
    assert min(pauses) < 0.05
    assert max(pauses) > 0.95


# The end, and the next start.


async def test_a_flush_delivers_what_waits(receiver: Receiver, outbox_path: Path) -> None:
    async with outbox_on(outbox_path, receiver.url, runs=False) as outbox:
        giving = asyncio.gather(outbox.put(check("a")), outbox.put(check("b")))
        await asyncio.sleep(0)
        await outbox.flush(10)
        assert list(await giving) == [True, True]
        assert outbox.status.queued == 0
    assert receiver.names == ["a", "b"]


async def test_a_flush_is_bounded_and_what_is_left_arrives_after_the_next_start(
    receiver: Receiver, outbox_path: Path
) -> None:
    receiver.open.clear()
    async with outbox_on(outbox_path, receiver.url, runs=False) as outbox:
        giving = asyncio.create_task(outbox.put(check("a")))
        await asyncio.sleep(0)
        with capture_logs() as lines:
            await asyncio.wait_for(outbox.flush(0.05), 5)
        await giving
        assert outbox.status.queued == 1
    assert [(line["event"], line["count"]) for line in lines] == [("Events wait in the outbox for the next start", 1)]
    receiver.open.set()
    receiver.sent.clear()
    async with outbox_on(outbox_path, receiver.url, source="next boot") as outbox:
        await outbox.put(check("b"))
        await empty(outbox)
    assert [(body["participant_name"], body["source"], body["seq"]) for _, body in receiver.sent] == [
        ("a", "boot", 1),
        ("b", "next boot", 1),
    ]


async def test_a_flush_towards_nobody_ends_at_once(outbox_path: Path, tcp_port: int) -> None:
    async with outbox_on(outbox_path, f"http://127.0.0.1:{tcp_port}", runs=False) as outbox:
        giving = asyncio.create_task(outbox.put(check("a")))
        await asyncio.sleep(0)
        await asyncio.wait_for(outbox.flush(3600), 5)
        await giving


async def test_what_is_put_in_the_moment_of_the_end_is_not_lost(receiver: Receiver, outbox_path: Path) -> None:
    """The end comes while the disk is busy with something else and has not begun with the event."""
    release = threading.Event()
    async with outbox_on(outbox_path, receiver.url, runs=False) as outbox:
        running = asyncio.create_task(outbox.run())
        await asyncio.sleep(0)
        outbox._disk._thread.submit(release.wait)
        giving = asyncio.create_task(outbox.put(check("a")))
        for _ in range(5):
            await asyncio.sleep(0)
        await stop(running)
        giving.cancel()
        release.set()
        await outbox.flush(10)
    assert receiver.names == ["a"]


async def test_what_the_end_interrupts_on_its_way_to_the_disk_is_flushed(receiver: Receiver, outbox_path: Path) -> None:
    release, storing = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def committed() -> None:
        loop.call_soon_threadsafe(storing.set)
        release.wait()

    async with outbox_on(outbox_path, receiver.url, runs=False) as outbox:
        running = asyncio.create_task(outbox.run())
        giving = asyncio.create_task(outbox.put(check("a"), committed=committed))
        await storing.wait()
        await stop(running)
        giving.cancel()
        release.set()
        await outbox.flush(10)
    assert receiver.names == ["a"]


async def test_its_age_is_that_of_the_oldest_event_that_waits(receiver: Receiver, outbox_path: Path) -> None:
    receiver.always = 503
    async with outbox_on(outbox_path, receiver.url, delay=never) as outbox:
        assert outbox.age_seconds == 0
        await outbox.put(check("a"))
        assert outbox.age_seconds > 0


# A web process of another version.


async def test_every_type_arrives_and_in_order(receiver: Receiver, outbox_path: Path) -> None:
    async with outbox_on(outbox_path, receiver.url) as outbox:
        await outbox.put(check("a"))
        outbox.tell(joined("b"), check("c"))
        await outbox.put(joined("d"))
        await empty(outbox)
    assert receiver.names == ["a", "b", "c", "d"]
    assert [at for at, _ in receiver.sent] == ["/api/check", "/api/events", "/api/check", "/api/events"]
    assert [body.get("seq") for _, body in receiver.sent] == [1, None, 2, None]


async def test_an_older_web_process_is_sent_what_it_knows_and_misses_nothing(
    receiver: Receiver, outbox_path: Path
) -> None:
    async with outbox_on(outbox_path, receiver.url) as outbox:
        outbox.understanding.hear(["match", "check"])
        await outbox.put(check("a"))
        assert await outbox.put(joined("b"))
        outbox.tell(joined("c"))
        await outbox.put(check("d"))
        await empty(outbox)
        status = outbox.status
    assert receiver.names == ["a", "d"]
    assert [body["seq"] for _, body in receiver.sent] == [1, 2]
    assert status.rejected == status.dropped == 0


async def test_what_an_older_web_process_refuses_before_it_was_heard_of_is_no_dead_letter(
    receiver: Receiver, outbox_path: Path
) -> None:
    def refuse_the_unknown(body: dict[str, Any]) -> None:
        known = all(event["type"] in {"match", "check"} for event in body.get("events", [body]))
        receiver.answers.append(200 if known else 422)

    receiver.on_post = refuse_the_unknown
    with capture_logs() as lines:
        async with outbox_on(outbox_path, receiver.url) as outbox:
            outbox.tell(joined("a"))
            await outbox.put(check("b"), joined("c"), *(check(str(n)) for n in range(AT_ONCE)))
            await empty(outbox)
            status = outbox.status
    assert (status.posted, status.rejected, status.dropped) == (AT_ONCE + 1, 0, 0)
    assert [line["log_level"] for line in lines] == ["info"]


async def test_what_waits_for_a_web_process_that_turns_out_to_be_older_is_let_go(
    receiver: Receiver, outbox_path: Path
) -> None:
    async with outbox_on(outbox_path, receiver.url, runs=False) as before:
        before.tell(joined("a"), *(check(str(n)) for n in range(AT_ONCE)))
        await before.flush(0)
    async with outbox_on(outbox_path, receiver.url, runs=False) as outbox:
        outbox.understanding.hear(["match", "check"])
        await outbox.flush(5)
        assert outbox.status.queued == 0
    assert receiver.names == [str(n) for n in range(AT_ONCE)]


async def test_a_refusal_by_a_web_process_that_takes_the_type_is_one(receiver: Receiver, outbox_path: Path) -> None:
    receiver.always = 422
    async with outbox_on(outbox_path, receiver.url) as outbox:
        outbox.understanding.hear(["match", "check", "participant"])
        with capture_logs():
            await outbox.put(joined("a"))
            await empty(outbox)
        assert outbox.status.rejected == 1


async def test_nobody_waits_for_a_disk_that_hangs_and_what_waits_is_bounded(
    receiver: Receiver, outbox_path: Path
) -> None:
    async with outbox_on(outbox_path, receiver.url, size=10, runs=False) as outbox:
        with capture_logs():
            for number in range(25):
                outbox.tell(joined(str(number)))
            assert outbox.status.dropped == 15
            await outbox.flush(5)
    assert receiver.names == [str(number) for number in range(10)]
