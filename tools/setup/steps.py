"""The steps: Python packages, the page's modules, the LiveKit server, the face encoder."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from facematch.faces.models import GRAPH_SHA256, graph_path
from facematch.launcher import livekit_server
from tools.setup import toolchains
from tools.setup.work import SetupError, Stamp, digest, first_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tools.setup.work import Log

SOURCE_ONLY = "face_recognition_models"
"""Pure Python that is published as source alone; everything else comes as a wheel."""

NEEDS_A_WHEEL = ("dlib-bin", "onnxruntime")
"""What a Python must have a wheel for to be chosen: the rest follows new Pythons sooner."""

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


class Packages:
    """`.venv` with the packages of requirements.txt (and requirements-dev.txt)."""

    def __init__(self, root: Path, env: Mapping[str, str], *, dev: bool) -> None:
        """`root` is the checkout."""
        self._root = root
        self._env = {**env, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
        self._venv = root / ".venv"
        self._dev = dev
        self.python = self._venv / "bin" / "python"

    @cached_property
    def _stamps(self) -> tuple[Stamp, Stamp]:
        """Without and with what the tests need; the second covers the first."""
        plain = [self._root / name for name in ("requirements.txt", "constraints.txt", "tools/dlib/pyproject.toml")]
        interpreter = (self._venv / "pyvenv.cfg").read_text("utf-8") + str(self._root)
        folder = self._venv
        return (
            Stamp(folder / ".requirements", inputs=[interpreter, *plain]),
            Stamp(folder / ".requirements-dev", inputs=[interpreter, *plain, self._root / "requirements-dev.txt"]),
        )

    @property
    def done(self) -> bool:
        """Whether all of it is installed from the present lists."""
        if not self.python.exists() or not (self._venv / "pyvenv.cfg").exists():
            return False
        plain, dev = self._stamps
        return dev.fresh or (plain.fresh and not self._dev)

    def make_environment(self, pythons: Sequence[Path], log: Log) -> str:
        """Make `.venv` with the first Python that wheels exist for, unless there is a working one.

        Returns:
            Which Python it is, in words.

        Raises:
            SetupError: none fits.
        """
        version: list[str | Path] = [self.python, "-c", "import sys, pip; print('%d.%d.%d' % sys.version_info[:3])"]
        found = first_line(version, self._env)
        if found is not None:
            return f"Python {found} in .venv"
        refused = []
        for candidate in pythons:
            log.run([candidate, "-m", "venv", "--clear", self._venv], cwd=self._root, env=self._env)
            found = first_line(version, self._env)
            if self._has_wheels(log):
                return f"Python {found} ({candidate})"
            refused.append(f"{found} ({candidate})")
        shutil.rmtree(self._venv, ignore_errors=True)
        raise SetupError(
            f"No wheels of {' and '.join(NEEDS_A_WHEEL)} fit {platform.system()} on {platform.machine()} with Python "
            f"{', '.join(refused)}: install another Python (3.11 to 3.14) beside it and run this again. See {log.path}"
        )

    def _has_wheels(self, log: Log) -> bool:
        look = ["--dry-run", "--ignore-installed", "--no-deps", "--only-binary", ":all:", "-c", "constraints.txt"]
        try:
            log.run([self.python, "-m", "pip", "install", *look, *NEEDS_A_WHEEL], cwd=self._root, env=self._env)
        except SetupError:
            said = log.path.read_text("utf-8", "replace")
            if "Retrying (" in said or "Could not fetch URL" in said:
                shutil.rmtree(self._venv, ignore_errors=True)
                raise
            return False
        return True

    def install(self, log: Log) -> None:
        """Install the lists as they are pinned.

        Raises:
            SetupError: pip could not, or the result does not fit together.
        """
        plain, dev = self._stamps
        plain.forget()
        dev.forget()
        listed = "requirements-dev.txt" if self._dev else "requirements.txt"
        wheels = ["--only-binary", ":all:", "--no-binary", SOURCE_ONLY, "--progress-bar", "off"]
        log.run([self.python, "-m", "pip", "install", *wheels, "-r", listed], cwd=self._root, env=self._env)
        log.run([self.python, "-m", "pip", "check"], cwd=self._root, env=self._env)
        (dev if self._dev else plain).set()


class PageModules:
    """static/vendor/: what the page loads from npm packages, as files of its own server."""

    def __init__(self, root: Path, cache: Path, env: Mapping[str, str], *, dev: bool) -> None:
        """`root` is the checkout; `dev` also installs the type checker."""
        self._root, self._cache, self._env, self._dev = root, cache, env, dev
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
        node = toolchains.find_node(self._env) or toolchains.fetched_node(self._cache)
        node = node or toolchains.fetch_node(python, self._cache, log, self._env)
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

    def __init__(self, cache: Path, env: Mapping[str, str]) -> None:
        """`cache` is outside the checkout, so that a second checkout builds nothing."""
        self._cache, self._env = cache, env
        self.version = livekit_server.pinned_version()
        self.binary = livekit_server.binary(cache)
        module = livekit_server.MODULE
        self._built = Stamp(
            cache / f"{self.binary.name}.made",
            inputs=[module / "go.mod", module / "go.sum", platform.machine()],
            made=[self.binary],
        )

    @property
    def done(self) -> bool:
        """Whether the server was built from the present go.mod and go.sum."""
        return self._built.fresh

    def install(self, python: Path, log: Log) -> None:
        """Build it, with the machine's Go or one that is gone again afterwards.

        Raises:
            SetupError: it does not build, or what was built does not run.
        """
        folder = Path(tempfile.mkdtemp(prefix="build-", dir=self._cache))
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
            built.replace(self.binary)
            self._built.set()
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


def _replace(path: Path, content: bytes) -> None:
    """Write whole or not at all: a running server may be handing the file out."""
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(name).chmod(0o644)
    Path(name).replace(path)
