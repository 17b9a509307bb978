"""Is it alive, and can it do its work? Each check by name, with a reason."""

# Annotations are read at run time here: FastAPI makes its routes from them.
import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Literal

import httpx2
import structlog
from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from facematch.runtime.http_client import UnusableProxyError, http_client
from facematch.server.assignment.book import Standing
from facematch.server.assignment.service import Assignment
from facematch.server.events.service import Feed
from facematch.server.recognizers.registry import ONLINE_SECONDS, Recognizers
from facematch.server.snapshots.folder import room_in
from facematch.server.web.errors import documented
from facematch.server.web.security_headers import origins

log = structlog.get_logger(__name__)

CHECK_SECONDS = 2.0
"""How long one check may take."""
KEPT_SECONDS = 3.0
"""How long an answer is good for: asking often costs nothing."""

_OF_PROXIES = frozenset({407, 502, 503, 504})
"""What somebody says who cannot pass a request on, or will not."""

Check = Callable[[], Awaitable[str]]
"""Returns what there is to say; raises `OSError` with the reason why not."""


class CheckResult(BaseModel):
    """One check."""

    ok: bool
    reason: str


class Readiness(BaseModel):
    """All checks."""

    ready: bool
    checks: dict[str, CheckResult]


class NotReady(Readiness):
    """At least one check failed."""

    detail: str = Field(examples=["Not ready: recognizer (no heartbeat yet)"])
    code: Literal["NOT_READY"] = "NOT_READY"


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Health:
    """Runs the checks, all at once and each for a bounded time.

    Args:
        checks: by name.
        monotonic: seconds; injected by tests.
    """

    def __init__(self, checks: Mapping[str, Check], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._checks = checks
        self._now = monotonic
        self._last: tuple[float, Readiness] | None = None
        self._one_at_a_time = asyncio.Lock()

    async def readiness(self) -> Readiness:
        """The answer, at most a few seconds old."""
        async with self._one_at_a_time:
            if self._last is None or self._now() - self._last[0] > KEPT_SECONDS:
                results = await asyncio.gather(*(_run(check) for check in self._checks.values()))
                checks = dict(zip(self._checks, results, strict=True))
                self._last = (self._now(), Readiness(ready=all(result.ok for result in results), checks=checks))
            return self._last[1]


async def _run(check: Check) -> CheckResult:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return CheckResult(ok=True, reason=await check())
    except TimeoutError:
        return CheckResult(ok=False, reason=f"no answer in {CHECK_SECONDS:g} s")
    except OSError as error:
        return CheckResult(ok=False, reason=error.strerror or str(error))
    except Exception:
        log.exception("Check failed")
        return CheckResult(ok=False, reason="the check itself failed, see the log")


def disk_check(folder: Path) -> Check:
    """Whether a folder can be written, and has room."""
    return lambda: asyncio.to_thread(room_in, folder)


def log_check(feed: Feed, folder: Path | None) -> Check:
    """Whether events can be stored.

    Args:
        feed: stores them.
        folder: of the embedded database; None: the log is elsewhere.
    """
    has_room = disk_check(folder) if folder else None

    async def ask() -> str:
        await feed.check()
        if has_room:
            await has_room()
        return "takes events"

    return ask


def recognizer_check(recognizers: Recognizers, assignment: Assignment) -> Check:
    """Whether a recognizer reports; where several share the rooms, whether any of them does."""

    async def ask() -> str:
        if assignment.shared:
            return _of_shared(assignment.latest)
        heard = recognizers.newest()
        if heard is None:
            raise OSError("no heartbeat yet")
        latest, age = heard
        if age > ONLINE_SECONDS:
            raise OSError(f"last heartbeat {age:.0f} s ago")
        return f"heartbeat {age:.1f} s ago, LiveKit {latest.livekit}"

    return ask


def _of_shared(now: Standing) -> str:
    ages = [worker.age for worker in now.workers.values()]
    if not ages:
        raise OSError("no beat yet")
    if min(ages) > ONLINE_SECONDS:
        raise OSError(f"last beat {min(ages):.0f} s ago")
    watched = sum(room.arrived for room in now.rooms.values())
    there = sum(age <= ONLINE_SECONDS for age in ages)
    return f"{there} of {len(ages)} beat, {watched} of {len(now.rooms)} rooms are watched"


def livekit_check(url: str, proxy: str | None = None) -> Check:
    """Whether anything answers HTTP where LiveKit should, and not a proxy in its place.

    Args:
        url: of the LiveKit server, any of its schemes.
        proxy: what stands before it; None: nothing does.
    """
    address = origins(url)[1]

    async def ask() -> str:
        try:
            async with (
                http_client(proxy=proxy, seconds=CHECK_SECONDS) as client,
                client.stream("GET", address) as response,
            ):
                status = response.status_code
        except UnusableProxyError as error:
            raise OSError(f"{error}: take an http:// one, or cover its host by NO_PROXY") from error
        except httpx2.HTTPError as error:
            raise OSError(f"cannot be reached ({type(error).__name__})") from error
        if status in _OF_PROXIES:
            raise OSError(f"cannot be reached (a proxy answers {status})")
        return f"answers ({status})"

    return ask


def routes(health: Health) -> APIRouter:
    """`GET /livez`, `/health` and `/readyz`."""
    router = APIRouter(tags=["health"])

    @router.get("/livez", summary="Is the process alive?", responses=documented())
    async def livez() -> Alive:
        """Depends on nothing else."""
        return Alive()

    @router.get("/health", summary="The same as /livez", responses=documented())
    async def health_() -> Alive:
        return Alive()

    @router.get(
        "/readyz",
        summary="Can everything do its work?",
        responses={
            **documented(),
            503: {"model": NotReady, "description": "NOT_READY: at least one check failed"},
        },
    )
    async def readyz(response: Response) -> Readiness | NotReady:
        """Checks: event log, snapshot folder, recognizer, LiveKit."""
        readiness = await health.readiness()
        if readiness.ready:
            return readiness
        failed = [f"{name} ({check.reason})" for name, check in readiness.checks.items() if not check.ok]
        response.status_code = 503
        return NotReady(ready=False, checks=readiness.checks, detail="Not ready: " + ", ".join(failed))

    return router
