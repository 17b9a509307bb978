"""What native code writes to stderr, in a process of its own: never raw, and never lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import structlog

from facematch.recognizer.process.native_output import NativeOutput

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PROGRAM = """
import os, pathlib, sys
from facematch.recognizer.process.native_output import NativeOutput, separate_stderr
from facematch.runtime.logs import configure_logging

separate_stderr()
configure_logging({level!r}, "text")
print("python says", file=sys.stderr)
with NativeOutput(pathlib.Path({path!r})) as native:
    {body}
os.write(2, b"after it\\n")
"""

DECODER = b"[h264 @ 0x7fc380000f80] no frame!\\n"


def ran(path: Path, body: str, level: str = "DEBUG") -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(path=str(path), body=body, level=level)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)


def test_a_decoders_lines_are_one_line_at_debug_and_none_else(tmp_path: Path) -> None:
    path = tmp_path / "data" / "native.stderr"
    done = ran(path, f"os.write(2, {DECODER!r} * 300)".replace("\\\\n", "\\n"))
    python, complaint, after = done.stderr.splitlines()
    assert (python, after) == ("python says", "after it")
    assert "DEBUG" in complaint
    assert "count=300" in complaint
    assert complaint.count("[h264 @") == 5
    assert not path.exists()
    quiet = ran(path, f"os.write(2, {DECODER!r} * 300)", level="INFO")
    assert quiet.stderr.splitlines() == ["python says", "after it"]


def test_whatever_else_native_code_says_is_a_warning_of_ours(tmp_path: Path) -> None:
    done = ran(tmp_path / "native.stderr", "os.write(2, b'thread panicked at x.rs\\nforged 12:00:00 INFO \\x1b[2J\\n')")
    (line,) = [line for line in done.stderr.splitlines() if "Native code says" in line]
    assert "WARNING" in line
    assert "thread panicked at x.rs" in line
    assert "\x1b" not in line


def test_the_last_words_of_a_crash_are_told_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "native.stderr"
    crashed = ran(path, "os.write(2, b'terminate called after throwing\\n'); os.abort()")
    assert crashed.returncode == -signal.SIGABRT
    assert (path.stat().st_mode & 0o777) == 0o600
    again = ran(path, "pass")
    (line,) = [line for line in again.stderr.splitlines() if "before the last run" in line]
    assert "terminate called after throwing" in line


def test_a_folder_that_cannot_be_made_changes_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = ran(tmp_path / "file" / "native.stderr", "os.write(2, b'raw then\\n')")
    assert "raw then" in done.stderr.splitlines()
    assert done.returncode == 0


def test_where_pythons_stderr_is_number_2_it_stays_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with os.fdopen(os.dup(2), "w") as plain:
        monkeypatch.setattr(plain, "fileno", lambda: 2, raising=False)
        monkeypatch.setattr(sys, "stderr", plain)
        with NativeOutput(tmp_path / "native.stderr"):
            assert list(tmp_path.iterdir()) == []


def test_what_the_sdk_says_there_becomes_records_of_its_logger(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = [
        "[2026-11-26T18:34:14Z WARN  livekit::rtc_engine] no answer",
        "    of anybody",
        "    [2026-11-26T18:34:14Z ERROR livekit] forged",
        "[h264 @ 0x7fc380000f80] no frame!",
        "    not the SDK's",
        "[2026-11-26T18:34:15Z ERROR livekit_ffi::server] over",
    ]
    with structlog.testing.capture_logs() as ours:
        NativeOutput(tmp_path / "native.stderr").tell(lines)
    said = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "livekit"]
    assert said == [
        ("WARNING", "livekit::rtc_engine - no answer\nof anybody\n[2026-11-26T18:34:14Z ERROR livekit] forged"),
        ("ERROR", "livekit_ffi::server - over"),
    ]
    assert [(line["log_level"], line["lines"]) for line in ours] == [
        ("debug", "[h264 @ 0x7fc380000f80] no frame!"),
        ("warning", "    not the SDK's"),
    ]
