"""Processes of the product, and people before cameras, that begin where an interpreter has imported all of theirs
already.

To import what they need, and to load what finds and tells faces, costs more processor than what most tests have them
do. So one interpreter for each of the two does that once, and is copied for each start: the copy is a process with an
environment, a log, a session and an end of its own, runs `uvicorn` or `main.py` from the first line, and has read no
setting before. Programs of the rig that need no more than the recognizer are copied from its interpreter.
What it cannot show is what an interpreter does at its own start, and what the system tells of it from outside
(`/proc/…/environ`, `cmdline`).

    pytest ── nursery ── keeper ── the process      (a keeper tells how its one child ended)
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any, Final

from facematch.config.settings import ROOT, Settings
from facematch.faces import encoder
from facematch.faces.detector import Detector
from facematch.launcher.child import die_with

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_MOST_BYTES: Final = 256 * 1024
_PATIENCE_SECONDS: Final = 60
_WEB: Final = ("-m", "uvicorn")
_RECOGNIZER: Final = ("main.py",)
_NEED_NO_MORE: Final = ("tests.rig.publisher", "tests.rig.restless", "tests.rig.rooms_recognizer")
_WITH_THE_LOOP: Final = ("anyio._backends._asyncio",)
_WHAT_THE_WEB_PROCESS_IMPORTS_LATER: Final = (
    *_WITH_THE_LOOP,
    "aiosqlite",
    "alembic.command",  # what brings the tables up to date
    "facematch.faces.engine",  # what somebody who opens the page may soon need
    "facematch.faces.photos.enrollment",
    "fastapi.telemetry._runtime",
    "numpy.ma",
    "pydantic.v1",
    "sqlalchemy.dialects.sqlite.aiosqlite",
)
"""By itself it does so at its start, or when it is asked for the first time."""
_IMPORTED: Final = {
    _WEB: (
        "uvicorn.main",
        "uvicorn.lifespan.on",
        "uvicorn.loops.uvloop",
        "uvicorn.protocols.http.httptools_impl",
        "uvicorn.protocols.websockets.auto",
        "facematch.server.app",
        "facematch.server.web.bounded_uvicorn",
        *_WHAT_THE_WEB_PROCESS_IMPORTS_LATER,
    ),
    _RECOGNIZER: ("facematch.recognizer.app", "facematch.recognizer.process.entry", *_WITH_THE_LOOP),
}
_BORN_OF: Final[dict[tuple[str, ...], tuple[str, ...]]] = {
    _WEB: _WEB,
    _RECOGNIZER: _RECOGNIZER,
    **{("-m", name): _RECOGNIZER for name in _NEED_NO_MORE},
}


def kind_of(argv: Sequence[str], env: Mapping[str, str]) -> tuple[str, ...] | None:
    """Whose copy would do the same as a start; None: nobody's. There is no other program before it, and nothing for the
    loader or the interpreter itself in its environment but to write at once.
    """
    if any(name.startswith(("LD_", "MALLOC_", "PYTHON")) for name in env.keys() - {"PYTHONUNBUFFERED"}):
        return None
    found = (kind for begin, kind in _BORN_OF.items() if tuple(argv[: len(begin) + 1]) == (sys.executable, *begin))
    return next(found, None)


class Born:
    """A copy, with what `subprocess.Popen` has for a child."""

    def __init__(self, pid: int, told: int) -> None:
        """`told`: the descriptor, ours from here on, where its keeper says how it ended."""
        self.pid = pid
        self._told = told
        self._asking = threading.Lock()
        self._code: int | None = None

    def __del__(self) -> None:
        os.close(self._told)

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        with self._asking:
            if self._code is None and self._has_told(within=0):
                self._code = int(os.read(self._told, 64) or -signal.SIGKILL)
        return self._code

    def wait(self, timeout: float) -> int:
        """The same when it has ended; `subprocess.TimeoutExpired` after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if not self._has_told(within=max(0.0, deadline - time.monotonic())) and self._code is None:
                raise subprocess.TimeoutExpired("the process", timeout)
        return code

    def _has_told(self, *, within: float) -> bool:
        """Or its keeper has gone."""
        return bool(select.select([self._told], [], [], within)[0])

    def send_signal(self, number: int) -> None:
        """Harmless when it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


class _Nursery:
    def __init__(self, kind: tuple[str, ...]) -> None:
        self._asked, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._asked.settimeout(_PATIENCE_SECONDS)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-u", "-m", __name__, str(theirs.fileno()), *kind],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                preexec_fn=die_with(os.getpid()),  # noqa: PLW1509  (one call of the C library)
            )

    def bear(self, argv: Sequence[str], env: Mapping[str, str], log: Path, talks: int | None) -> Born:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(_PATIENCE_SECONDS)
        asked = json.dumps({"argv": list(argv[1:]), "env": dict(env)}).encode()
        with theirs, log.open("ab") as file:
            own = [theirs.fileno(), file.fileno(), *([] if talks is None else [talks])]
            socket.send_fds(self._asked, [asked], own)
        pid = int(ours.recv(64))
        return Born(pid, ours.detach())

    def end(self) -> None:
        self._asked.close()
        self._process.wait(_PATIENCE_SECONDS)


_open: dict[tuple[str, ...], _Nursery] = {}


def bear(
    kind: tuple[str, ...], argv: Sequence[str], env: Mapping[str, str], log: Path, *, talks: int | None = None
) -> Born:
    """Starts a copy; see `Process` for the arguments, and `kind_of`. `talks`: a descriptor that is its stdin."""
    if kind not in _open:
        _open[kind] = _Nursery(kind)
    return _open[kind].bear(argv, env, log, talks)


def close() -> None:
    """When no test follows."""
    while _open:
        _open.popitem()[1].end()


def _serve(asked: socket.socket, kind: tuple[str, ...]) -> None:
    """The nursery itself: until its one client has gone."""
    for name in _IMPORTED[kind]:
        importlib.import_module(name)
    Detector()
    vars(encoder)["OnnxEncoder"] = functools.cache(encoder.OnnxEncoder)  # of the same file: this one
    encoder.make_encoder("onnx", Settings(_env_file=None).model_cache)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a keeper ended
    gc.collect()
    gc.freeze()
    while True:
        words, descriptors, _, _ = socket.recv_fds(asked, _MOST_BYTES, 3)
        if not words:
            return
        if os.fork() == 0:
            asked.close()
            _keep(json.loads(words), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _keep(wanted: dict[str, Any], told: int, log: int, *talks: int) -> None:
    """The keeper: from the start of its child to its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    tie, keeper = die_with(os.getppid()), os.getpid()
    if tie:
        tie()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(told)
            code = _become(wanted["argv"], wanted["env"], (*(talks or [0]), log, log), keeper)
        except BaseException:  # noqa: BLE001  (the end of a process)
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    for descriptor in (log, *talks):
        os.close(descriptor)
    with socket.socket(fileno=told) as teller:
        teller.send(str(child).encode())
        _, status = os.waitpid(child, 0)
        with contextlib.suppress(OSError):
            teller.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(argv: list[str], env: dict[str, str], streams: Sequence[int], keeper: int) -> int:
    """The child, from its first line to its exit code. `streams`: what its stdin, stdout and stderr are to be."""
    os.setsid()
    if tie := die_with(keeper):
        tie()
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    for descriptor in {*streams} - {0}:
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    gc.unfreeze()
    try:
        if argv[0] == "-m":
            sys.argv = argv[1:]
            runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = argv
            runpy.run_path(argv[0], run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as ASKED:
        _serve(ASKED, tuple(sys.argv[2:]))
