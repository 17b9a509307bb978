"""Steps that are skipped, that run side by side, and that fail with a reason."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import pytest

from tools.setup import work
from tools.setup.work import Log, Progress, SetupError, Stamp, first_line

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _children_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_children", work._Children())


def test_a_stamp_is_fresh_until_an_input_changes(tmp_path: Path) -> None:
    source, made, path = tmp_path / "source", tmp_path / "made", tmp_path / "deep" / "stamp"
    source.write_text("one")
    made.touch()

    def stamp(word: str = "word") -> Stamp:
        return Stamp(path, inputs=[source, word], made=[made])

    assert not stamp().fresh
    stamp().set()
    assert stamp().fresh
    assert not stamp("another").fresh
    source.write_text("two")
    assert not stamp().fresh


def test_a_stamp_does_not_vouch_for_what_is_gone(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.touch()
    stamp = Stamp(tmp_path / "stamp", inputs=[], made=[made])
    stamp.set()

    made.unlink()

    assert not stamp.fresh
    stamp.forget()
    stamp.forget()


def test_a_failure_shows_the_end_of_its_log(tmp_path: Path) -> None:
    log = Log(tmp_path / "logs" / "step.log")
    code = "for i in range(99): print('line', i)\nraise SystemExit(3)"

    with pytest.raises(SetupError, match=r"failed \(exit code 3\)\.\nline 79\n(.*\n)+line 98\nAll of it: ") as failed:
        log.run([sys.executable, "-c", code], cwd=tmp_path, env={})
    assert "line 78\n" not in str(failed.value)
    assert "line 0\n" in log.path.read_text()


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"nothing cannot be run: No such file"):
        Log(tmp_path / "log").run([tmp_path / "nothing"], cwd=tmp_path, env={})


def test_one_failed_step_ends_the_others_and_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    started = tmp_path / "started"

    def slow(log: Log) -> None:
        code = f"import pathlib, time; pathlib.Path({str(started)!r}).touch(); time.sleep(60)"
        log.run([sys.executable, "-c", code], cwd=tmp_path, env={})

    def broken(log: Log) -> None:
        while not started.exists():
            time.sleep(0.01)
        log.run([sys.executable, "-c", "raise SystemExit('no disk left')"], cwd=tmp_path, env={})

    began = time.monotonic()
    with pytest.raises(SetupError, match=r"(?s)^broken one: .*\nno disk left\n"):
        Progress().together(
            {"slow one": (slow, Log(tmp_path / "slow.log")), "broken one": (broken, Log(tmp_path / "broken.log"))}
        )
    assert time.monotonic() - began < 20
    assert "slow one: done" not in capsys.readouterr().out


def test_news_of_what_takes_long(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_NEWS_SECONDS", 0.05)

    def step(log: Log) -> None:
        log.path.write_text("fetching a thing\n")
        time.sleep(0.3)

    Progress().together({"the step": (step, Log(tmp_path / "log"))})

    said = capsys.readouterr().out
    assert "… the step (fetching a thing)" in said
    assert "the step: done in 0 s" in said


def test_no_steps_are_no_work() -> None:
    Progress().together({})


def test_the_first_line_of_what_works_and_none_of_what_does_not(tmp_path: Path) -> None:
    assert first_line([sys.executable, "-c", "print('a'); print('b')"], {}) == "a"
    assert first_line([sys.executable, "-c", ""], {}) == ""
    assert first_line([sys.executable, "-c", "raise SystemExit(1)"], {}) is None
    assert first_line([tmp_path / "nothing"], {}) is None
