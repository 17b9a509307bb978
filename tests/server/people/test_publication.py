"""Who waits for another gallery, and when they are answered."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from facematch.server.people.current import nobody
from facematch.server.people.publication import Publication

if TYPE_CHECKING:
    from facematch.faces.gallery import Gallery


class Current:
    """The gallery, which never changes here."""

    async def read(self) -> Gallery:
        return nobody()


def test_who_waits_is_answered_when_something_else_is_to_be_asked_for() -> None:
    async def scenario() -> None:
        publication = Publication(cast("Any", Current()))
        await publication.open()
        publication.call()  # nobody waits
        waiting = asyncio.create_task(publication.other_than(publication.latest.tag, 60))
        await asyncio.sleep(0)
        assert not waiting.done()
        publication.call()
        async with asyncio.timeout(10):
            assert (await waiting).version == nobody().version

    asyncio.run(scenario())
