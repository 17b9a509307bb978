"""`python -m facematch.faces`."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from facematch.config.settings import ROOT
from facematch.faces.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_command_prints_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cache", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("face encoder: OK (dlib_face_recognition_resnet_model_v1/onnx, ")
    assert (out.count("\n"), err) == (1, "")


def test_the_command_takes_the_settings_cache(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "facematch.faces"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "MODEL_CACHE": str(tmp_path)},
    )
    assert str(tmp_path) in result.stdout
    assert result.stdout.count("\n") == 1


def test_the_command_fails_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["--cache", str(tmp_path / "file")]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "MODEL_CACHE" in err
