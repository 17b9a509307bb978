"""Telling another program of matches over HTTP: signed, in order, at least once, from the log.

The headers and the signature are those of Standard Webhooks (https://www.standardwebhooks.com), so that a receiver
can use that project's libraries. Delivery has a position of its own in the log: it goes on where it was after a
restart, and a slow receiver delays nobody else.

Every attempt sends what the log holds at that moment, so an event that was erased meanwhile is sent no more, and one
whose snapshot has gone says so.
"""

# The annotations of the status are read at run time.
import asyncio
import json
import random
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final, Literal
from urllib.parse import urlsplit

import httpx2
import structlog
from pydantic import BaseModel, Field
from standardwebhooks import Webhook as Signer

from facematch.protocol.events import EVENT_TYPES
from facematch.runtime.backoff import full_jitter
from facematch.runtime.http_client import UnusableProxyError, http_client
from facematch.server.events.log import ALL, Entry, EventLog, Filter, Page
from facematch.server.webhooks.store import WebhookStore

log = structlog.get_logger(__name__)

FIRST_RETRY_SECONDS: Final = 0.5
LAST_RETRY_SECONDS: Final = 30.0
ANSWER_SECONDS: Final = 15.0
"""How long the receiver may take for one event."""
UNACCEPTABLE: Final = frozenset({400, 413, 415, 422})
"""Answers about this very event, which a later attempt will hardly change …"""
UNACCEPTABLE_SECONDS: Final = 60.0
"""… so it is given up after this time, and those behind it get their turn."""
GONE: Final = 410
"""The receiver wants no more of anything."""

LOOK_SECONDS: Final = 2.0
"""How often the log is looked at when there is no news: another process on the same database may have stored some."""

_COUNTED: Final = 1_000
_STORE_RETRY_SECONDS: Final = 2.0
_MARKS: Final = 60
_ALL_TYPES: Final = frozenset(EVENT_TYPES)


class Progress(BaseModel):
    """How it goes, says the process that delivers."""

    state: Literal["idle", "delivering", "retrying", "gone"] = Field(
        "idle", description="gone: the receiver answered 410 and is sent nothing more until the API is restarted"
    )
    delivered: int = Field(0, description="Since the API that delivers started")
    last_success_at: datetime | None = None
    last_error: str | None = Field(None, description="Of the last attempt that failed", examples=["HTTP 503"])
    last_error_at: datetime | None = None


class WebhookStatus(Progress):
    """The webhook, as far as it has come."""

    receiver: str = Field(description="Its address without path and query", examples=["https://example.org"])
    types: list[str] = Field(description="Event types that it is sent", examples=[["match"]])
    waiting: int = Field(description=f"Events that it has not had yet, counted up to {_COUNTED}")
    given_up: int = Field(description="Events that it never took, ever; their positions are in the database")


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who is told.

    Args of note: `secret` as Standard Webhooks writes it, `whsec_` and base64; `seconds` for which an event is tried,
    counted from when it came (or this process started); `proxy` that stands before the address, None: none.
    """

    url: str
    secret: str
    types: tuple[str, ...]
    seconds: float
    proxy: str | None = None

    @property
    def shown(self) -> str:
        """Scheme, host and port: what is after them may be a secret."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def retry_delay(attempt: int, draw: Callable[[], float] = random.random) -> float:
    """Seconds before the next attempt, given its number. See `full_jitter`."""
    return full_jitter(attempt, FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS, draw)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int | None
    """None: there was none."""
    reason: str
    not_before: float = 0.0
    """Seconds that the receiver asks for."""


@dataclass(frozen=True, slots=True)
class _Standing:
    """How far delivery has come."""

    cursor: int | None
    given_up: int
    progress: Progress


