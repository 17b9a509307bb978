"""Each process reads what it needs, and a person is told what should not stay so."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from facematch.config.process_settings import (
    WEB_ONLY,
    RecognizerSettings,
    forget_web_secrets,
    is_web_only,
    warnings_about,
)
from facematch.config.settings import ROOT, Settings, load_or_exit
from facematch.config.text_values import can_be_guessed

if TYPE_CHECKING:
    from pathlib import Path

OF_THE_WEB = {
    "ADMIN_KEY": "admin-key-0123456789",
    "VIEWER_KEY": "viewer-key-0123456789",
    "WEBHOOK_URL": "https://hooks.example.com/in",
    "WEBHOOK_SECRET": "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "DATABASE_URL": "postgresql://user:password-of-it@db.example.com/events",
    "DATABASE_DIRECT_URL": "postgresql://user:password-of-it@db.example.com:5433/events",
    "S3_ACCESS_KEY": "access-key-of-the-store",
    "S3_SECRET_KEY": "secret-key-of-the-store",
}
ITS_OWN = "recognizer-key-0123456789"


@pytest.mark.parametrize("where", ["environment", "file", "lower case"])
def test_the_recognizer_reads_no_secret_of_the_web_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str
) -> None:
    assert set(OF_THE_WEB) == set(WEB_ONLY)
    values = {**OF_THE_WEB, "RECOGNIZER_KEY": ITS_OWN}
    file = tmp_path / ".env"
    if where == "file":
        file.write_text("".join(f"{name}={value}\n" for name, value in values.items()), "utf-8")
        monkeypatch.setitem(RecognizerSettings.model_config, "env_file", file)
    else:
        for name, value in values.items():
            monkeypatch.setenv(name.lower() if where == "lower case" else name, value)
    found = load_or_exit(RecognizerSettings)
    assert found.recognizer_key
    assert found.recognizer_key.get_secret_value() == ITS_OWN
    assert not [name for name in WEB_ONLY if getattr(found, name.lower()) is not None]
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the same by another name")
    forget_web_secrets()
    assert not [name for name in os.environ if is_web_only(name)]


def test_what_is_wrong_with_them_does_not_keep_it_from_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_KEY", "short")
    assert RecognizerSettings().admin_key is None


@pytest.mark.parametrize(
    "key",
    [
        "aaaaaaaaaaaaaaaa",
        "0101010101010101",
        "abcdefghabcdefgh",
        "change-me-change-it",
        "MyPassword2025!!",
        "12345678901234567",
    ],
)
def test_a_key_that_can_be_guessed_is_told(key: str) -> None:
    assert can_be_guessed(key)
    [warning] = warnings_about(Settings(admin_key=key))
    assert warning.startswith("ADMIN_KEY can be guessed")
    assert "token_urlsafe" in warning
    assert key not in warning


@pytest.mark.parametrize("key", [ITS_OWN, "J4pWx9-QmT2_vKcLr8sYbN0e", "correct horse battery staple".replace(" ", "-")])
def test_a_key_that_is_long_and_varied_is_not(key: str) -> None:
    assert not can_be_guessed(key)


SECRETS = "HOLD_SECONDS=9\nexport ADMIN_KEY=x\n LIVEKIT_API_SECRET = 'y'\n#VIEWER_KEY=z\nRECOGNIZER_KEY=\n"


@pytest.mark.parametrize(
    ("mode", "text", "told"),
    [(0o644, SECRETS, True), (0o640, SECRETS, True), (0o600, SECRETS, False), (0o644, "HOLD_SECONDS=9\n", False)],
)
def test_a_file_with_secrets_that_others_can_read_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: int, text: str, *, told: bool
) -> None:
    file = tmp_path / ".env"
    file.write_text(text)
    file.chmod(mode)
    monkeypatch.setitem(Settings.model_config, "env_file", file)
    expected = f"Others on this machine can read ADMIN_KEY, LIVEKIT_API_SECRET in {file}: chmod 600 {file}"
    assert warnings_about(Settings(admin_key="J4pWx9-QmT2_vKcLr8sYbN0e")) == ([expected] if told else [])


UNREADABLE = {
    "UTF-16": "ROOM_NAME=Müller\n".encode("utf-16"),
    "UTF-16 without a mark": "ROOM_NAME=room\n".encode("utf-16-le"),
    "Latin-1": "HOLD_SECONDS=9\nROOM_NAME=Müller\n".encode("latin-1"),
    "a picture": bytes(range(256)),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_file_in_another_encoding_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    file = tmp_path / ".env"
    file.write_bytes(UNREADABLE[what])
    assert str(file) in refused(monkeypatch, capsys, file)


def test_a_folder_of_that_name_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "is a folder" in refused(monkeypatch, capsys, tmp_path)


def test_a_file_that_may_not_be_read_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / ".env"
    file.write_text("A=1")

    def denied(_path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", denied)
    assert "cannot be read (Permission denied)" in refused(monkeypatch, capsys, file)


@pytest.mark.parametrize("text", ["", "HOLD_SECONDS=9\n", "\ufeffHOLD_SECONDS=9\r\nROOM_NAME=会議室\r\n"])
def test_a_file_that_is_one_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    file = tmp_path / ".env"
    file.write_text(text, "utf-8", newline="")
    monkeypatch.setitem(Settings.model_config, "env_file", file)
    found = load_or_exit()
    assert found.hold_seconds == (9 if text else 10)


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file: Path) -> str:
    monkeypatch.setitem(Settings.model_config, "env_file", file)
    with pytest.raises(SystemExit) as ended:
        load_or_exit()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_neither_process_can_be_dumped_and_only_one_holds_the_webs_secrets() -> None:
    """What a process has of them where other programs would find it: its environment, as its children inherit it."""
    program = (
        "import runpy, sys, facematch.recognizer.process.entry as entry, facematch.recognizer.app as app, os\n"
        "app.run = lambda settings: settings\n"
        "entry.run_process = lambda settings: print(sorted(set(os.environ) & set(sys.argv[1:])), settings.admin_key)\n"
        "runpy.run_path('main.py', run_name='__main__')\n"
    )
    env = {**OF_THE_WEB, "PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    done = subprocess.run(
        [sys.executable, "-c", program, *WEB_ONLY], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "[] None\n"), done.stderr
