"""The closing report: each part is used for real, then named with OK or with what is wrong."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tools.setup import browser
from tools.setup.page import BUILT, PAGES
from tools.setup.steps import LiveKitServer
from tools.setup.work import first_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MODULES = ("face_recognition", "dlib", "onnxruntime", "livekit")
_IMPORT = """
import importlib, os, sys, warnings
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # see facematch/faces/onnx_runtime.py
warnings.simplefilter("ignore")
for name in sys.argv[1:]:
    try:
        importlib.import_module(name + (".rtc" if name == "livekit" else ""))
    except BaseException as error:  # face_recognition quits when its models are missing
        print(f"{name}: {type(error).__name__}: {error}", flush=True)
    else:
        print(f"{name}: OK", flush=True)
"""
_ENCODER = """
import sys
from pathlib import Path
from facematch.faces.encoder import make_encoder
from facematch.faces.known_answer import synthetic_chip
print("OK" if make_encoder("onnx", Path(sys.argv[1])).encode([synthetic_chip()]).shape == (1, 128) else "wrong shape")
"""


def report(root: Path, cache: Path, env: Mapping[str, str], *, dev: bool, livekit: bool = True) -> int:
    """Print a line for each part. Returns 0 when all of them are OK, else 1.

    Args:
        root: the checkout.
        cache: MODEL_CACHE.
        env: of the programs that are asked.
        dev: also what the tests need.
        livekit: the server is to be here.
    """
    good = True
    for line in _lines(root, cache, env, dev=dev, livekit=livekit):
        good = good and ": OK" in line
        print(line, flush=True)  # noqa: T201
    return 0 if good else 1


def _lines(root: Path, cache: Path, env: Mapping[str, str], *, dev: bool, livekit: bool) -> Iterator[str]:
    python = root / ".venv" / "bin" / "python"
    with ThreadPoolExecutor() as pool:
        imports = pool.submit(_output, [python, "-c", _IMPORT, *_MODULES], root, env)
        encoder = pool.submit(_output, [python, "-c", _ENCODER, cache], root, env)
        yield from imports.result() or [f"{python}: does not run"]
        if livekit:
            yield _server(LiveKitServer(root, cache, env), cache, env)
        missing = [page for page in PAGES if not (root / BUILT / Path(page).name).is_file()]
        yield f"page: not built: {', '.join(missing)}" if missing else "page: OK"
        yield f"face encoder: {(encoder.result() or ['cannot be loaded'])[-1]}"
    if dev:
        found = browser.find(env)
        how = "not found; the browser tests need it (Debian, Ubuntu: apt-get install chromium)"
        yield f"chromium: OK ({found})" if found else f"chromium: {how}"


def _server(server: LiveKitServer, cache: Path, env: Mapping[str, str]) -> str:
    said = first_line([server.binary, "--version"], env) if server.done else None
    if said is not None and said.endswith(server.version):
        return f"livekit-server: OK ({server.version})"
    return f"livekit-server: wanted {server.version} in {cache}, got {said or 'none'}"


def _output(command: list[str | Path], root: Path, env: Mapping[str, str]) -> list[str]:
    done = subprocess.run(  # noqa: S603  (commands of this package, never a stranger's)
        [str(word) for word in command],
        cwd=root,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.stdout.decode("utf-8", "replace").splitlines()
