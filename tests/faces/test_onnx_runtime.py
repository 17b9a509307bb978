"""ONNX Runtime tells nobody that it is used."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from facematch.config.settings import ROOT

if TYPE_CHECKING:
    from pathlib import Path

ENCODER = "from pathlib import Path; from facematch.faces.encoder import make_encoder; make_encoder('onnx', Path({!r}))"


@pytest.mark.usefixtures("onnx_encoder")
def test_it_leaves_no_identifier_in_the_home_of_its_user(tmp_path: Path, model_cache: Path) -> None:
    def left_behind(program: str) -> list[str]:
        """Of an environment with nothing else in it: `CI=true`, say, would keep it silent by itself."""
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, env=env)
        return [path.name for path in tmp_path.rglob("*") if path.is_file()]

    assert left_behind(ENCODER.format(str(model_cache))) == []
    assert "deviceid" in left_behind("import onnxruntime"), "it needs no telling any more: see what it does instead"


def test_nothing_else_loads_it() -> None:
    programs = [path for part in ("facematch", "tools", "bench") for path in (ROOT / part).rglob("*.py")]
    importers = set()
    for path in [*programs, ROOT / "main.py", ROOT / "api.py"]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == "onnxruntime" for name in names):
                importers.add(path.relative_to(ROOT).as_posix())
    assert importers == {"facematch/faces/onnx_runtime.py"}
