"""Webhooks to a real receiver: signed, in order, nothing lost while it is away, nobody delayed while it is slow."""

from __future__ import annotations

import asyncio
import base64
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock

import aiohttp
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from facematch.server.events.hub import Hub
from facematch.server.events.purge import Records, Subject
from facematch.server.events.service import Feed
from facematch.server.events.store import SqlEventLog
from facematch.server.presence.fold import PresenceFold
from facematch.server.storage.database import Database
from facematch.server.storage.leases import Leases
from facematch.server.webhooks import relay as webhooks_module
from facematch.server.webhooks.relay import LAST_RETRY_SECONDS, Receiver, WebhookRelay, retry_delay
from facematch.server.webhooks.service import Webhooks
from facematch.server.webhooks.store import WebhookStore
from tests.rig.event_logs import check, match, stored
from tests.rig.web import WebProcess
from tests.rig.webhook_receiver import SECRET, WebhookReceiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from facematch.server.events.writer import Writer
    from facematch.server.webhooks.relay import WebhookStatus


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    receiver = WebhookReceiver()
    await receiver.start()
    try:
        yield receiver
    finally:
        await receiver.stop()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-off is bounded by milliseconds here; that it grows is tested by itself."""
    monkeypatch.setattr(webhooks_module, "FIRST_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(webhooks_module, "LAST_RETRY_SECONDS", 0.01)


def told(url: str, *, types: tuple[str, ...] = ("match",), seconds: float = 3600, secret: str = SECRET) -> Receiver:
    return Receiver(url=url, secret=secret, types=types, seconds=seconds)


@asynccontextmanager
async def feed(database_url: str, receiver: Receiver | None) -> AsyncIterator[Told]:
    """What the web process makes of its settings, without the web."""
    database = Database(database_url)
    event_log = SqlEventLog(database, PresenceFold())
    webhooks = Webhooks(event_log, WebhookStore(database), receiver, Leases(database))
    feed = Feed(event_log, Hub(event_log), webhooks.notify)
    await feed.open()
    try:
        async with webhooks.running():
            told = Told(feed, webhooks)
            if receiver:
                await status_where(told, lambda status: status.state == "idle" or status.last_error)
            yield told
    finally:
        await feed.aclose()


@dataclass
class Told:
    """An event log, and who is told of it."""

    feed: Feed
    webhooks: Webhooks

    @property
    def writer(self) -> Writer:
        return self.feed.writer


async def status_where(feed: Told, holds: Any) -> WebhookStatus:
    async with asyncio.timeout(20):
        while True:
            status = await feed.webhooks.status()
            assert status is not None
            if holds(status):
                return status
            await asyncio.sleep(0.005)


@asynccontextmanager
async def records_of(database_url: str) -> AsyncIterator[Records]:
    """For whoever removes events meanwhile."""
    database = Database(database_url)
    database.open()
    try:
        yield Records(database)
    finally:
        await database.aclose()


async def an_attempt_held(receiver: WebhookReceiver) -> int:
    """Returns when an attempt waits for its answer, until `hold` is set: how many there have been."""
    receiver.hold.clear()
    before = len(receiver.ids)
    await receiver.has(lambda: len(receiver.ids) > before)
    return len(receiver.ids)


async def test_a_proxy_that_stands_before_the_receiver_is_used(database_url: str, receiver: WebhookReceiver) -> None:
    """The proxy is a server like any other, which is asked for an address that nobody else could find."""
    far = replace(told("http://receiver.invalid/hook"), proxy=f"http://127.0.0.1:{receiver.port}")
    async with feed(database_url, far) as one:
        receiver.answer = lambda count, _event: 204 if count > 1 else 502  # a proxy that fails is tried again
        await one.writer.store(match(source="a", seq=1))
        await receiver.has(lambda: receiver.taken)
    assert (len(receiver.ids), receiver.taken[0]["seq"]) == (2, 1)


async def test_a_proxy_that_cannot_be_used_is_said_and_nothing_is_lost(
    database_url: str, receiver: WebhookReceiver
) -> None:
    async with feed(database_url, replace(told(receiver.url), proxy="gopher://127.0.0.1:1")) as one:
        await one.writer.store(match(source="a", seq=1))
        status = await status_where(one, lambda status: status.last_error)
        assert "proxy" in str(status.last_error)
    async with feed(database_url, told(receiver.url)):
        await receiver.has(lambda: receiver.taken)


async def test_to_ask_how_it_goes_changes_nothing_for_the_one_that_begins(
    database_url: str, receiver: WebhookReceiver
) -> None:
    """This process is asked before it delivers, and begins while the database still answers that."""
    database = Database(database_url)
    log, store = SqlEventLog(database, PresenceFold()), AnswersLate(database)
    await log.open()
    begins = WebhookRelay(replace(told(receiver.url), proxy="gopher://127.0.0.1:1"), log, store)
    other = WebhookRelay(told(receiver.url), log, WebhookStore(database))
    try:
        await begins.open()
        asking = asyncio.create_task(begins.status(delivers=False))
        await store.asked.wait()
        await begins.run(told=True)
        store.answer.set()
        before, after, elsewhere = await asking, await begins.status(), await other.status(delivers=False)
    finally:
        await log.aclose()
    assert before.last_error is None
    assert "proxy" in str(after.last_error)
    assert "proxy" in str(elsewhere.last_error)


class AnswersLate(WebhookStore):
    """Has read what was told, and hands it out when it may."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.asked, self.answer = asyncio.Event(), asyncio.Event()

    async def told(self) -> tuple[int, int, str | None] | None:
        found = await super().told()
        self.asked.set()
        await self.answer.wait()
        return found


