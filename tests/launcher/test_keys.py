"""Keys that nobody chose: made when they are needed, kept for their owner alone, used again."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import pytest

from facematch.config.settings import Settings, WebSettings
from facematch.launcher.keys import FILE_NAME, KeysError, missing_keys

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
