"""Composition root of the web process: `uvicorn api:app`."""

from __future__ import annotations

import faulthandler

from facematch.hang import ended_when_hung
from facematch.logs import configure_logging
from facematch.secret_values import secrets_of
from facematch.server.app import Parts, create_app
from facematch.settings import WebSettings, load_or_exit

settings = load_or_exit(WebSettings)


def start() -> None:
    """What the process needs once it serves."""
    faulthandler.enable()  # a crash in native code says where
    configure_logging(settings.log_level, settings.log_format, secrets_of(settings))


app = create_app(settings, Parts(on_start=start, guard=ended_when_hung))
