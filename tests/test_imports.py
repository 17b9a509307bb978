"""Dependencies point one way, and importing does nothing.

main -> recognizer -> faces, protocol        api -> server -> faces, protocol
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from facematch.config.settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKAGE = ROOT / "facematch"
COMPOSITION_ROOTS = {"main", "api"}
WEB = ("fastapi", "starlette", "uvicorn")
PROCESSES = ("facematch.recognizer", "facematch.server", "facematch.launcher")

FORBIDDEN = {
    "facematch.runtime": ("facematch.config", "facematch.protocol", "facematch.faces", *PROCESSES, "livekit", *WEB),
    "facematch.config": ("facematch.protocol", "facematch.faces", *PROCESSES, "livekit", *WEB),
    "facematch.protocol": ("facematch.config", "facematch.faces", *PROCESSES, "livekit", *WEB),
    "facematch.faces": ("facematch.protocol", *PROCESSES, "livekit", "aiohttp", *WEB),
    "facematch.recognizer": ("facematch.server", "facematch.launcher", *WEB),
    "facematch.server": ("facematch.recognizer", "facematch.launcher", "livekit.rtc"),
}
"""What each part must not import, be it for types only."""

SETTINGS_READ_BY = {
    "facematch.recognizer.app",  # run() is the other half of main.py
    "facematch.server.app",  # create_app is half of the composition root api.py
    "facematch.faces.__main__",  # the command line, `python -m facematch.faces`
}
"""Which modules of the three parts name the settings; faces and recognizer not while they are being imported."""

LOADED = {
    "facematch.faces": (
        *WEB,
        "livekit",
        "aiohttp",
        "facematch.recognizer",
        "facematch.server",
        "face_recognition",
        "facematch.config.settings",
    ),
    "facematch.recognizer": (*WEB, "facematch.server", "face_recognition", "facematch.config.settings"),
    "facematch.server": ("livekit.rtc", "facematch.recognizer", "face_recognition"),
}
"""What must not even be loaded by something that each part imports."""


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in (*sorted(PACKAGE.rglob("*.py")), ROOT / "main.py", ROOT / "api.py")}

IMPORTABLE = [name for name in MODULES if not name.endswith("__main__") and ".migrations" not in name]
"""All but programs: `__main__`, and what Alembic runs."""


def imported(path: Path) -> Iterator[str]:
    """Every module that a file names in an import, wherever in the file, `from x import y` as `x` and `x.y`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module, names, level):
                assert level == 0, f"{path}: relative imports hide from this test"
                assert module is not None
                yield module
                yield from (f"{module}.{alias.name}" for alias in names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def part_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


@pytest.mark.parametrize("module", [name for name in MODULES if part_of(name) in FORBIDDEN])
def test_dependencies_point_one_way(module: str) -> None:
    forbidden = FORBIDDEN[part_of(module)]
    wrong = {name for name in imported(MODULES[module]) if any(within(name, other) for other in forbidden)}
    assert not wrong


def test_settings_belong_to_the_composition_roots() -> None:
    inside = {name: path for name, path in MODULES.items() if part_of(name) in LOADED}
    readers = {
        name for name, path in inside.items() if any(within(one, "facematch.config.settings") for one in imported(path))
    }
    assert readers <= SETTINGS_READ_BY


@pytest.mark.parametrize("part", LOADED)
def test_nothing_heavy_or_foreign_comes_along(part: str) -> None:
    modules = [name for name in IMPORTABLE if within(name, part)]
    loaded = in_a_fresh_process(modules).loaded
    assert not [name for name in loaded if any(within(name, other) for other in LOADED[part])]


def test_importing_does_nothing(tmp_path: Path) -> None:
    folders = {name: str(tmp_path / name) for name in ("OUTPUT_DIR", "DATA_DIR", "MODEL_CACHE", "REFERENCE_IMAGE")}
    acts = in_a_fresh_process(IMPORTABLE, **folders).acts
    assert acts == []
    assert list(tmp_path.iterdir()) == []


def test_the_watch_sees_what_an_import_does(tmp_path: Path) -> None:
    (tmp_path / "busy.py").write_text(
        "import os, pathlib, socket, sqlite3, threading\n"
        f"pathlib.Path({str(tmp_path / 'made')!r}).mkdir()\n"
        f"pathlib.Path({str(tmp_path / 'made' / 'file')!r}).write_text('x')\n"
        "socket.socket().bind(('127.0.0.1', 0))\n"
        "sqlite3.connect(':memory:').close()\n"
        "threading.Thread(target=print).start()\n"
    )
    acts = in_a_fresh_process(["busy"], PYTHONPATH=str(tmp_path)).acts
    assert [act[1] for act in acts] == ["os.mkdir", "writes", "socket.bind", "sqlite3.connect", THREAD]


THREAD = "_thread.start_joinable_thread" if sys.version_info >= (3, 13) else "_thread.start_new_thread"
WATCH = """
import json, sys
acts, stage = [], []

def hook(event, args):
    if not stage:
        return
    if event == "open":
        path, mode, flags = args
        writing = any(letter in mode for letter in "wxa+") if isinstance(mode, str) else bool(flags & 3)
        if writing and str(path) != "/dev/null":
            acts.append([stage[-1], "writes", str(path)])
    elif event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "shutil.rmtree", "os.truncate"):
        acts.append([stage[-1], event, str(args[0])])
    elif event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.fork", "os.exec",
                   "os.posix_spawn", "sqlite3.connect", "_thread.start_new_thread",
                   "_thread.start_joinable_thread", "signal.signal"):
        acts.append([stage[-1], event, repr(args[:2])])

sys.addaudithook(hook)
modules = json.loads(sys.argv[1])
import importlib
for name in modules:
    stage.append(name)
    importlib.import_module(name)
stage.clear()
print(json.dumps({"acts": acts, "loaded": sorted(sys.modules)}))
"""


class Imports(NamedTuple):
    """What importing did (which module, what, to what), and all modules that are then loaded."""

    acts: list[list[str]]
    loaded: list[str]


def in_a_fresh_process(modules: list[str], **environment: str) -> Imports:
    """Import the modules where nothing is loaded yet, and tell what that did and brought along."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    finished = subprocess.run(
        [sys.executable, "-B", "-c", WATCH, json.dumps(modules)],
        cwd=ROOT,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return Imports(**json.loads(finished.stdout))
