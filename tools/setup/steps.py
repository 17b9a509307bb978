"""The steps after the Python packages and beside the page: the LiveKit server, the face encoder."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from facematch.faces.models import GRAPH_SHA256, graph_path
from facematch.launcher import livekit_server
from facematch.runtime.atomic_file import write_whole
from facematch.runtime.owner_only import PUBLIC_PROGRAM, make_folder, only_owner_writes
from tools.setup import toolchains
from tools.setup.page import OWN_FOLDER
from tools.setup.work import SetupError, digest, first_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.setup.work import Log


class LiveKitServer:
    """The pinned server, built from source into the cache folder."""

    def __init__(self, root: Path, cache: Path, env: Mapping[str, str]) -> None:
        """`root` is the checkout; `cache` is outside it, so that a second checkout builds nothing."""
        self._own, self._env = root / OWN_FOLDER, env
        self.version = livekit_server.pinned_version()
        self.binary = livekit_server.binary(cache)

    @property
    def done(self) -> bool:
        """Whether the cache folder holds a server that was built from the present go.mod and go.sum."""
        return digest(self.binary) in livekit_server.known_builds()

    def install(self, python: Path, log: Log) -> None:
        """Build it, with the machine's Go or one that is gone again afterwards.

        Raises:
            SetupError: it does not build, or what was built does not run.
        """
        cache = self.binary.parent
        make_public_folder(cache)
        self._own.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="livekit-", dir=self._own))
        try:
            go = toolchains.find_go(self._env, _go_needed()) or toolchains.fetch_go(python, folder, log, self._env)
            built = folder / "server"
            options: list[str | Path] = ["-v", "-trimpath", "-ldflags=-s -w", "-o", built]
            log.run(
                [go.program, "build", *options, livekit_server.PACKAGE],
                cwd=livekit_server.MODULE,
                env=go.environment(self._env),
            )
            if self.version not in (said := first_line([built, "--version"], self._env) or "nothing"):
                raise SetupError(f"the built server should say that it is {self.version}, and says {said}")
            content = built.read_bytes()
            if (made := hashlib.sha256(content).hexdigest()) not in livekit_server.known_builds():
                livekit_server.remember(made)  # of a Go that the repository has no word of
            write_whole(self.binary, content, PUBLIC_PROGRAM)
        except OSError as error:
            raise SetupError(_unwritable(cache, error)) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class FaceEncoder:
    """The face encoder's graph, made from the weights that pip installed."""

    def __init__(self, root: Path, cache: Path, env: Mapping[str, str]) -> None:
        """`root` is the checkout."""
        self._root, self._cache, self._env = root, cache, env
        self._graph = graph_path(cache)

    @property
    def done(self) -> bool:
        """Whether the cache folder holds the very graph that this version makes."""
        return digest(self._graph) == GRAPH_SHA256

    def install(self, python: Path, log: Log) -> None:
        """Make it.

        Raises:
            SetupError: it cannot be made.
        """
        command: list[str | Path] = [python, "-m", "facematch.faces", "--cache", self._cache]
        log.run(command, cwd=self._root, env=self._env)


def _go_needed() -> str:
    for line in (livekit_server.MODULE / "go.mod").read_text("utf-8").splitlines():
        if line.startswith("go "):
            return line.removeprefix("go ").strip()
    return "1.26"


def make_public_folder(cache: Path) -> None:
    """Make the cache folder, for others to read and not to change.

    Raises:
        SetupError: it cannot be made, or others can change it.
    """
    try:
        make_folder(cache, public=True)
        safe = only_owner_writes(cache)
    except OSError as error:
        raise SetupError(_unwritable(cache, error)) from error
    if not safe:
        raise SetupError(
            f"{cache} belongs to another user and can be changed by others: set MODEL_CACHE to a folder of your own"
        )


def _unwritable(cache: Path, error: OSError) -> str:
    return f"{cache} cannot be written ({error.strerror}): set MODEL_CACHE to a folder that this user may write"
