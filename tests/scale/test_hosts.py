"""Two machines, each with a recognizer and a web process, and the cable of one is pulled: half of all is gone without a
word, and comes back.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.rig.audit import logged
from tests.rig.hosts import hosts_or_skip
from tests.rig.livekit_server import LiveKitServer
from tests.rig.postgres import postgres_server
from tests.rig.running_fleet import BEARER, LATE_SECONDS, running_fleet
from tests.rig.waiting import wait_until
from tests.rig.watch_record import again_figures

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.rig.hosts import Hosts
    from tests.rig.proofs import Scale
    from tests.rig.running_fleet import Fleet

BACK_SECONDS = 60
OPEN = {"allow_demo_credentials": "true"}
"""The switch is the test's own."""


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    """Skips where the machine permits none."""
    with hosts_or_skip(2) as made:
        yield made


@pytest_asyncio.fixture(scope="module")
async def fleet(hosts: Hosts, tmp_path_factory: pytest.TempPathFactory, scale: Scale) -> AsyncIterator[Fleet]:
    folder = tmp_path_factory.mktemp("hosts")
    livekit = LiveKitServer(folder, hosts=hosts)
    with postgres_server(hosts.address) as database:
        livekit.start()
        try:
            async with running_fleet(folder, database, livekit, scale(4, 20), hosts, **OPEN) as made:
                yield made
        finally:
            livekit.stop()


async def test_a_machine_that_is_gone_is_followed_and_disturbs_nobody_when_it_is_back(
    fleet: Fleet, hosts: Hosts, scale: Scale, figure: dict[str, object]
) -> None:
    """It is cut off; and in the long form, at every other time, its processes die with the cable."""
    took: list[float] = []
    doubles: list[float] = []
    others_gaps: list[float] = []
    async with fleet.sending() as sender:
        for turn in range(scale(1, 20)):
            await fleet.whole()
            await fleet.level()
            gone, dies = turn % 2, turn % 4 > 1
            name, worker = list(fleet.workers.items())[gone]
            web, held = fleet.replicas[gone], await fleet.held(name)
            async with fleet.record() as record:
                pulled = time.monotonic()
                hosts[gone].pull()
                if dies:
                    worker.kill()
                    web.process.send(signal.SIGKILL)
                await record.taken_over(held, pulled)
                took += record.until_newer(held, pulled).values()
                others_gaps += (gap for room, gap in record.longest(_nobody, pulled).items() if room not in held)
                plugged = time.monotonic()
                hosts[gone].plug()
                if dies:
                    await web.process.ended(within=LATE_SECONDS)
                    worker.start()
                    await web.start()
                await fleet.beats(name, since=plugged + 1.0)
                await wait_until(fleet.watched_by_one, within=BACK_SECONDS, what="each room is watched by one")
                doubles += record.longest(lambda who: len(who) > 1, pulled).values()
        figure.update(again_figures(took), two_in_a_room_s=round(max(doubles), 2), others_s=round(max(others_gaps), 2))
    there = Counter(event["event_id"] for event in await logged(fleet.url, headers=BEARER))
    assert [there[one] for one in sender.acknowledged] == [1] * len(sender.acknowledged)
    assert max(took) < LATE_SECONDS
    assert max(doubles) <= scale(5.0, 1.0)


def _nobody(who: list[str]) -> bool:
    return not who
