"""The first step: a Python environment with exactly the packages that the locks name."""

from __future__ import annotations

import platform
import shutil
from functools import cached_property
from typing import TYPE_CHECKING

from tools.setup.locks import DEV_LOCK, LOCK, only
from tools.setup.work import SetupError, Stamp, first_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tools.setup.work import Log

SOURCE_ONLY = "face_recognition_models"
"""Pure Python that is published as source alone; everything else comes as a wheel."""

NEEDS_A_WHEEL = ("dlib-bin", "onnxruntime")
"""What a Python must have a wheel for to be chosen: the rest follows new Pythons sooner."""

LOCKED = ("--require-hashes", "--only-binary", ":all:")
"""For pip: wheels whose hash stands beside them."""


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
        plain = [self._root / name for name in (LOCK, "tools/dlib/pyproject.toml", "tools/dlib/backend.py")]
        interpreter = (self._venv / "pyvenv.cfg").read_text("utf-8") + str(self._root)
        folder = self._venv
        return (
            Stamp(folder / ".requirements", inputs=[interpreter, *plain]),
            Stamp(folder / ".requirements-dev", inputs=[interpreter, *plain, self._root / DEV_LOCK]),
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
        """Install what the locks name, after a look at every file's hash; nothing else is fetched, nor run.

        The one package that has to be built (`SOURCE_ONLY`) is built by the setuptools of the lock, and `tools/dlib`
        builds itself.

        Raises:
            SetupError: pip could not, a file is another than the locked one, or the result does not fit together.
        """
        plain, dev = self._stamps
        plain.forget()
        dev.forget()
        builder = self._venv / "builder.txt"
        builder.write_text(only((self._root / LOCK).read_text("utf-8"), "setuptools"), "utf-8")
        locks = ["-r", LOCK, "-r", DEV_LOCK] if self._dev else ["-r", LOCK]
        self.pip(log, *LOCKED, "-r", str(builder))
        self.pip(log, *LOCKED, "--no-binary", SOURCE_ONLY, *locks)
        self.pip(log, "--no-index", "./tools/dlib")
        log.run([self.python, "-m", "pip", "check"], cwd=self._root, env=self._env)
        (dev if self._dev else plain).set()

    def pip(self, log: Log, *options: str) -> None:
        """Install into `.venv` what the options name, and nothing that it depends on.

        Raises:
            SetupError: pip could not.
        """
        install = ["install", "--progress-bar", "off", "--no-deps", "--no-build-isolation"]
        log.run([self.python, "-m", "pip", *install, *options], cwd=self._root, env=self._env)


class Extra:
    """A package beside those of every installation, for who has told set-up to install it.

    Args:
        name: of the package.
        root: the checkout.
        packages: those of every installation.
    """

    def __init__(self, name: str, root: Path, packages: Packages) -> None:
        self.name = name
        self._root = root
        self._packages = packages

    @property
    def done(self) -> bool:
        """Whether the locked version is there."""
        version = only((self._root / DEV_LOCK).read_text("utf-8"), self.name).split("==")[1].split()[0]
        folder = self._packages.python.parent.parent / "lib"
        return any(folder.glob(f"python*/site-packages/{self.name}-{version}.dist-info/RECORD"))

    def install(self, log: Log) -> None:
        """Install the file that the lock names.

        Raises:
            SetupError: pip could not, or the file is another than the locked one.
        """
        wanted = self._root / ".venv" / f"{self.name}.txt"
        wanted.write_text(only((self._root / DEV_LOCK).read_text("utf-8"), self.name), "utf-8")
        self._packages.pip(log, *LOCKED, "-r", str(wanted))