async def test_matches_are_told_signed_and_in_order(database_url: str, receiver: WebhookReceiver) -> None:
    async with feed(database_url, told(receiver.url)) as one:
        for n in range(1, 11):
            await one.writer.store(match(source="a", seq=2 * n - 1, participant_name="Zoë \u2028 \U0001f600"))
            await one.writer.store(check(source="a", seq=2 * n))
        await receiver.has(lambda: len(receiver.taken) == 10)
        status = await status_where(one, lambda status: status.state == "idle")
    assert [event["seq"] for event in receiver.taken] == list(range(1, 21, 2))
    assert receiver.taken[0]["participant_name"] == "Zoë \u2028 \U0001f600"
    assert isinstance(receiver.taken[0]["cursor"], int)
    assert (receiver.forged, len(set(receiver.ids))) == (0, 10)
    assert (status.delivered, status.waiting, status.given_up, status.last_error) == (10, 0, 0, None)
    assert status.last_success_at is not None
    assert status.receiver == f"http://127.0.0.1:{receiver.port}"


async def test_checks_on_request(database_url: str, receiver: WebhookReceiver) -> None:
    async with feed(database_url, told(receiver.url, types=("match", "check"))) as one:
        await one.writer.store(check())
        await one.writer.store(match())
        await receiver.has(lambda: len(receiver.taken) == 2)
    assert [event["type"] for event in receiver.taken] == ["check", "match"]


async def test_nothing_is_lost_while_the_receiver_is_away(database_url: str, receiver: WebhookReceiver) -> None:
    async with feed(database_url, told(receiver.url)) as one:
        await one.writer.store(match(seq=1))
        await receiver.has(lambda: len(receiver.taken) == 1)
        await receiver.stop()
        for seq in range(2, 120):  # more than one page
            await one.writer.store(match(seq=seq))
        status = await status_where(one, lambda status: status.state == "retrying")
        assert status.waiting == 118
        assert status.last_error
        await receiver.start()
        await receiver.has(lambda: len(receiver.taken) == 119)
        await status_where(one, lambda status: status.state == "idle" and status.waiting == 0)
    assert [event["seq"] for event in receiver.taken] == list(range(1, 120))


