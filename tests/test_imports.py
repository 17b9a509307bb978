"""Dependencies point one way, and importing does nothing.

main -> recognizer -> faces, protocol        api -> server -> faces, protocol
"""

from __future__ import annotations

import ast
import functools
import json
import os
import subprocess
import sys
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, NamedTuple

import pytest

from facematch.config.settings import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = ROOT / "facematch"
COMPOSITION_ROOTS = {"main", "api"}
WEB = ("fastapi", "starlette", "uvicorn")

ORDER = {
    "facematch": ("runtime", "protocol config", "faces", "launcher recognizer server", "people migrate"),
    "facematch.faces": (
        "models onnx_runtime tolerance",
        "known_answer weights gallery",
        "graph gallery_file",
        "detector encoder",
        "photos sketch",
        "attention",
        "engine",
        "reference",
        "ranking stillness",
        "fused",
    ),
    "facematch.recognizer": (
        "wakeup counters batch_slots references directions",
        "delivery",
        "gallery",
        "matching evidence",
        "process shared",
        "erasure_orders room",
        "account",
        "heartbeat",
        "stays",
        "app",
    ),
    "facematch.server": (
        "storage",
        "web",
        "access",
        "gallery snapshots recognizers assignment",
        "people replicas",
        "events unknowns",
        "presence",
        "identity calibration",
        "alarms",
        "webhooks privacy rooms",
        "monitoring",
        "page",
        "app",
    ),
}
"""In each of these, what may be imported by what: each name by those in the places after its own, and by nobody else.

Whatever lies in it has a place, so that a newcomer in the house is asked for one.
"""

FOREIGN = {
    "facematch.runtime": ("livekit", *WEB),
    "facematch.config": ("livekit", *WEB),
    "facematch.protocol": ("livekit", *WEB),
    "facematch.faces": ("livekit", *WEB),
    "facematch.recognizer": WEB,
    "facematch.server": ("livekit.rtc",),
    "facematch.launcher": ("livekit", *WEB),
    "facematch.people": ("livekit", *WEB),
}
"""Which libraries each part must not import, be it for types only."""

CONSTRUCTOR_PARAMETERS = 6
"""At most: who needs more is handed things that belong together as one."""

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


class Source(NamedTuple):
    """Of a file: every module that it names in an import, wherever, `from x import y` as `x` and `x.y`; and how many
    parameters each of its constructors takes beside self, by line.
    """

    imported: frozenset[str]
    constructors: dict[int, int]


@functools.cache
def source(path: Path) -> Source:
    """Looked through once for all tests."""
    imported: set[str] = set()
    constructors: dict[int, int] = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names):
                imported.update(alias.name for alias in names)
            case ast.ImportFrom(module, names, level):
                assert level == 0, f"{path}: relative imports hide from this test"
                assert module is not None
                imported |= {module, *(f"{module}.{alias.name}" for alias in names)}
            case ast.FunctionDef(name="__init__", args=taken):
                constructors[node.lineno] = len([*taken.posonlyargs, *taken.args, *taken.kwonlyargs]) - 1
    return Source(frozenset(imported), constructors)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def part_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def place_in(package: str, module: str) -> str | None:
    """Which child of the package a module belongs to; None: it is not in it."""
    return module.removeprefix(package + ".").partition(".")[0] if module.startswith(package + ".") else None


@pytest.mark.parametrize("package", ORDER)
def test_whatever_lies_in_a_package_has_its_place_in_the_order(package: str) -> None:
    placed = [name for names in ORDER[package] for name in names.split()]
    there = {place for module in MODULES if (place := place_in(package, module)) and place != "__main__"}
    assert sorted(placed) == sorted(there)


@pytest.mark.parametrize("package", ORDER)
def test_dependencies_point_one_way(package: str) -> None:
    place = {name: at for at, names in enumerate(ORDER[package]) for name in names.split()}
    wrong = [
        f"{module} imports {name}"
        for module, path in MODULES.items()
        if (mine := place_in(package, module)) in place
        for name in sorted(source(path).imported)
        if (theirs := place_in(package, name)) in place and theirs != mine and place[theirs] >= place[mine]
    ]
    assert not wrong


def test_no_module_imports_itself_by_way_of_others() -> None:
    imports = {module: {name for name in source(path).imported if name in MODULES} for module, path in MODULES.items()}
    TopologicalSorter(imports).prepare()  # raises CycleError with the circle


@pytest.mark.parametrize("part", FOREIGN)
def test_each_part_knows_only_its_own_libraries(part: str) -> None:
    wrong = [
        f"{module} imports {name}"
        for module, path in MODULES.items()
        if within(module, part)
        for name in sorted(source(path).imported)
        if any(within(name, other) for other in FOREIGN[part])
    ]
    assert not wrong


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_constructor_takes_more_than_a_handful(module: str) -> None:
    many = source(MODULES[module]).constructors
    assert not {line: count for line, count in many.items() if count > CONSTRUCTOR_PARAMETERS}


@pytest.mark.parametrize("root", sorted(COMPOSITION_ROOTS))
def test_composition_roots_are_short(root: str) -> None:
    assert len(MODULES[root].read_text(encoding="utf-8").splitlines()) <= 50


def test_settings_belong_to_the_composition_roots() -> None:
    inside = {name: path for name, path in MODULES.items() if part_of(name) in LOADED}
    readers = {
        name
        for name, path in inside.items()
        if any(within(one, "facematch.config.settings") for one in source(path).imported)
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
if sys.version_info < (3, 12):  # where no event is raised for it; threading, which keeps it, is not loaded yet
    import _thread
    begin = _thread.start_new_thread

    def begin_and_tell(function, *rest):
        sys.audit("_thread.start_new_thread", function, *rest)
        return begin(function, *rest)

    _thread.start_new_thread = begin_and_tell
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
