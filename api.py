"""Composition root of the web process: `uvicorn api:app`."""

from __future__ import annotations

from facematch.logs import configure_logging
from facematch.secret_values import secrets_of
from facematch.server.app import Parts, create_app
from facematch.settings import WebSettings, load_or_exit

settings = load_or_exit(WebSettings)
app = create_app(
    settings,
    Parts(on_start=lambda: configure_logging(settings.log_level, settings.log_format, secrets_of(settings))),
)
