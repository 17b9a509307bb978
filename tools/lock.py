"""Writes the lock files: every file that set-up may install, by its hash. Needs `uv`; see CONTRIBUTING.md.

A lock names the versions of `constraints.txt` and, for each, the wheels for Python 3.11 to 3.14 on Linux and macOS. It
holds no addresses: any index or mirror can serve the files. `python -m tools.lock`
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from tools.setup.locks import DEV_LOCK, LOCK, TOOLCHAINS_LOCK, fingerprint, names
from tools.setup.packages import SOURCE_ONLY
from tools.setup.toolchains import GO_PACKAGE, NODE_PACKAGE

ROOT = Path(__file__).resolve().parent.parent

_PYTHONS = re.compile(r"py3|cp31[1-4]")
_STABLE = re.compile(r"cp3\d|cp31[0-4]")
"""Of wheels for this Python and every later one."""
_INTERFACES = re.compile(r"none|abi3|cp31[1-4]")
_PLATFORMS = re.compile(r"any|(many|musl)linux\w*_(x86_64|aarch64)|macosx_\w*_(x86_64|arm64|universal2)")

_PYTHON_OF_MARKER = re.compile(r"python_full_version [<>]=? '3\.1[1-4]'")
"""All that is left of a marker, and only where two versions of a package are for different Pythons."""

_HEADING = """\
# Every file that set-up may install, by its SHA-256. Made by `python -m tools.lock`; see CONTRIBUTING.md.
# from: {fingerprint}
"""


def main() -> int:
    """Returns the exit code."""
    plain = _resolve("requirements.txt")
    _write(LOCK, plain, but=set())
    _write(DEV_LOCK, _resolve("requirements-dev.txt"), but=names((ROOT / LOCK).read_text("utf-8")))
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.write(f"{GO_PACKAGE}\n{NODE_PACKAGE}\n")
        wanted.flush()
        _write(TOOLCHAINS_LOCK, _resolve(wanted.name), but=set())
    return 0


def _resolve(requirements: str) -> list[dict[str, Any]]:
    """The packages of a list and all that they need, with all their files, as PEP 751 has them."""
    with tempfile.TemporaryDirectory() as name:
        lock = Path(name) / "pylock.toml"
        where = ["--universal", "--python-version", "3.11"]  # and the systems that pyproject.toml names
        how = ["--format", "pylock.toml", "--output-file", str(lock), "--quiet", "--no-header"]
        command = [sys.executable, "-m", "uv", "pip", "compile", requirements, *where, *how]
        subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603
        packages: list[dict[str, Any]] = tomllib.loads(lock.read_text("utf-8"))["packages"]
    return packages


def _write(path: str, packages: list[dict[str, Any]], *, but: set[str]) -> None:
    blocks = []
    for package in packages:
        if "directory" in package or package["name"] in but:
            continue
        several = sum(other["name"] == package["name"] for other in packages) > 1
        marker = f" ; {_PYTHON_OF_MARKER.findall(package['marker'])[0]}" if several else ""
        hashes = "".join(f" \\\n    --hash=sha256:{digest}" for digest in _hashes(package))
        blocks.append(f"{package['name']}=={package['version']}{marker}{hashes}\n")
    (ROOT / path).write_text(_HEADING.format(fingerprint=fingerprint(ROOT)) + "".join(blocks), "utf-8")
    print(f"{path}: {len(blocks)} packages")  # noqa: T201


def _hashes(package: dict[str, Any]) -> list[str]:
    if package["name"] == SOURCE_ONLY.replace("_", "-"):
        return [package["sdist"]["hashes"]["sha256"]]
    found = [
        wheel["hashes"]["sha256"]
        for wheel in package.get("wheels", ())
        if _fits(wheel.get("name") or wheel["url"].rsplit("/", 1)[1])
    ]
    if not found:
        raise SystemExit(f"{package['name']} {package['version']} has no wheel for any of our Pythons")
    return sorted(found)


def _fits(wheel: str) -> bool:
    """Whether one of our Pythons can take the wheel of that name. A superset does no harm."""
    pythons, interfaces, platforms = (tags.split(".") for tags in wheel.removesuffix(".whl").rsplit("-", 3)[1:])
    oldest = _STABLE if "abi3" in interfaces else _PYTHONS
    fits = [any(map(oldest.fullmatch, pythons)), any(map(_INTERFACES.fullmatch, interfaces))]
    return all(fits) and any(map(_PLATFORMS.fullmatch, platforms))


if __name__ == "__main__":
    sys.exit(main())
