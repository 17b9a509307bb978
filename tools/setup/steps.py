"""The steps after the Python packages: the page's modules, the LiveKit server, the face encoder."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from facematch.faces.models import GRAPH_SHA256, graph_path
from facematch.launcher import livekit_server
from facematch.runtime.atomic_file import write_whole
from facematch.runtime.owner_only import PUBLIC_PROGRAM, make_folder, only_owner_writes
from tools.setup import toolchains
from tools.setup.work import SetupError, Stamp, digest, first_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.setup.work import Log

OWN_FOLDER = "build"
"""In the checkout: set-up's lock, its logs, and what it does not leave to a folder that others may write."""

_LICENCE = "LICENSE"
VENDOR = {
    "livekit-client.esm.mjs": "livekit-client/dist/livekit-client.esm.mjs",
    "livekit-client.LICENSE": f"livekit-client/{_LICENCE}",
    "preact.standalone.module.js": "htm/preact/standalone.module.js",
    "htm.LICENSE": f"htm/{_LICENCE}",
}
"""Files of static/vendor/ and where in node_modules/ they come from; each module is self-contained."""

_TYPES = {
    "livekit-client.esm.d.mts": 'export * from "livekit-client";\n',
    "preact.standalone.module.d.ts": 'export * from "../types/htm-preact.js";\n',
}
"""What the type checker reads beside them."""


class PageModules:
    """static/vendor/: what the page loads from npm packages, as files of its own server."""

    def __init__(self, root: Path, env: Mapping[str, str], *, dev: bool) -> None:
        """`root` is the checkout; `dev` also installs the type checker."""
        self._root, self._env, self._dev = root, env, dev
        self._modules, self._vendor = root / "node_modules", root / "static" / "vendor"
        lists = [root / "package.json", root / "package-lock.json"]
        self._made = Stamp(
            self._vendor / ".made",
            inputs=[*lists, repr((VENDOR, _TYPES))],
            made=[self._vendor / name for name in VENDOR | _TYPES],
        )
        self._checker = Stamp(self._modules / ".dev", inputs=lists, made=[self._modules / ".bin" / "tsc"])

    @property
    def done(self) -> bool:
        """Whether the files are those of the present lock file."""
        return self._made.fresh and (self._checker.fresh or not self._dev)

    def install(self, python: Path, log: Log) -> None:
        """Install with npm and copy.

        Raises:
            SetupError: npm could not, or a package no longer has the file.
        """
        own = self._root / OWN_FOLDER
        node = toolchains.find_node(self._env) or toolchains.fetched_node(own)
        node = node or toolchains.fetch_node(python, own, log, self._env)
        if node is None:
            raise SetupError("the Node from PyPI does not run here: install Node 20 or newer with npm")
        self._made.forget()
        options = ["--ignore-scripts", "--no-audit", "--no-fund"]
        if not self._dev:
            options.append("--omit=dev")
        path = os.pathsep.join(filter(None, (node.folder, self._env.get("PATH"))))
        log.run([*node.npm, "ci", *options], cwd=self._root, env={**self._env, "PATH": path})
        self._vendor.mkdir(parents=True, exist_ok=True)
        for name, source in VENDOR.items():
            if not (self._modules / source).is_file():
                raise SetupError(f"npm installed no {source}")
            _replace(self._vendor / name, (self._modules / source).read_bytes())
        for name, text in _TYPES.items():
            _replace(self._vendor / name, text.encode())
        self._made.set()
        if self._dev:
            self._checker.set()


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


def _replace(path: Path, content: bytes) -> None:
    """Write whole or not at all: a running server may be handing the file out."""
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(name).chmod(0o644)
    Path(name).replace(path)
