"""Set-up: `python -m tools.setup`, started by install_fix.sh with the Pythons it found, best first."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tools.setup import browser, checks, toolchains
from tools.setup.packages import Packages
from tools.setup.steps import FaceEncoder, LiveKitServer, PageModules
from tools.setup.work import Log, Progress, SetupError, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent.parent
_INTERRUPTED = 130


def main() -> int:
    """Do what is not done yet, then say what works. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="install_fix.sh", description="Installs and builds what Face Match needs.")
    parser.add_argument("--dev", action="store_true", help="also what the tests need, Chromium included")
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
        node = toolchains.find_node(env) or toolchains.fetched_node(cache)
        return refuse("install_fix.sh: no Node yet") if node is None else _print(node.program)
    quiet = options.if_needed or options.then_run
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the steps' commands, as Ctrl-C does
    try:
        with _only_one(cache):
            worked = _install(options.python, cache, env, dev=options.dev)
            code = 0 if quiet and not worked else checks.report(ROOT, cache, env, dev=options.dev)
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


def _install(pythons: list[Path], cache: Path, env: dict[str, str], *, dev: bool) -> bool:
    """Returns whether there was anything to do."""
    progress = Progress()
    logs = cache / "logs"
    packages = Packages(ROOT, env, dev=dev)
    page = PageModules(ROOT, cache, env, dev=dev)
    server = LiveKitServer(cache, env)
    worked = False
    if not packages.done:
        log = Log(logs / "python.log")
        progress.say(f"Python: {packages.make_environment(pythons, log)}")
        worked = True
    steps = {}
    if not packages.done:
        progress.say("Python packages: installing (about half a minute)")
        steps["Python packages"] = packages.install, Log(logs / "pip.log")
    if not page.done:
        progress.say("page modules: installing")
        steps["page modules"] = partial(page.install, packages.python), Log(logs / "npm.log")
    if not server.done:
        progress.say(f"LiveKit server {server.version}: building (once; two to five minutes)")
        steps["LiveKit server"] = partial(server.install, packages.python), Log(logs / "livekit-build.log")
    progress.together(steps)
    encoder = FaceEncoder(ROOT, cache, env)
    if not encoder.done:
        log = Log(logs / "encoder.log")
        progress.together({"face encoder": (partial(encoder.install, packages.python), log)})
        worked = True
    if dev and browser.find(env) is None:
        worked = True
        progress.say("Chromium: looking for one to install")
        browser.install(Log(logs / "chromium.log"), env)
    return worked or bool(steps)


@contextlib.contextmanager
def _only_one(cache: Path) -> Iterator[None]:
    """Set-up of one checkout at a time for one cache folder: a second waits for the first."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = (cache / "setup.lock").open("w")
    except OSError as error:
        raise SetupError(f"{cache} cannot be written ({error.strerror}): set MODEL_CACHE to another folder") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another set-up is at work on the same cache folder; waiting for it.", flush=True)  # noqa: T201
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
