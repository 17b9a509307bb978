"""Builds this package's wheel with the standard library alone: the build fetches nothing and runs nothing else."""

# ruff: noqa: INP001  (no package: pip imports this file by the path in pyproject.toml)

from __future__ import annotations

import base64
import hashlib
import tomllib
import zipfile
from pathlib import Path
from typing import Any

_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def build_wheel(
    wheel_directory: str,
    config_settings: dict[str, Any] | None = None,  # noqa: ARG001  (PEP 517 has it so)
    metadata_directory: str | None = None,  # noqa: ARG001
) -> str:
    """PEP 517: put the wheel into that folder. Returns its name."""
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
    stem = f"{project['name']}-{project['version']}"
    metadata = [
        "Metadata-Version: 2.1",
        f"Name: {project['name']}",
        f"Version: {project['version']}",
        f"Summary: {project['description']}",
        f"Requires-Python: {project['requires-python']}",
        *(f"Requires-Dist: {needed}" for needed in project["dependencies"]),
    ]
    wheel = ["Wheel-Version: 1.0", "Generator: face-match", "Root-Is-Purelib: true", "Tag: py3-none-any"]
    files = {f"{stem}.dist-info/METADATA": metadata, f"{stem}.dist-info/WHEEL": wheel}
    record = f"{stem}.dist-info/RECORD"
    files[record] = [*(_recorded(name, _text(lines)) for name, lines in files.items()), f"{record},,"]
    name = f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory) / name, "w") as archive:
        for file, lines in files.items():
            archive.writestr(zipfile.ZipInfo(file, _LONG_AGO), _text(lines))
    return name


def build_sdist(sdist_directory: str, config_settings: dict[str, Any] | None = None) -> str:
    """PEP 517 asks for it; there is nobody to send one to."""
    raise NotImplementedError("this package is installed from its folder only")


def _text(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _recorded(name: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}"