class WebhookRelay:
    """Delivers the log to one receiver: `run` as one task.

    Args:
        receiver: who.
        event_log: what.
        store: how far.
        delay: seconds before the next attempt, given its number; injected by tests.
        monotonic: seconds; injected by tests.
    """

    def __init__(
        self,
        receiver: Receiver,
        event_log: EventLog,
        store: WebhookStore,
        *,
        delay: Callable[[int], float] = retry_delay,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._receiver = receiver
        # All of them are no condition: the database reads along the positions and sorts nothing.
        self._only = ALL if {*receiver.types} >= _ALL_TYPES else Filter(types=receiver.types)
        self._log = event_log
        self._store = store
        self._delay = delay
        self._now = monotonic
        self._signer = Signer(receiver.secret)
        self._news = asyncio.Event()
        self._arrivals = _Arrivals(receiver.seconds / _MARKS)
        self._cursor: int | None = None
        self._stored = 0
        """Where the database says that it stands."""
        self._given_up = self._waiting = 0
        self._progress = Progress()
        self._tells = False
        self._elsewhere: _Standing | None = None
        """What the process that delivers has told; apart from our own, for we may begin while the database is asked."""

    def notify(self, entry: Entry) -> None:
        """There is a new entry. Never waits."""
        if entry.type in self._receiver.types:
            self._arrivals.note(entry.cursor, self._now())
            self._news.set()

    async def status(self, *, delivers: bool = True) -> WebhookStatus:
        """How it goes.

        Args:
            delivers: whether this process does; else what the one has told that does.
        """
        with suppress(OSError):  # the last that is known
            if not delivers and (told := await self._store.told()):
                cursor, given_up, text = told
                progress = Progress.model_validate_json(text) if text else Progress()
                self._elsewhere = _Standing(cursor, given_up, progress)
        elsewhere = None if delivers else self._elsewhere
        standing = elsewhere or _Standing(self._cursor, self._given_up, self._progress)
        with suppress(OSError):
            if standing.cursor is not None:
                self._waiting = await self._log.count_after(standing.cursor, _COUNTED, self._only)
        return WebhookStatus(
            receiver=self._receiver.shown,
            types=list(self._receiver.types),
            waiting=self._waiting,
            given_up=standing.given_up,
            **standing.progress.model_dump(),
        )

    async def open(self) -> None:
        """Find out where to go on, before anything new comes: a webhook that is new begins with that."""
        self._arrivals.note(0, self._now())
        with suppress(OSError):  # `run` tries again
            await self._begin()

    async def run(self, *, told: bool = False) -> None:
        """Deliver, for ever or until the receiver has gone. Cancel it.

        Args:
            told: other processes want to know how it goes.
        """
        self._tells = told
        if told:  # another process may have delivered meanwhile
            self._cursor, self._progress, self._elsewhere = None, Progress(), None
        try:
            made = self._client()
        except UnusableProxyError as error:
            self._note_failure(_Answer(None, str(error)))
            log.error(  # noqa: TRY400
                "Webhook cannot use the proxy that the environment names: take an http:// one, or cover the receiver's "
                "host by NO_PROXY, and start the API again"
            )
            with suppress(OSError):
                await self._begin()
            await self._tell()
            return
        async with made as client:
            while self._progress.state != "gone":
                try:
                    await self._deliver_all(client)
                except OSError as error:
                    log.warning("Webhook waits for the event log", reason=str(error))
                    await asyncio.sleep(_STORE_RETRY_SECONDS)
                except Exception:
                    log.exception("Webhook failed")
                    await asyncio.sleep(LAST_RETRY_SECONDS)

    def _client(self) -> httpx2.AsyncClient:
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        return http_client(proxy=self._receiver.proxy, cookies=no_cookies)

    async def _begin(self) -> int:
        if self._cursor is None:
            self._stored, self._given_up = await self._store.begin(await self._log.latest())
            self._cursor = self._stored
        return self._cursor

    async def _deliver_all(self, client: httpx2.AsyncClient) -> None:
        while True:
            self._news.clear()
            entry = await self._next()
            if entry is None:
                await self._tell_idle()
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._news.wait()
            elif not await self._deliver(client, entry):
                return

    async def _next(self) -> Entry | None:
        """The first event that is not settled, as the log holds it now."""
        cursor = await self._begin()
        # Of what another process has stored, nobody tells us: it has come when it is seen here.
        self._arrivals.note(await self._log.latest(), self._now())
        found = await self._log.page(Page(after=cursor, limit=1), self._only)
        if not found:
            return None
        self._arrivals.note(found[0].cursor, self._now())  # it may have been stored since the last position was read
        return found[0]

    async def _deliver(self, client: httpx2.AsyncClient, entry: Entry) -> bool:
        """Settle one event, unless it is erased meanwhile. Returns False when the receiver wants no more."""
        attempt = 0
        while True:
            event_id, body = _payload(entry)
            if self._progress.state != "retrying":
                self._progress.state = "delivering"
            answer = await self._post(client, event_id, body)
            if answer.status is not None and 200 <= answer.status < 300:  # noqa: PLR2004
                self._note_success()
                await self._settle(entry)
                return True
            self._note_failure(answer)
            if answer.status == GONE:
                self._progress.state = "gone"
                await self._tell()
                log.error("Webhook receiver wants no more (410): it is sent nothing until the API is restarted")
                return False
            seconds = self._receiver.seconds
            if answer.status in UNACCEPTABLE:
                seconds = min(seconds, UNACCEPTABLE_SECONDS)
            left = self._arrivals.of(entry.cursor) + seconds - self._now()
            if left <= 0:
                log.error("Webhook event given up", event_id=event_id, cursor=entry.cursor, reason=answer.reason)
                self._given_up += 1
                await self._settle(entry, answer.reason)
                return True
            await self._tell()
            attempt += 1
            wait = max(self._delay(attempt), min(answer.not_before, LAST_RETRY_SECONDS))
            await asyncio.sleep(min(wait, left))
            now = await self._next()
            if now is None or now.cursor != entry.cursor:
                return True  # it was removed: nobody is to hear of it, and the next one follows
            entry = now

    async def _post(self, client: httpx2.AsyncClient, event_id: str, body: str) -> _Answer:
        at = datetime.now(UTC)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": self._signer.sign(event_id, at, body),
        }
        request = client.stream("POST", self._receiver.url, content=body.encode(), headers=headers)
        try:
            async with asyncio.timeout(ANSWER_SECONDS), request as answer:  # whatever else it has to say is not read
                status, not_before = answer.status_code, _seconds(answer.headers.get("retry-after"))
                return _Answer(status, f"HTTP {status}", not_before)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:  # their words may hold the address
            return _Answer(None, type(error).__name__)

    async def _settle(self, entry: Entry, given_up: str | None = None) -> None:
        before, self._cursor = self._stored, entry.cursor
        with suppress(OSError):  # it is stored with the next one; after a crash before that it is sent again
            if await self._store.settle(before, entry.cursor, self._progress.model_dump_json(), given_up):
                self._stored = entry.cursor
            else:  # another process has delivered since, or that was us, and the answer was lost
                self._cursor = None

    async def _tell(self) -> None:
        if self._tells:
            with suppress(OSError):
                await self._store.tell(self._progress.model_dump_json())

    async def _tell_idle(self) -> None:
        if self._progress.state != "idle":
            self._progress.state = "idle"
            await self._tell()

    def _note_success(self) -> None:
        if self._progress.state == "retrying":
            log.info("Webhook receiver takes events again")
        self._progress.state = "delivering"
        self._progress.delivered += 1
        self._progress.last_success_at = datetime.now(UTC)

    def _note_failure(self, answer: _Answer) -> None:
        """One line when it goes away, not one per attempt."""
        if self._progress.state != "retrying":
            log.warning("Webhook receiver does not take events; they are retried", reason=answer.reason)
        self._progress.state = "retrying"
        self._progress.last_error, self._progress.last_error_at = answer.reason, datetime.now(UTC)


class _Arrivals:
    """When events came, on the monotonic clock, to within a grain: a few marks and not a time for each.

    Args:
        grain: seconds.
    """

    def __init__(self, grain: float) -> None:
        self._grain = grain
        self._seen = -1
        self._marks: deque[tuple[int, float]] = deque(maxlen=_MARKS + 2)
        """From which position on events came, and when."""

    def note(self, cursor: int, now: float) -> None:
        """Whatever there is up to this position has come, if it had not before."""
        if cursor <= self._seen:
            return
        if not self._marks or now - self._marks[-1][1] >= self._grain:
            self._marks.append((self._seen + 1, now))
        self._seen = cursor

    def of(self, cursor: int) -> float:
        """When an event came, at most a grain too early; for one from before the first mark, that mark's time."""
        return next((at for mark, at in reversed(self._marks) if mark <= cursor), self._marks[0][1])


def _payload(entry: Entry) -> tuple[str, str]:
    """The message's id and body."""
    event = json.loads(entry.text)
    body = {"type": event["type"], "timestamp": event["timestamp"], "data": event}
    return event["event_id"], json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _seconds(retry_after: str | None) -> float:
    """Of the header's number form; its date form is rare and would trust the receiver's clock."""
    return float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdecimal() else 0.0
