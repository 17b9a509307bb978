"""`python -m facematch.migrate`: brings the database up to date and says what it did, while the version before serves.

Each web process does the same at its start; by a command of its own it is done, and seen to be done, before the first.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from facematch.config.process_settings import WebSettings
from facematch.config.secret_values import secrets_of
from facematch.config.settings import load_or_exit
from facematch.runtime.exit_codes import ExitCode
from facematch.runtime.logs import configure_logging
from facematch.runtime.owner_only import FolderError
from facematch.server.storage.database import is_sqlite, url_of
from facematch.server.storage.errors import LogUnavailableError
from facematch.server.storage.migrate import SchemaTooNewError, migrate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facematch.server.storage.migrate import Migration


def main() -> ExitCode:
    """Print what was done. Returns the exit code: 1 when another try may do better, 2 when only other settings can."""
    settings = load_or_exit(WebSettings)
    configure_logging(settings.log_level, settings.log_format, secrets_of(settings))
    url = url_of(settings.database_url, settings.data_dir)
    try:
        done = asyncio.run(migrate(url))
    except SchemaTooNewError as error:
        return _failed(error, ExitCode.BAD_SETTINGS)
    except (LogUnavailableError, FolderError) as error:
        return _failed(error, ExitCode.FAILED)
    print(_said(done, "SQLite" if is_sqlite(url) else "PostgreSQL"))  # noqa: T201
    return ExitCode.STOPPED


def _said(done: Sequence[Migration], kind: str) -> str:
    if not done:
        return f"database: OK ({kind}), nothing to do"
    steps = [f"  {step.revision}  {step.what}" for step in done]
    return "\n".join([f"database: OK ({kind}), brought up to date:", *steps])


def _failed(error: Exception, code: ExitCode) -> ExitCode:
    print(f"database: nothing was changed: {error}", file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    raise SystemExit(main())
