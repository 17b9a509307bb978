"""Set-up: `python -m tools.setup`, started by install_fix.sh with the Pythons it found, best first."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import signal
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tools.setup import browser, checks, toolchains
from tools.setup.packages import Extra, Packages
from tools.setup.page import OWN_FOLDER, Page
from tools.setup.steps import FaceEncoder, LiveKitServer
from tools.setup.work import Log, Progress, SetupError, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent.parent
_INTERRUPTED = 130


def main() -> int:
    """Do what is not done yet, then say what works. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="install_fix.sh", description="Installs and builds what Face Match needs.")
    parser.add_argument("--dev", action="store_true", help="also what the tests need, Chromium included")
    parser.add_argument("--postgres", action="store_true", help="also what a DATABASE_URL of PostgreSQL needs")
    parser.add_argument("--s3", action="store_true", help="also what a SNAPSHOT_STORE of S3 needs")
    parser.add_argument("--no-livekit", action="store_true", help="no LiveKit server: there is one elsewhere")
    parser.add_argument("--if-needed", action="store_true", help="nothing is said or checked when all is done")
    parser.add_argument("--node", action="store_true", help="print which Node runs the checks, and do nothing else")
    parser.add_argument("--then-run", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--python", type=Path, action="append", default=[], help=argparse.SUPPRESS)
    options = parser.parse_args()
    env = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    try:
        cache: Path = ROOT / options.cache.expanduser()
    except RuntimeError:
        return refuse("install_fix.sh: this user has no home folder: set MODEL_CACHE to a folder, named in full")
    env.setdefault("HOME", str(ROOT / ".venv" / "home"))  # Go and npm want one
    if options.node:
        node = toolchains.find_node(env) or toolchains.fetched_node(ROOT / OWN_FOLDER)
        return refuse("install_fix.sh: no Node yet") if node is None else _print(node.program)
    quiet = options.if_needed or options.then_run
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the steps' commands, as Ctrl-C does
    wanted = Wanted(dev=options.dev, postgres=options.postgres, s3=options.s3, livekit=not options.no_livekit)
    parts = Parts(cache, env, wanted)
    try:
        worked = not parts.done
        if worked:  # else nothing is written: the user who runs it may not be the one who set it up
            with _only_one(ROOT / OWN_FOLDER):
                Parts(cache, env, wanted).install(options.python)
        code = 0 if quiet and not worked else checks.report(ROOT, cache, env, dev=wanted.dev, livekit=wanted.livekit)
    except SetupError as error:
        return refuse(f"install_fix.sh: {error}")
    except KeyboardInterrupt:
        return _INTERRUPTED
    if code == 0 and options.then_run:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        python = str(ROOT / ".venv" / "bin" / "python")
        os.execv(python, [python, "-m", "facematch.launcher"])  # noqa: S606  (no shell is wanted)
    return code


def _print(text: str) -> int:
    print(text)  # noqa: T201
    return 0


_EXTRAS = {"asyncpg": "PostgreSQL driver", "obstore": "S3 client"}
"""What these packages are."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which parts there are to be, beside those of every installation."""

    dev: bool
    """What the tests need."""
    postgres: bool
    """What the web process needs for PostgreSQL; the tests do, too."""
    s3: bool
    """The same for an object store."""
    livekit: bool
    """The LiveKit server."""


class Parts:
    """All that set-up sees to."""

    def __init__(self, cache: Path, env: dict[str, str], wanted: Wanted) -> None:
        """`cache`: MODEL_CACHE."""
        self._env, self._wanted = env, wanted
        self._packages = Packages(ROOT, env, dev=wanted.dev)
        extras = {"asyncpg": wanted.postgres, "obstore": wanted.s3}
        self._extras = [Extra(name, ROOT, self._packages) for name, is_wanted in extras.items() if is_wanted]
        self._page = Page(ROOT, env, dev=wanted.dev)
        self._server = LiveKitServer(ROOT, cache, env)
        self._encoder = FaceEncoder(ROOT, cache, env)

    @property
    def done(self) -> bool:
        """Whether there is nothing to do."""
        made = all(part.done for part in (self._packages, self._page, self._encoder))
        made = made and all(extra.done for extra in self._extras)
        made = made and (self._server.done or not self._wanted.livekit)
        return made and (not self._wanted.dev or browser.find(self._env) is not None)

    def install(self, pythons: list[Path]) -> None:
        """Do what is not done yet.

        Raises:
            SetupError: something cannot be done.
        """
        progress = Progress()
        logs = ROOT / OWN_FOLDER / "logs"
        packages, page, server, encoder = self._packages, self._page, self._server, self._encoder
        steps = {}
        if not packages.done:
            progress.say(f"Python: {packages.make_environment(pythons, Log(logs / 'python.log'))}")
            progress.say("Python packages: installing (about half a minute)")
            steps["Python packages"] = packages.install, Log(logs / "pip.log")
        if not page.done:
            progress.say("page: building")
            steps["page"] = partial(page.install, packages.python), Log(logs / "page.log")
        if self._wanted.livekit and not server.done:
            progress.say(f"LiveKit server {server.version}: building (once; two to five minutes)")
            steps["LiveKit server"] = partial(server.install, packages.python), Log(logs / "livekit-build.log")
        progress.together(steps)
        for extra in self._extras:
            if not extra.done:
                progress.together({_EXTRAS[extra.name]: (extra.install, Log(logs / f"{extra.name}.log"))})
        if not encoder.done:
            log = Log(logs / "encoder.log")
            progress.together({"face encoder": (partial(encoder.install, packages.python), log)})
        if self._wanted.dev and browser.find(self._env) is None:
            progress.say("Chromium: looking for one to install")
            browser.install(Log(logs / "chromium.log"), self._env)


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """One set-up of a checkout at a time: a second waits for the first."""
    try:
        folder.mkdir(exist_ok=True)
        lock = (folder / "setup.lock").open("w")
    except OSError as error:
        raise SetupError(
            f"something is to be installed, and {folder} cannot be written ({error.strerror}): run ./install_fix.sh as "
            "the user whose checkout this is"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another set-up is at work here; waiting for it.", flush=True)  # noqa: T201
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