async def test_a_restart_goes_on_where_it_was(database_url: str, receiver: WebhookReceiver) -> None:
    async with feed(database_url, told(receiver.url)) as one:
        await one.writer.store(match(seq=1))
        await status_where(one, lambda status: status.delivered == 1 and status.state == "idle")
        await receiver.stop()
        await one.writer.store(match(seq=2))
        await status_where(one, lambda status: status.state == "retrying")
    await receiver.start()
    async with feed(database_url, told(receiver.url)) as one:
        await one.writer.store(match(seq=3))
        await receiver.has(lambda: len(receiver.taken) == 3)
    assert [event["seq"] for event in receiver.taken] == [1, 2, 3]


async def test_a_new_webhook_is_not_told_of_the_past(database_url: str, receiver: WebhookReceiver) -> None:
    """Nor one that comes back after there was none."""
    async with feed(database_url, None) as one:
        await one.writer.store(match(seq=1))
    async with feed(database_url, told(receiver.url)) as one:
        await one.writer.store(match(seq=2))
        await status_where(one, lambda status: status.delivered == 1 and status.state == "idle")
    async with feed(database_url, None) as one:
        await one.writer.store(match(seq=3))
        assert await one.webhooks.status() is None
    async with feed(database_url, told(receiver.url)) as one:
        await one.writer.store(match(seq=4))
        await receiver.has(lambda: len(receiver.taken) == 2)
    assert [event["seq"] for event in receiver.taken] == [2, 4]


@pytest.mark.parametrize("status", [500, 503, 404, 401, 429, 302, 307])
async def test_what_may_pass_is_tried_again_in_order(database_url: str, receiver: WebhookReceiver, status: int) -> None:
    receiver.headers = {"Location": f"http://127.0.0.1:{receiver.port}/elsewhere", "Retry-After": "0"}
    receiver.answer = lambda count, _event: status if count <= 3 else 200
    async with feed(database_url, told(receiver.url)) as one:
        await one.writer.store(match(seq=1))
        await one.writer.store(match(seq=2))
        await receiver.has(lambda: len(receiver.taken) == 2)
        found = await status_where(one, lambda found: found.state == "idle")
    assert [event.get("seq") for event in receiver.taken] == [1, 2]  # and nothing went elsewhere
    assert len(receiver.ids) == 5
    assert len(set(receiver.ids)) == 2
    assert found.last_error == f"HTTP {status}"


async def test_an_event_that_is_never_taken_is_given_up_and_remembered(
    database_url: str, receiver: WebhookReceiver
) -> None:
    receiver.answer = lambda _count, event: 500 if event["seq"] == 2 else 200
    async with feed(database_url, told(receiver.url, seconds=0.05)) as one:
        for seq in (1, 2, 3):
            await one.writer.store(match(seq=seq))
        status = await status_where(one, lambda status: status.delivered == 2 and status.state == "idle")
    assert [event["seq"] for event in receiver.taken] == [1, 3]
    assert status.given_up == 1
    database = Database(database_url)
    database.open()
    [(cursor, reason)] = await WebhookStore(database).dead_letters(10)
    await database.aclose()
    assert (cursor, reason) == (receiver.taken[1]["cursor"] - 1, "HTTP 500")
    async with feed(database_url, told(receiver.url)) as one:
        assert (await status_where(one, lambda status: status.state == "idle")).given_up == 1


@pytest.mark.parametrize("status", [400, 413, 415, 422])
async def test_an_event_that_the_receiver_finds_fault_with_is_given_up_sooner(
    database_url: str, receiver: WebhookReceiver, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks_module, "UNACCEPTABLE_SECONDS", 0.05)
    receiver.answer = lambda _count, event: status if event["seq"] == 1 else 200
    async with feed(database_url, told(receiver.url, seconds=86_400)) as one:
        await one.writer.store(match(seq=1))
        await one.writer.store(match(seq=2))
        await receiver.has(lambda: receiver.taken)
    assert [event["seq"] for event in receiver.taken] == [2]


