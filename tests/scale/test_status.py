"""What two web processes say of recognizers, and whom they let in: the same, whichever is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest_asyncio

from tests.rig.event_logs import new_database
from tests.rig.heartbeats import heartbeat_body
from tests.rig.replicas import Replicas
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from tests.rig.postgres import Postgres
    from tests.rig.web import WebProcess

HEARD_SECONDS = 30
ADMIN = "admin-key-of-two-replicas"
KEYS: dict[str, object] = {
    "admin_key": ADMIN,
    "viewer_key": "viewer-key-of-two-replicas",
    "recognizer_key": "recognizer-key-of-replicas",
}
BEARER = {"Authorization": f"Bearer {ADMIN}"}


@pytest_asyncio.fixture(scope="module")
async def keyed(database: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Replicas]:
    """Two web processes with keys."""
    folder = tmp_path_factory.mktemp("keyed")
    made = Replicas(folder, await new_database("postgresql", folder, database), 2, **KEYS)
    try:
        await made.start()
        yield made
    finally:
        made.end()


async def told(web: WebProcess, session: aiohttp.ClientSession) -> dict[str, Any]:
    async with session.get(f"{web.base_url}/api/status", headers=BEARER) as answer:
        assert answer.status == 200, await answer.text()
        recognizer: dict[str, Any] = (await answer.json())["recognizer"]
        return recognizer


async def test_a_recognizer_is_known_to_the_process_that_it_does_not_report_to(keyed: Replicas) -> None:
    async with aiohttp.ClientSession() as session:
        key = {"Authorization": f"Bearer {KEYS['recognizer_key']}"}
        body = {**heartbeat_body(), "sent_at": datetime.now(UTC).isoformat(), "source": "shared"}
        async with session.post(f"{keyed[0].base_url}/api/heartbeat", json=body, headers=key) as answer:
            assert answer.status == 200, await answer.text()

        async def known() -> dict[str, Any] | None:
            recognizer = await told(keyed[1], session)
            return recognizer if recognizer["heartbeat"] else None

        here = await wait_until(known, within=HEARD_SECONDS, what="the other process knows the recognizer")
        there = await told(keyed[0], session)
    assert here["heartbeat"] == there["heartbeat"]
    assert abs(here["age_seconds"] - there["age_seconds"]) < 1, "each says how old it is, not when it was read"


async def test_a_login_that_is_ended_at_one_process_ends_at_the_other(keyed: Replicas) -> None:
    """Cookies are those of a host, whatever its port: this one has both processes behind it."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        origins = [{"Origin": web.base_url} for web in keyed.processes]
        async with session.post(
            f"{keyed[0].base_url}/api/session", json={"key": ADMIN, "name": "Dana"}, headers=origins[0]
        ) as answer:
            assert answer.status in (200, 201), await answer.text()
        address = f"{keyed[1].base_url}/ws/matches"
        async with session.ws_connect(address, headers=origins[1]) as listener:
            async with session.delete(f"{keyed[0].base_url}/api/session", headers=origins[0]) as answer:
                assert answer.status in (200, 204), await answer.text()
            message = await listener.receive(timeout=HEARD_SECONDS)
            assert message.type is aiohttp.WSMsgType.CLOSE
            assert listener.close_code == 4401
