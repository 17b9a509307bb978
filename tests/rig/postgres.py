"""A PostgreSQL server of the tests' own, from the machine's packages, on a free port and in a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rig import debian
from tests.rig.ports import free_tcp_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_START_SECONDS = 60
_WHERE = "/usr/lib/postgresql"


class NoPostgresError(Exception):
    """There is none, and why."""


def binaries() -> Path:
    """The folder with `initdb` and `pg_ctl`; CI installs Debian's package where it is missing and can be had."""
    found = _found()
    if found is None:
        debian.install("postgresql")
        found = _found()
    if found is None:
        raise NoPostgresError("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")
    return found


def _found() -> Path | None:
    on_path = shutil.which("pg_ctl")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path(_WHERE).glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


class Postgres:
    """One server; `url(name)` names a database of it.

    Its folder is not one of pytest's: those are closed to the user that the server runs as.

    Args:
        address: another one to listen on besides that of loopback, and to be named; its whole /24 is trusted.
    """

    def __init__(self, address: str | None = None) -> None:
        self._address = address
        self._bin = binaries()
        self._folder = Path(tempfile.mkdtemp(prefix="face-match-postgres-"))
        self._user = _server_user()
        self.port = free_tcp_port()

    def start(self) -> None:
        """Returns when it takes connections."""
        if self._user:
            shutil.chown(self._folder, self._user)
        self._run("initdb", "-D", str(self._data), "-U", "face", "-A", "trust", "-E", "UTF8", "--no-sync")
        if self._address:
            with (self._data / "pg_hba.conf").open("a") as rules:
                rules.write(f"host all all {self._address}/24 trust\n")
        self.start_again()

    def start_again(self) -> None:
        """The same after `stop`: everything that was committed is there."""
        addresses = ",".join(["127.0.0.1", *([self._address] if self._address else [])])
        options = f"-p {self.port} -c listen_addresses={addresses} -c unix_socket_directories= -c max_connections=60"
        log = str(self._folder / "server.log")
        self._run("pg_ctl", "start", "-w", "-D", str(self._data), "-l", log, "-o", options)

    def stop(self) -> None:
        """At once, as a crash; harmless when it does not run."""
        self._run("pg_ctl", "stop", "-m", "immediate", "-D", str(self._data), check=False)

    def remove(self) -> None:
        """Stop it and leave nothing behind."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, name: str) -> str:
        """Of one database."""
        return f"postgresql+asyncpg://face@{self._address or '127.0.0.1'}:{self.port}/{name}"

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        command: Sequence[str] = [str(self._bin / program), *arguments]
        with (self._folder / f"{program}.log").open("ab") as log:
            done = subprocess.run(
                command,
                user=self._user,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=_START_SECONDS,
                check=False,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "Asia/Kolkata"},
            )
        if check and done.returncode != 0:
            raise RuntimeError((self._folder / f"{program}.log").read_text("utf-8", "replace")[-2000:])


@contextmanager
def postgres_server(address: str | None = None) -> Iterator[Postgres]:
    """One that runs, for a fixture: it skips what needs it where there can be none."""
    try:
        server = Postgres(address)
    except NoPostgresError as reason:
        pytest.skip(str(reason))
    try:
        server.start()
        yield server
    finally:
        server.remove()


def _server_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {user.pw_name for user in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)
