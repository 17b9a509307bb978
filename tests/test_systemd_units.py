"""The units in docs/systemd: what they let the processes write is all that these write, and systemd makes it."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from facematch.config.settings import ROOT, Settings

if TYPE_CHECKING:
    from pathlib import Path

UNITS = sorted((ROOT / "docs" / "systemd").glob("*.service"))
MADE = {"StateDirectory": "/var/lib", "CacheDirectory": "/var/cache"}


def lines(unit: Path, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.+)$", unit.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_every_folder_that_is_written_is_made_by_systemd(monkeypatch: pytest.MonkeyPatch, unit: Path) -> None:
    for variable in lines(unit, "Environment"):
        monkeypatch.setenv(*variable.split("=", 1))
    settings = Settings()
    written = (settings.data_dir, settings.output_dir, settings.reference_image, settings.model_cache)
    folders = [f"{base}/{name}" for kind, base in MADE.items() for name in lines(unit, kind)]
    assert len(folders) == 2
    assert [path for path in written if not any(path.is_relative_to(folder) for folder in folders)] == []
    assert lines(unit, "ReadWritePaths") == []  # a path that does not exist yet keeps a unit from starting
    assert lines(unit, "ProtectSystem") == ["strict"]
    assert lines(unit, "StateDirectoryMode") == ["0700"]


def test_both_processes_share_their_folders() -> None:
    assert len(UNITS) == 2
    assert len({tuple(lines(unit, "Environment") + lines(unit, "StateDirectory")) for unit in UNITS}) == 1


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_never_gives_up_but_where_trying_again_cannot_help(unit: Path) -> None:
    """By default systemd leaves a unit dead that has ended five times within ten seconds."""
    assert lines(unit, "StartLimitIntervalSec") == ["0"]
    assert lines(unit, "Restart") == ["always"]
    assert "2" in lines(unit, "RestartPreventExitStatus")[0].split()


def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd is not here")
    for unit in UNITS:
        text = unit.read_text("utf-8").replace("/opt/face-match/.venv", str(ROOT / ".venv"))
        text = text.replace("User=facematch\n", "").replace("/opt/face-match", str(ROOT))
        (tmp_path / unit.name).write_text(text, "utf-8")
    done = subprocess.run(
        [program, "verify", *map(str, tmp_path.glob("*.service"))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "face-match" in line]
    newer = ("'RestartSteps'", "'RestartMaxDelaySec'")  # than this systemd, which says that it leaves them out
    assert [line for line in said if not any(key in line for key in newer)] == []
