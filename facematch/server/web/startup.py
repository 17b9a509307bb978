"""Refusing to start in one sentence: without this the server prints the stack of whatever the lifespan raised."""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
from typing import TYPE_CHECKING

from facematch.runtime.owner_only import FolderError
from facematch.server.storage.errors import LogUnavailableError, MissingPackageError
from facematch.server.storage.migrate import SchemaTooNewError
from facematch.server.storage.sole_process import AlreadyServedError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

FOR_GOOD = (SchemaTooNewError, AlreadyServedError, MissingPackageError)
"""Another start could only fail in the same way."""
EXPECTED = (*FOR_GOOD, LogUnavailableError, FolderError)
"""What an operator can do something about; anything else keeps its stack."""


class StartupErrors:
    """ASGI middleware: a start that fails for an expected reason says that reason and nothing else.

    Args:
        for_good: the process's exit code when another start could only fail in the same way.
    """

    def __init__(self, app: ASGIApp, for_good: int) -> None:
        self._app = app
        self._for_good = for_good

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        failed = False

        async def held_back(message: Message) -> None:
            nonlocal failed
            failed = message["type"] == "lifespan.startup.failed"
            if not failed:
                await send(message)

        try:
            await self._app(scope, receive, held_back)
        except EXPECTED as error:
            await send({"type": "lifespan.startup.failed", "message": f"Face Match cannot start: {error}"})
            if isinstance(error, FOR_GOOD) and multiprocessing.parent_process() is None:
                # The server would end with 3 as for a database that is away, and supervisors would start it again.
                # Not so its own, when it has several workers: 3 ends them all.
                asyncio.get_running_loop().call_soon(sys.exit, self._for_good)
            raise
        except BaseException as error:
            if failed:
                await send({"type": "lifespan.startup.failed", "message": repr(error)})
            raise
