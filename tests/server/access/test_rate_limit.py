"""Counting tries: per client, in a window, in memory that does not grow; at several web processes together."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from facematch.server.access.rate_limit import CROWD, RateLimit, client_of
from facematch.server.access.tries import SharedTries
from facematch.server.storage.database import Database
from facematch.server.web.errors import ApiError
from tests.rig.event_logs import new_database, two_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.rig.postgres import Postgres


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Passed:
    """The connection of a proxy, as the server shows it."""

    def __init__(self, peer: str) -> None:
        self.peer = peer

    def get_extra_info(self, _name: str) -> tuple[str, int]:
        return self.peer, 50_000


def scope(client: str | None = "192.0.2.7", **headers: str) -> dict[str, Any]:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "client": (client, 40000) if client else None, "headers": named}


def count(limit: RateLimit, of: dict[str, Any]) -> None:
    """In one process it waits for nothing."""
    with suppress(StopIteration):
        limit.count(of).send(None)


def refusal(limit: RateLimit, of: dict[str, Any]) -> ApiError:
    with pytest.raises(ApiError) as refused:
        count(limit, of)
    return refused.value


def test_so_many_a_minute_and_then_when_to_come_back() -> None:
    clock = Clock()
    limit = RateLimit("logins", 3, clock)
    for _ in range(3):
        limit.check(scope())
        count(limit, scope())
    clock.now += 17.5
    with pytest.raises(ApiError):
        limit.check(scope())
    refused = refusal(limit, scope())
    assert (refused.status, refused.code, refused.headers) == (429, "TOO_MANY_REQUESTS", {"Retry-After": "43"})
    assert refused.detail == "Too many logins from your address. Try again in 43 s."
    count(limit, scope("192.0.2.8"))  # somebody else
    clock.now += 42.5
    limit.check(scope())
    count(limit, scope())


def test_checking_counts_nothing() -> None:
    limit = RateLimit("wrong keys", 1, Clock())
    for _ in range(10):
        limit.check(scope())
    count(limit, scope())
    with pytest.raises(ApiError):
        limit.check(scope())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (scope("2001:db8::1"), scope("2001:db8::ffff:2")),  # one client's own network
        (scope("192.0.2.7"), scope("::ffff:192.0.2.7")),
        (scope(None), scope(None)),
    ],
)
def test_the_same_client(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert client_of(one) == client_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (scope("2001:db8::1"), scope("2001:db8:0:1::1")),
        (scope("192.0.2.7"), scope("192.0.2.8")),
        # Through a proxy on the recognizer's machine, the whole world has its address.
        (scope("127.0.0.1"), scope("127.0.0.1", x_forwarded_for="192.0.2.7")),
    ],
)
def test_another_client(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert client_of(one) != client_of(other)


def test_memory_is_bounded_and_nobody_gets_out_of_a_count_by_flooding() -> None:
    clock = Clock()
    limit = RateLimit("logins", 5, clock, most=100)
    for _ in range(5):
        count(limit, scope("192.0.2.7"))
    refused = 0
    for number in range(10_000):
        try:
            count(limit, scope(f"10.0.{number // 250}.{number % 250}"))
        except ApiError:
            refused += 1
    assert refused == 10_000 - 99 - 5  # all who found no room share one count
    assert len(limit._counts) == 101
    for client in ("192.0.2.7", "198.51.100.1"):  # the attacker, and a newcomer
        with pytest.raises(ApiError):
            limit.check(scope(client))
    clock.now += 60
    count(limit, scope("198.51.100.1"))
    assert len(limit._counts) <= 2


def test_too_many_tries_are_said_once_a_minute() -> None:
    clock = Clock()
    limit = RateLimit("logins", 2, clock)
    with capture_logs() as logs:
        for _ in range(2):
            for _ in range(10):
                with suppress(ApiError):
                    count(limit, scope())
            clock.now += 60
    assert [(line["event"], line["client"]) for line in logs] == [("Too many tries of one client", "192.0.2.7")] * 2


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.floats(0, 30)), max_size=60))
def test_never_more_than_allowed_between_two_beginnings(tries: list[tuple[str, float]]) -> None:
    clock = Clock()
    limit = RateLimit("logins", 2, clock)
    accepted: dict[str, list[float]] = {}
    waits = []
    for client, pause in tries:
        clock.now += pause
        try:
            count(limit, scope(client))
        except ApiError as refused:
            waits.append(int((refused.headers or {})["Retry-After"]))
        else:
            accepted.setdefault(client, []).append(clock.now)
    assert all(1 <= seconds <= 60 for seconds in waits)
    for times in accepted.values():  # two windows, one after the other, hold four at the worst
        assert all(later - earlier >= 60 for earlier, later in zip(times, times[4:], strict=False))


def test_a_program_that_names_another_address_each_time_is_counted_all_the_same() -> None:
    """As the server has it: it takes the word of a proxy on this machine, and so of every program here."""
    limit = RateLimit("wrong keys", 3, Clock())
    here = Passed("127.0.0.1")
    refused = 0
    for number in range(100):
        claimed = scope(f"192.0.2.{number}", x_forwarded_for=f"192.0.2.{number}") | {"facematch.connection": here}
        with suppress(ApiError):
            count(limit, claimed)
            continue
        refused += 1
    assert refused == 100 - 3 * CROWD
    with pytest.raises(ApiError):
        limit.check(scope("198.51.100.1") | {"facematch.connection": here})
    count(limit, scope("127.0.0.1") | {"facematch.connection": here})  # what comes from here itself is counted apart
    count(limit, scope("198.51.100.1") | {"facematch.connection": Passed("198.51.100.1")})
    count(limit, scope("198.51.100.1") | {"facematch.connection": Passed("203.0.113.9")})


def test_behind_a_proxy_each_client_has_its_own_count() -> None:
    limit = RateLimit("logins", 3, Clock())
    proxy = Passed("127.0.0.1")
    for number in range(5):
        for _ in range(3):
            count(limit, scope(f"192.0.2.{number}", x_forwarded_for="x") | {"facematch.connection": proxy})
    with pytest.raises(ApiError):
        count(limit, scope("192.0.2.1", x_forwarded_for="x") | {"facematch.connection": proxy})


@pytest_asyncio.fixture
async def two_databases(postgres: Postgres, tmp_path: Path) -> AsyncIterator[tuple[Database, Database]]:
    """One, as two processes have it."""
    async with two_of(await new_database("postgresql", tmp_path, postgres)) as both:
        yield both


async def refused(limit: RateLimit, client: str) -> int:
    with pytest.raises(ApiError) as refusal:
        await limit.count(scope(client))
    assert refusal.value.status == 429
    return int((refusal.value.headers or {})["Retry-After"])


async def test_a_client_has_no_more_tries_at_two_processes_than_at_one(
    two_databases: tuple[Database, Database],
) -> None:
    clock = Clock()
    one, other = (RateLimit("logins", 3, clock, elsewhere=SharedTries(database)) for database in two_databases)
    await one.count(scope("192.0.2.7"))
    await other.count(scope("192.0.2.7"))
    await one.count(scope("192.0.2.7"))
    assert 55 <= await refused(other, "192.0.2.7") <= 60
    assert 55 <= await refused(one, "192.0.2.7") <= 60
    with pytest.raises(ApiError):
        other.check(scope("192.0.2.7"))
    await one.count(scope("198.51.100.1"))  # another client
    await RateLimit("tokens", 1, clock, elsewhere=SharedTries(two_databases[0])).count(scope("192.0.2.7"))


async def test_a_minute_begins_anew_and_what_is_over_is_forgotten(
    two_databases: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facematch.server.access.tries.WINDOW_SECONDS", -1.0)
    tries = SharedTries(two_databases[0])
    assert [(await tries.add("logins", "192.0.2.7") or (0,))[0] for _ in range(3)] == [1, 1, 1]
    await tries.forget_over()
    monkeypatch.setattr("facematch.server.access.tries.WINDOW_SECONDS", 60.0)
    assert [(await tries.add("logins", "192.0.2.7") or (0,))[0] for _ in range(3)] == [1, 2, 3]
    await tries.forget_over()
    assert (await tries.add("logins", "192.0.2.7") or (0,))[0] == 4


async def test_while_the_database_is_away_each_counts_for_itself(two_databases: tuple[Database, Database]) -> None:
    limit = RateLimit("logins", 2, Clock(), elsewhere=SharedTries(Database(two_databases[0].url)))  # not open
    await limit.count(scope())
    await limit.count(scope())
    await refused(limit, "192.0.2.7")
