"""Logging: readable text by default, one JSON object per line on request.

Values that a client chose (identities, names) are only ever structured fields, never parts of a message, and the
text form writes them as quoted JSON: a line break in an identity cannot forge a line. What libraries and errors
repeat of it is indented, so that it cannot be taken for one either.

No key, token or other secret gets through, whoever says it. What libraries say at DEBUG is never said: it holds
headers, statements with their values, and what stands in pictures.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import TYPE_CHECKING, Any

import structlog

from facematch.runtime.sdk_lines import SdkLines

if TYPE_CHECKING:
    from collections.abc import Collection, MutableMapping

_PLAIN = re.compile(r"[A-Za-z0-9_.:/@+-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")


def configure_logging(level: str, log_format: str, secrets: Collection[str] = ()) -> None:
    """Send everything, the libraries' records included, to stderr in one form. Call once per process.

    Args:
        level: least level logged, such as `INFO`.
        log_format: `text` or `json`.
        secrets: what no line may hold.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(SdkLines())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer() if log_format == "json" else as_text,
                without_tokens,
                Without(secrets),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.INFO, logging.getLevelName(level)))
    logging.getLogger("facematch").setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):  # they bring handlers of their own
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in ("livekit", "alembic", "httpx2", "httpcore2"):  # they tell of their insides at INFO
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))


def as_text(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """One line: time, level, message, then `key=value`; a stack follows indented. A structlog processor."""
    when = str(event.pop("timestamp", ""))[11:23]
    level = str(event.pop("level", "")).upper()
    message = event.pop("event", "")
    trace = event.pop("exception", None)
    event.pop("logger", None)
    event.pop("color_message", None)  # uvicorn's message once more, with terminal codes
    fields = "".join(f" {key}={_value(value)}" for key, value in event.items())
    return _indented(f"{when} {level:<8} {message}{fields}" + (f"\n{trace}" if trace else ""))


def without_tokens(_logger: Any, _method: str, line: Any) -> str:
    """The line without any JWT: the SDK's own records repeat the one that a server refused. A structlog processor."""
    return _TOKEN.sub("[token]", str(line))


class Without:
    """The line without any of the secrets, as they are or as Python and JSON write them. A structlog processor."""

    def __init__(self, secrets: Collection[str]) -> None:
        written = {form for secret in secrets for form in (secret, repr(secret)[1:-1])}
        forms = written | {json.dumps(form)[1:-1] for form in written}
        longest_first = sorted(filter(None, forms), key=len, reverse=True)
        self._secret = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, _logger: Any, _method: str, line: Any) -> str:
        """See structlog."""
        return self._secret.sub("[secret]", str(line)) if self._secret else str(line)


def _indented(text: str) -> str:
    """The text's lines, all but the first one indented, without codes that steer a terminal."""
    return "\n    ".join(_CONTROL.sub(lambda code: f"\\x{ord(code[0]):02x}", line) for line in text.splitlines())


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=True)
