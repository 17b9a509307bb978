"""install_fix.sh's own part: which Pythons it finds, best first, and where its cache folder is."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from facematch.config.settings import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def bash(command: str, *, cwd: Path, env: dict[str, str]) -> str:
    script = f"source '{ROOT}/install_fix.sh'\n{command}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=cwd, env=env, capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout


def fake(path: Path, *, version: str = "", fails: bool = False) -> Path:
    """A program that answers as a Python of that version would, or as a pyenv shim without one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body = "echo 'command not found' >&2; exit 127" if fails else f'echo "{version} $0"'
    path.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
    path.chmod(0o755)
    return path


def found(tmp_path: Path) -> list[str]:
    env = {"PATH": f"{tmp_path}/bin:{tmp_path}/bin2:/usr/bin:/bin", "HOME": str(tmp_path)}
    ours = [line for line in bash("find_pythons", cwd=tmp_path, env=env).splitlines() if line.startswith(str(tmp_path))]
    return [line.removeprefix(f"{tmp_path}/") for line in ours]


def test_the_newest_comes_first_wherever_it_is(tmp_path: Path) -> None:
    fake(tmp_path / "bin" / "python3.12", version="3.12.9")
    fake(tmp_path / "bin" / "python3", version="3.9.1001")
    fake(tmp_path / "bin2" / "python3.13", version="3.13.10")
    fake(tmp_path / ".pyenv" / "versions" / "3.13.9" / "bin" / "python", version="3.13.9")
    fake(tmp_path / ".pyenv" / "versions" / "3.14.0" / "bin" / "python", version="3.14.0")

    assert found(tmp_path)[:4] == [
        ".pyenv/versions/3.14.0/bin/python",
        "bin2/python3.13",
        ".pyenv/versions/3.13.9/bin/python",
        "bin/python3.12",
    ]


def test_a_shim_that_fails_does_not_hide_the_next_of_its_name(tmp_path: Path) -> None:
    fake(tmp_path / "bin" / "python3.14", fails=True)
    fake(tmp_path / "bin2" / "python3.14", version="3.14.1")

    assert found(tmp_path) == ["bin2/python3.14"]


def test_a_folder_of_versions_that_is_not_there_is_no_python(tmp_path: Path) -> None:
    assert found(tmp_path) == []


def test_one_that_is_too_old_is_refused(tmp_path: Path) -> None:
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    script = tmp_path / "old"
    # The real test program, with the version that it looks at made older.
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = (3, 10, 9)\n$2"\n', "utf-8")
    script.chmod(0o755)

    assert bash(f"try_python {script} || echo refused", cwd=tmp_path, env=env) == "refused\n"
    assert bash(f"try_python {sys.executable}", cwd=tmp_path, env=env).split()[0].startswith("3.")


@pytest.mark.parametrize(
    ("environment", "file", "folder"),
    [
        ({}, None, "~/.cache/face-match"),
        ({}, "PORT=1\n", "~/.cache/face-match"),
        ({}, "MODEL_CACHE=/a\n", "/a"),
        ({}, "export MODEL_CACHE = '/a b'  # here\n", "/a b"),
        ({}, "MODEL_CACHE=/a\nMODEL_CACHE=/b\n", "/b"),
        ({}, "#MODEL_CACHE=/a\n", "~/.cache/face-match"),
        ({"MODEL_CACHE": "/c"}, "MODEL_CACHE=/a\n", "/c"),
        ({"MODEL_CACHE": ""}, "MODEL_CACHE=/a\n", "/a"),
    ],
)
def test_the_cache_folder_is_the_one_of_the_settings(
    tmp_path: Path, environment: dict[str, str], file: str | None, folder: str
) -> None:
    if file is not None:
        (tmp_path / ".env").write_text(file, "utf-8")
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **environment}

    assert bash("cache_folder", cwd=tmp_path, env=env) == f"{folder}\n"


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no clone")
def test_scripts_keep_their_line_ends_whatever_the_user_of_git_prefers(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    quiet = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.autocrlf=true"]
    subprocess.run([*quiet, "init", "-q", here], check=True)
    for name in (".gitattributes", "run.sh", "install_fix.sh", "test.sh"):
        (here / name).write_bytes((ROOT / name).read_bytes())
    for command in (["add", "."], ["commit", "-qm", "all"], ["clone", "-q", here, there]):
        subprocess.run([*quiet, *command], cwd=here, check=True)

    assert all(b"\r" not in (there / name).read_bytes() for name in ("run.sh", "install_fix.sh", "test.sh"))
