"""Several processes on one PostgreSQL; `--faults` runs what breaks something for its whole length."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.rig.event_logs import new_database
from tests.rig.postgres import postgres_server
from tests.rig.proofs import Scale, bound, figure, scale
from tests.rig.replicas import Replicas
from tests.rig.webhook_receiver import SECRET, WebhookReceiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.rig.postgres import Postgres

__all__ = ["Scale", "figure", "scale"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """See `bound`."""
    bound(config, items, "tests/scale/")


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    """A server of this file's own: it is restarted. Skips where there can be none."""
    with postgres_server() as server:
        yield server


@pytest_asyncio.fixture(scope="module")
async def receiver() -> AsyncIterator[WebhookReceiver]:
    """Of webhooks."""
    made = WebhookReceiver()
    await made.start()
    yield made
    await made.stop()


@pytest_asyncio.fixture(scope="module")
async def replicas(
    database: Postgres, receiver: WebhookReceiver, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Replicas]:
    """Two web processes, and a webhook. Every test leaves both at work."""
    folder = tmp_path_factory.mktemp("replicas")
    url = await new_database("postgresql", folder, database)
    made = Replicas(
        folder,
        url,
        webhook_url=receiver.url,
        webhook_secret=SECRET,
        webhook_types="check",
    )
    try:
        await made.start()
        yield made
    finally:
        made.end()