async def test_what_is_erased_is_sent_no_more(database_url: str, receiver: WebhookReceiver) -> None:
    """Whatever of it was waiting or has been tried: every attempt sends what the log holds then."""
    receiver.answer = lambda _count, _event: 503
    async with feed(database_url, told(receiver.url)) as one, records_of(database_url) as records:
        for seq, who in enumerate(["Alice", "Alice", "Bob", "Alice"], start=1):
            await one.writer.store(match(seq=seq, participant_identity=who))
        await status_where(one, lambda status: status.state == "retrying")
        held = await an_attempt_held(receiver)
        await records.remove_of(Subject("participant", "Alice"))
        assert (await status_where(one, lambda _status: True)).waiting == 1
        receiver.answer = lambda count, _event: 503 if count <= held else 204
        receiver.hold.set()
        status = await status_where(one, lambda status: status.state == "idle")
    assert [event["seq"] for event in receiver.taken] == [3]
    assert (status.delivered, status.given_up, status.waiting) == (1, 0, 0)


async def test_when_all_that_waits_is_erased_nothing_is_sent(database_url: str, receiver: WebhookReceiver) -> None:
    receiver.answer = lambda _count, _event: 503
    async with feed(database_url, told(receiver.url)) as one, records_of(database_url) as records:
        await one.writer.store(match(participant_identity="Alice"), match(participant_identity="Alice"))
        held = await an_attempt_held(receiver)
        await records.remove_of(Subject("participant", "Alice"))
        receiver.answer = lambda count, _event: 503 if count <= held else 204
        receiver.hold.set()
        status = await status_where(one, lambda status: status.state == "idle")
        assert (status.delivered, status.given_up, status.waiting, len(receiver.ids)) == (0, 0, 0, held)
        await one.writer.store(match(seq=3))
        await receiver.has(lambda: receiver.taken)
    assert [event["seq"] for event in receiver.taken] == [3]


async def test_an_event_whose_snapshot_went_meanwhile_says_so(database_url: str, receiver: WebhookReceiver) -> None:
    receiver.answer = lambda _count, _event: 503
    async with feed(database_url, told(receiver.url)) as one, records_of(database_url) as records:
        for name in ("match_a.jpg", "match_b.jpg"):
            await one.writer.store(match(snapshot=name, filename=f"/x/{name}"))
        held = await an_attempt_held(receiver)
        await records.clear_snapshots(["match_a.jpg", "match_b.jpg"])
        receiver.answer = lambda count, _event: 503 if count <= held else 204
        receiver.hold.set()
        await receiver.has(lambda: len(receiver.taken) == 2)
    assert [(event["snapshot"], event["filename"]) for event in receiver.taken] == [(None, None)] * 2


@pytest.mark.parametrize("seen", ["before it is read", "when it is read"])
async def test_what_another_process_stores_is_sent_too(
    database_url: str, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch, seen: str
) -> None:
    """And it is as old as that, not as this process."""
    monkeypatch.setattr(webhooks_module, "LOOK_SECONDS", 0.001)
    receiver.answer = lambda count, _event: 503 if count <= 2 else 204
    now = 0.0
    database = Database(database_url)
    log = SqlEventLog(database, PresenceFold())
    await log.open()
    relay = WebhookRelay(told(receiver.url, seconds=60), log, WebhookStore(database), monotonic=lambda: now)
    await relay.open()
    if seen == "when it is read":
        latest = await log.latest()
        monkeypatch.setattr(log, "latest", AsyncMock(return_value=latest))  # each is stored just after that was asked
    running = asyncio.create_task(relay.run())
    try:
        now = 3_600.0
        await stored(log, match(seq=1), match(seq=2))  # nobody notifies the relay
        await receiver.has(lambda: len(receiver.taken) == 2)
        status = await relay.status()
    finally:
        running.cancel()
        await asyncio.wait([running])
        await log.aclose()
    assert [event["seq"] for event in receiver.taken] == [1, 2]
    assert status.given_up == 0


async def test_a_receiver_that_wants_no_more_is_left_alone(database_url: str, receiver: WebhookReceiver) -> None:
    receiver.answer = lambda _count, _event: 410
    async with feed(database_url, told(receiver.url)) as one:
        await one.writer.store(match(seq=1))
        await status_where(one, lambda status: status.state == "gone")
        await one.writer.store(match(seq=2))
        status = await status_where(one, lambda status: status.waiting == 2)
        assert (status.last_error, len(receiver.ids)) == ("HTTP 410", 1)
    receiver.answer = lambda _count, _event: 200
    async with feed(database_url, told(receiver.url)):  # whoever starts it again wants it again
        await receiver.has(lambda: len(receiver.taken) == 2)
    assert [event["seq"] for event in receiver.taken] == [1, 2]


