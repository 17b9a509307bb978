"""A real S3-compatible server of the tests' own (versitygw: signatures are checked, objects are files) on a free port.

It is built once for a machine, with Go, into the folder in which set-up keeps what it builds: by
`python -m tests.rig.s3`, which `test.sh` runs before the tests, because that takes longer than one of them may.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from facematch.config.settings import Settings
from tests.rig.ports import free_tcp_port
from tests.rig.process import Process
from tests.rig.waiting import block_until

if TYPE_CHECKING:
    from collections.abc import Iterator

_MODULE: Final = Path(__file__).parent / "versitygw"
_PACKAGE: Final = "github.com/versity/versitygw/cmd/versitygw"
_BUILD_SECONDS: Final = 900
_START_SECONDS: Final = 30
ACCESS_KEY: Final = "face-match"
SECRET_KEY: Final = "secret-of-the-store"
BUCKET: Final = "snapshots"


class S3Server:
    """One server with one bucket; can be stopped and started again with what it holds."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._root = folder / "objects"
        (self._root / BUCKET).mkdir(parents=True)
        self.port = free_tcp_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        keys = ["--access", ACCESS_KEY, "--secret", SECRET_KEY, "--quiet"]
        self.process = Process(
            "versitygw",
            [str(program), "--port", f"127.0.0.1:{self.port}", *keys, "posix", "--nometa", str(self._root)],
            env={"PATH": os.environ.get("PATH", "")},
            log=folder / "versitygw.log",
        )

    def start(self) -> None:
        """Returns when it answers."""
        self.process.start()
        block_until(self._answers, within=_START_SECONDS, what="the S3 server answers")

    def stop(self) -> None:
        """At once."""
        self.process.kill()

    def settings(self, prefix: str) -> dict[str, str]:
        """Those of a web process that keeps its snapshots here."""
        return {
            "snapshot_store": f"s3://{BUCKET}/{prefix}",
            "s3_endpoint": self.endpoint,
            "s3_access_key": ACCESS_KEY,
            "s3_secret_key": SECRET_KEY,
        }

    def names(self, prefix: str) -> set[str]:
        """Of the objects behind a prefix, as they lie on the disk."""
        folder = self._root / BUCKET / prefix
        return {path.name for path in folder.iterdir() if path.is_file()} if folder.is_dir() else set()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=1):
                return True
        except urllib.error.HTTPError:
            return True  # it asks for a signature
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """One that runs, for a fixture: it skips what needs it where there can be none."""
    pytest.importorskip("obstore", reason="obstore is not installed (./install_fix.sh --s3)")
    program = program_of_this_version()
    if why := built(program):
        pytest.skip(f"no S3 server: {why}")
    server = S3Server(program, folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def program_of_this_version() -> Path:
    """Where it is, or will be."""
    sources = hashlib.sha256(b"".join((_MODULE / name).read_bytes() for name in ("go.mod", "go.sum"))).hexdigest()
    return Settings().model_cache / f"versitygw-{sources[:12]}"


def built(program: Path) -> str | None:
    """See to it that it is there. Returns why it cannot be."""
    program.parent.mkdir(parents=True, exist_ok=True)
    with (program.parent / "versitygw.lock").open("w") as lock:  # test files run beside each other
        fcntl.flock(lock, fcntl.LOCK_EX)
        return None if program.is_file() else _build(program)


def _build(program: Path) -> str | None:
    go = shutil.which("go")
    if go is None:
        return "Go is not installed, which builds it"
    new = program.with_suffix(".new")
    try:
        subprocess.run(
            [go, "build", "-trimpath", "-ldflags=-s -w", "-o", str(new), _PACKAGE],
            cwd=_MODULE,
            env={**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"},
            capture_output=True,
            text=True,
            timeout=_BUILD_SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return f"it could not be built within {_BUILD_SECONDS} seconds"
    except subprocess.CalledProcessError as error:
        return str(error.stderr).strip().rpartition("\n")[2] or "Go failed"
    new.replace(program)
    return None


if __name__ == "__main__":
    if not program_of_this_version().is_file():
        sys.stderr.write("An S3 server for the tests: building (a minute or two)\n")
    if why_not := built(program_of_this_version()):
        sys.stderr.write(f"Tests that need an S3 server will be skipped: {why_not}\n")
