"""Composition root of the web process: `uvicorn api:app`."""

from __future__ import annotations

import faulthandler
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from facematch.config.secret_values import secrets_of
from facematch.config.settings import WebSettings, load_or_exit
from facematch.runtime.hang_watchdog import ended_when_hung
from facematch.runtime.logs import configure_logging
from facematch.server.app import Parts, create_app
from facematch.server.web.bounded_uvicorn import BoundedServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

settings = load_or_exit(WebSettings)


@asynccontextmanager
async def serving() -> AsyncIterator[None]:
    """What the process needs while it serves."""
    faulthandler.enable()  # a crash in native code says where
    configure_logging(settings.log_level, settings.log_format, secrets_of(settings))
    async with ended_when_hung():
        yield


app = BoundedServer(create_app(settings, Parts(around=serving)))
