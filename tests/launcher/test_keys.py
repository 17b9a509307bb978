"""Keys that nobody chose: made when they are needed, kept for their owner alone, used again."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import pytest

from facematch.config.process_settings import WebSettings
from facematch.config.settings import Settings
from facematch.launcher.__main__ import with_keys
from facematch.launcher.keys import FILE_NAME, KeysError, kept_livekit_pair, livekit_pair, missing_keys
from facematch.runtime.atomic_file import write_whole

if TYPE_CHECKING:
    from pathlib import Path

EVERYWHERE = "0.0.0.0"  # noqa: S104  (nothing listens here)
CHOSEN = {"admin_key": "admin-key-0123456789", "recognizer_key": "recognizer-key-0123456789"}


def settings(folder: Path, **values: Any) -> Settings:
    return Settings(data_dir=folder / "data", **values)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_local_mode_needs_none(tmp_path: Path, host: str) -> None:
    assert missing_keys(settings(tmp_path, host=host)).values == {}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.0.2.7", "cam.example"])
def test_beyond_this_machine_all_are_made_and_kept(tmp_path: Path, host: str) -> None:
    keys = missing_keys(settings(tmp_path, host=host))
    assert keys.made
    assert set(keys.values) == {"ADMIN_KEY", "VIEWER_KEY", "RECOGNIZER_KEY"}
    assert len(set(keys.values.values())) == 3
    assert min(map(len, keys.values.values())) >= 32
    assert keys.file == tmp_path / "data" / FILE_NAME
    assert stat.S_IMODE(keys.file.stat().st_mode) == 0o600
    again = missing_keys(settings(tmp_path, host=host))
    assert (again.values, again.made) == (keys.values, False)
    complete = {name.lower(): value for name, value in keys.values.items()}
    assert WebSettings.model_validate(complete).keys_in_use


def test_keys_that_are_chosen_are_enough(tmp_path: Path) -> None:
    assert missing_keys(settings(tmp_path, host=EVERYWHERE, **CHOSEN)).values == {}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("host", ["127.0.0.1", EVERYWHERE])
def test_the_recognizer_s_is_made_beside_a_chosen_one(tmp_path: Path, host: str) -> None:
    keys = missing_keys(settings(tmp_path, host=host, admin_key=CHOSEN["admin_key"]))
    assert set(keys.values) == {"RECOGNIZER_KEY"}
    assert CHOSEN["admin_key"] not in keys.file.read_text()
    assert missing_keys(settings(tmp_path, host=host, admin_key=CHOSEN["admin_key"])).values == keys.values


def test_what_the_file_holds_already_stays(tmp_path: Path) -> None:
    first = missing_keys(settings(tmp_path, admin_key=CHOSEN["admin_key"]))
    second = missing_keys(settings(tmp_path, host=EVERYWHERE))
    assert second.made
    assert second.values["RECOGNIZER_KEY"] == first.values["RECOGNIZER_KEY"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = missing_keys(settings(tmp_path, host=EVERYWHERE)).file
    file.chmod(mode)
    with pytest.raises(KeysError, match="chmod 600"):
        missing_keys(settings(tmp_path, host=EVERYWHERE))


def test_a_folder_that_takes_nothing_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(KeysError, match=r"cannot be (kept|read)"):
        missing_keys(settings(tmp_path, host=EVERYWHERE))


def test_a_file_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = missing_keys(settings(tmp_path, host=EVERYWHERE)).file
    owner = file.stat().st_uid
    monkeypatch.setattr("os.geteuid", lambda: owner + 1)
    with pytest.raises(KeysError, match="another user"):
        missing_keys(settings(tmp_path, host=EVERYWHERE))


def test_a_disk_without_modes_keeps_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under WSL, every file of a Windows disk can be read by everybody, whatever chmod says."""

    def everybodys(path: Path, data: bytes) -> None:
        write_whole(path, data)
        path.chmod(0o777)

    monkeypatch.setattr("facematch.launcher.keys.write_whole", everybodys)
    for _ in range(2):  # the second start is not worse off than the first
        with pytest.raises(KeysError, match="Set DATA_DIR to a folder in your home"):
            missing_keys(settings(tmp_path, host=EVERYWHERE))
        with pytest.raises(KeysError, match="Set DATA_DIR to a folder in your home"):
            livekit_pair(settings(tmp_path))
        assert not (tmp_path / "data" / FILE_NAME).exists()


def test_livekits_pair_is_made_once_and_kept_beside_the_others(tmp_path: Path) -> None:
    assert kept_livekit_pair(settings(tmp_path)).values == {}
    made = livekit_pair(settings(tmp_path))
    assert made.made
    assert set(made.values) == {"LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"}
    assert len(made.values["LIVEKIT_API_SECRET"]) >= 32
    assert stat.S_IMODE(made.file.stat().st_mode) == 0o600
    access = missing_keys(settings(tmp_path, host=EVERYWHERE))
    for found in (livekit_pair(settings(tmp_path)), kept_livekit_pair(settings(tmp_path))):
        assert (found.values, found.made) == (made.values, False)
    assert missing_keys(settings(tmp_path, host=EVERYWHERE)).values == access.values


@pytest.mark.parametrize(
    "chosen",
    [
        {"livekit_api_key": "demo-key", "livekit_api_secret": "demo-secret"},
        {"livekit_api_key": "mine", "livekit_api_secret": "my-secret"},
        {"livekit_api_secret": "demo-secret"},
    ],
)
def test_a_pair_that_was_chosen_wins(tmp_path: Path, chosen: dict[str, str]) -> None:
    livekit_pair(settings(tmp_path))
    wanted = settings(tmp_path, **chosen)
    found = livekit_pair(wanted).values
    assert found == {
        "LIVEKIT_API_KEY": wanted.livekit_api_key,
        "LIVEKIT_API_SECRET": wanted.livekit_api_secret,
    }
    assert kept_livekit_pair(wanted).values == {}


@pytest.mark.parametrize("terminal", [True, False])
def test_new_keys_are_shown_to_a_person_and_to_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, terminal: bool
) -> None:
    for name in ("ADMIN_KEY", "VIEWER_KEY", "RECOGNIZER_KEY", "DATA_DIR"):
        monkeypatch.setenv(name, "")  # put back afterwards
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    found = with_keys(Settings(host=EVERYWHERE))
    said = capsys.readouterr().out
    assert found.admin_key
    assert found.recognizer_key
    assert (found.admin_key.get_secret_value() in said) is terminal
    assert found.recognizer_key.get_secret_value() not in said
    assert str(tmp_path / FILE_NAME) in said
