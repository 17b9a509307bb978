"""Composition root of the web process: `uvicorn api:app`."""

from __future__ import annotations

import faulthandler
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from facematch.config.process_settings import WebSettings, warnings_about
from facematch.config.secret_values import secrets_of
from facematch.config.settings import load_or_exit
from facematch.runtime.hang_watchdog import ended_when_hung
from facematch.runtime.logs import configure_logging
from facematch.runtime.memory_dumps import forbid_memory_dumps
from facematch.server.app import Parts, create_app
from facematch.server.web.abort import RememberConnection
from facematch.server.web.bounded_uvicorn import BoundedServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

settings = load_or_exit(WebSettings)


@asynccontextmanager
async def serving() -> AsyncIterator[None]:
    """What the process needs while it serves."""
    forbid_memory_dumps()
    faulthandler.enable()  # a crash in native code says where
    configure_logging(settings.log_level, settings.log_format, secrets_of(settings))
    for warning in warnings_about(settings):
        structlog.get_logger("facematch.api").warning(warning)
    async with ended_when_hung():
        yield


app = BoundedServer(RememberConnection(create_app(settings, Parts(around=serving))))