async def test_a_receiver_with_another_secret_takes_nothing(database_url: str, receiver: WebhookReceiver) -> None:
    other = "whsec_" + "b" * 44
    async with feed(database_url, told(receiver.url, secret=other)) as one:
        await one.writer.store(match())
        await receiver.has(lambda: receiver.forged >= 2)
    assert receiver.taken == []


async def test_a_receiver_that_never_answers_is_given_a_time(
    database_url: str, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks_module, "ANSWER_SECONDS", 0.05)
    receiver.hold.clear()
    async with feed(database_url, told(receiver.url)) as one:
        await one.writer.store(match(seq=1))
        status = await status_where(one, lambda status: status.state == "retrying")
        assert "Timeout" in (status.last_error or "")
        receiver.hold.set()
        await receiver.has(lambda: receiver.taken)


async def test_the_status_is_told_also_while_the_log_is_away(database_url: str, receiver: WebhookReceiver) -> None:
    async with feed(database_url, told(receiver.url)) as one:
        await one.writer.store(match())
        await status_where(one, lambda status: status.delivered == 1 and status.state == "idle")
    status = await one.webhooks.status()
    assert status is not None
    assert (status.delivered, status.waiting) == (1, 0)
    events = await one.feed.status()
    assert (events.count, events.error) == (0, "the database is not open")


@given(st.integers(1, 200), st.floats(0, 1, exclude_max=True))
def test_the_pause_grows_and_is_bounded(attempt: int, drawn: float) -> None:
    assert 0 <= retry_delay(attempt, lambda: drawn) <= LAST_RETRY_SECONDS
    assert retry_delay(attempt, lambda: 1) <= retry_delay(attempt + 1, lambda: 1)


def test_what_a_relay_remembers_of_arrivals_is_bounded() -> None:
    arrivals = webhooks_module._Arrivals(grain=1.0)
    arrivals.note(0, 0.0)
    for cursor in range(1, 100_000):
        arrivals.note(cursor, cursor * 0.01)
    assert len(arrivals._marks) <= 62
    assert 989 <= arrivals.of(99_999) <= 1000
    assert arrivals.of(99_500) <= 995
    assert arrivals.of(5) == arrivals._marks[0][1]


async def test_the_address_and_the_secret_are_shown_nowhere(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """The whole web process, with a receiver that answers after it should have: nobody waits for it."""
    receiver.hold.clear()
    web = WebProcess(tmp_path, webhook_url=receiver.url, webhook_secret=SECRET, log_level="DEBUG")
    event = match().model_dump(mode="json")
    try:
        await web.start()
        async with aiohttp.ClientSession(web.base_url) as session, session.ws_connect("/ws/matches") as socket:
            for _ in range(20):
                async with session.post("/api/match", json={**event, "event_id": None}) as response:
                    assert response.status == 200
                assert (await socket.receive_json(timeout=5))["type"] == "match"
            await receiver.has(lambda: receiver.ids)
            async with session.get("/api/status") as response:
                text = await response.text()
                status = (await response.json())["webhook"]
            assert (status["waiting"], status["delivered"], len(receiver.ids)) == (20, 0, 1)
            await receiver.stop()
        web.process.end()
    finally:
        web.end()
    shown = text + web.process.output()
    assert "of-the-receiver" not in shown
    assert SECRET[6:] not in shown


def test_a_relay_can_be_made_of_every_secret_that_the_settings_take() -> None:
    for length in (24, 25, 26, 32, 64):
        encoded = base64.b64encode(bytes(length)).decode().rstrip("=")
        WebhookRelay(told("https://example.org", secret=f"whsec_{encoded}"), None, None)  # type: ignore[arg-type]
