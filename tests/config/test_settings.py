"""Settings: defaults, every bad variable named at once, and the two documents that list them."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from facematch.config.settings import LEGACY, ROOT, Settings, describe_problems

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = ROOT / ".env.example"
README = ROOT / "README.md"
NAMES = [name.upper() for name in Settings.model_fields]

BAD = {
    "LIVEKIT_URL": "localhost:7880",
    "ROOM_NAME": "a\tb",
    "ALLOWED_ROOMS": "good,bad\x01room",
    "BATCH_MAX_FRAMES": "0",
    "HOLD_SECONDS": "ten",
    "WAIT_SECONDS": "-1",
    "MATCH_COOLDOWN_SECONDS": "nan",
    "BATCH_TIMEOUT_SECONDS": "0",
    "MATCH_TOLERANCE": "inf",
    "MAX_ACTIVE_BATCHES": "1.5",
    "FRAME_EXECUTOR_WORKERS": "0",
    "FRAME_DOWNSCALE_WIDTH": "63",
    "FACE_ENCODER": "torch",
    "SNAPSHOTS_ENABLED": "perhaps",
    "API_BASE_URL": "ftp://host",
    "EVENT_QUEUE_SIZE": "9",
    "PORT": "65536",
    "TOKEN_TTL_SECONDS": "59",
    "UPLOAD_MAX_MB": "0",
    "MEMORY_WARN_RATIO": "80",
    "MEMORY_EXIT_RATIO": "0",
    "LOG_LEVEL": "LOUD",
    "LOG_FORMAT": "xml",
}


def settings(**values: Any) -> Settings:
    return Settings(**values)


def problems(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> str:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    return describe_problems(refused.value)


def test_defaults_are_the_documented_ones() -> None:
    found = Settings()

    assert found.livekit_url == "ws://localhost:7880"
    assert (found.livekit_api_key, found.livekit_api_secret) == ("demo-key", "demo-secret")
    assert found.room_name == "face-recognition-room"
    assert (found.batch_max_frames, found.hold_seconds, found.wait_seconds) == (5, 10, 10)
    assert (found.match_cooldown_seconds, found.match_tolerance) == (3, 0.5)
    assert (found.frame_executor_workers, found.frame_downscale_width) == (2, 640)
    assert found.output_dir == ROOT / "captured_faces"
    assert found.reference_image == ROOT / "reference" / "current.jpg"
    assert found.api_base_url == "http://127.0.0.1:8000"
    assert (found.memory_warn_ratio, found.memory_exit_ratio) == (0.8, 0.92)
    assert found.token_rooms == {"face-recognition-room"}
    assert found.browser_livekit_url == found.livekit_url
    assert found.legacy_in_use == ()


def test_all_bad_variables_are_named_in_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    message = problems(monkeypatch, BAD)

    named = [line.split(":")[0].strip() for line in message.splitlines()[1:]]
    assert sorted(set(named)) == sorted(BAD)


@pytest.mark.parametrize("name", sorted(BAD))
def test_a_bad_variable_alone_is_named_with_its_value(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    message = problems(monkeypatch, {name: BAD[name]})

    assert f"  {name}: " in message
    assert len(message.splitlines()) == 2


def test_a_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(Settings.model_config, "env_ignore_empty", False)
        message = problems(patch, {"LIVEKIT_API_SECRET": ""})

    assert "LIVEKIT_API_SECRET" in message
    assert "got" not in message
    assert "demo-secret" not in repr(Settings())


def test_the_warning_may_not_come_after_the_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    message = problems(monkeypatch, {"MEMORY_WARN_RATIO": "0.9", "MEMORY_EXIT_RATIO": "0.8"})

    assert "MEMORY_EXIT_RATIO: must not be below MEMORY_WARN_RATIO (0.9)" in message


@pytest.mark.parametrize("program", ["main.py", "-mfacematch.launcher"])
def test_a_process_stops_with_exit_code_2(program: str) -> None:
    bad = {"HOLD_SECONDS": "ten", "LOG_LEVEL": "LOUD"}
    done = subprocess.run(
        [sys.executable, program],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **bad},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("  HOLD_SECONDS:")
    assert lines[2].startswith("  LOG_LEVEL:")


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, "")

    assert Settings().model_fields_set == set()


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("HOLD_SECONDS=7\nWAIT_SECONDS=8  # a comment\nROOM_NAME='two words'\nUNKNOWN=1\n", "utf-8")
    monkeypatch.setenv("HOLD_SECONDS", "9")

    found = settings(_env_file=file)

    assert (found.hold_seconds, found.wait_seconds, found.room_name) == (9, 8, "two words")


def test_words_may_be_written_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "debug")

    assert Settings().log_level == "DEBUG"


def test_several_rooms_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_ROOMS", "one, two three ,,four")

    assert Settings().token_rooms == {"face-recognition-room", "one", "two three", "four"}


def test_legacy_variables_are_accepted_whatever_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LEGACY:
        monkeypatch.setenv(name, "anything at all")

    assert Settings().legacy_in_use == LEGACY


def test_paths_are_meant_from_the_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTPUT_DIR", "elsewhere")
    monkeypatch.setenv("MODEL_CACHE", str(tmp_path))

    assert Settings().output_dir == ROOT / "elsewhere"
    assert Settings().model_cache == tmp_path


def test_a_user_without_a_name_and_a_home_is_told_which_variable_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_uid: int) -> None:
        raise KeyError

    monkeypatch.delenv("HOME")
    monkeypatch.delenv("MODEL_CACHE", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)

    with pytest.raises(ValidationError) as refused:
        Settings()
    [problem] = describe_problems(refused.value).splitlines()[1:]
    assert problem.startswith("  MODEL_CACHE: begins with ~, and this user has no home folder: name it in full")
    assert "~/.cache/face-match" in problem
    monkeypatch.setenv("MODEL_CACHE", "/var/cache/face-match")
    assert str(Settings().model_cache) == "/var/cache/face-match"


@given(st.floats(), st.floats(), st.floats())
def test_numbers_are_finite_and_in_range(hold: float, tolerance: float, ratio: float) -> None:
    try:
        found = settings(hold_seconds=hold, match_tolerance=tolerance, memory_exit_ratio=ratio)
    except ValidationError:
        return
    assert 0 <= found.hold_seconds <= 86_400
    assert 0 < found.match_tolerance <= 2
    assert found.memory_warn_ratio <= found.memory_exit_ratio <= 1


def shown_default(name: str) -> str:
    """A setting's default as a person would type it."""
    default = Settings.model_fields[name.lower()].default
    if default is None or default == ():
        return ""
    if isinstance(default, tuple):
        return ",".join(default)
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)


def test_the_example_file_lists_every_variable_with_its_default() -> None:
    listed = dict(re.findall(r"^#([A-Z0-9_]+)=(.*)$", EXAMPLE.read_text("utf-8"), re.MULTILINE))

    assert listed == {name: shown_default(name) for name in NAMES}


def test_the_example_file_gives_a_unit_for_every_variable() -> None:
    unit = None
    seen: dict[str, str] = {}
    for line in EXAMPLE.read_text("utf-8").splitlines():
        if found := re.match(r"#([A-Z0-9_]+)=", line):
            assert unit, f"{found[1]} has no comment that ends with its [unit]"
            seen[found[1]] = unit
        elif line.startswith("# "):
            unit = (re.findall(r"\[(.+)\]$", line) or [None])[-1]
        elif not line:
            unit = None

    assert all(seen[name].startswith("seconds") for name in NAMES if name.endswith("_SECONDS"))
    assert all(seen[name].startswith("fraction") for name in NAMES if name.endswith("_RATIO"))
    assert seen["FRAME_DOWNSCALE_WIDTH"].startswith("pixels")
    assert seen["UPLOAD_MAX_MB"].startswith("MB")


def test_the_example_file_loads_to_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(re.sub(r"(?m)^#([A-Z0-9_]+=)", r"\1", EXAMPLE.read_text("utf-8")), "utf-8")

    assert settings(_env_file=file) == Settings()


def test_the_readme_has_a_row_for_every_variable() -> None:
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \| (.*?) \| (.+?) \|$", README.read_text("utf-8"), re.MULTILINE)
    listed = {name: default.strip("`").replace("empty", "") for name, default, _ in rows}

    assert listed == {name: shown_default(name) for name in NAMES}
    assert len(rows) == len(listed)


@pytest.mark.parametrize(
    "name",
    [
        "O8437W3+jmzMVjoIP3",
        "!id:server",
        "会議室",
        "Besprechung Müller",
        "a/b?c#d",
        "e\u0301" * 85,
        "x" * 256,
        "🎥 one",
    ],
)
def test_a_room_may_have_any_name_that_livekit_takes(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("ROOM_NAME", name)
    monkeypatch.setenv("ALLOWED_ROOMS", f"other, {name}")

    assert Settings().room_name == name
    assert Settings().token_rooms == {name, "other"}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("x" * 257, "256 bytes"),
        ("会" * 86, "256 bytes"),
        ("a\nb", "line breaks"),
        ("a\x1b[31m", "control"),
        ("  ", "1 to 256"),
    ],
)
def test_a_room_that_livekit_would_not_take_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    message = problems(monkeypatch, {"ROOM_NAME": name})

    assert told in message
    assert "pattern" not in message


@pytest.mark.parametrize("name", ["LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "ADMIN_KEY", "VIEWER_KEY", "RECOGNIZER_KEY"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_key_that_comes_of_a_file_has_no_line_end(monkeypatch: pytest.MonkeyPatch, name: str, end: str) -> None:
    monkeypatch.setenv(name, f"key-0123456789-of-{name}{end}")

    found = getattr(Settings(), name.lower())
    assert (found if isinstance(found, str) else found.get_secret_value()) == f"key-0123456789-of-{name}"


@pytest.mark.parametrize("name", ["LIVEKIT_URL", "LIVEKIT_PUBLIC_URL"])
@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("ws://user:geheim-123@localhost:7880", "ws://localhost:7880"),
        ("wss://user@livekit.example.com/path?a=b@c", "wss://livekit.example.com/path?a=b@c"),
        ("http://:geheim@[::1]:7880/", "http://[::1]:7880/"),
        ("ws://localhost:7880", "ws://localhost:7880"),
    ],
)
def test_a_password_in_livekits_address_goes_nowhere(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str, kept: str
) -> None:
    monkeypatch.setenv(name, url)
    monkeypatch.setenv("LIVEKIT_API_SECRET", "a-secret-of-somebody-s-own-server")

    assert getattr(Settings(), name.lower()) == kept


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("LIVEKIT_URL", "ftp://user:geheim-123@example.com"),
        ("LIVEKIT_URL", "ws://user:geheim-123@exa mple.com"),
        ("LIVEKIT_PUBLIC_URL", "ws://user:geheim-123@example.com:port"),
        ("API_BASE_URL", "ws://user:geheim/123@example.com"),
    ],
)
def test_a_bad_address_is_repeated_without_its_password(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    message = problems(monkeypatch, {name: url})

    assert f"  {name}: " in message
    assert "geheim" not in message


def test_a_signal_to_nobody_is_refused_for_livekit_would_tell_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    message = problems(monkeypatch, {"ROOM_SIGNAL": "true"})
    assert "ROOM_SIGNAL_OBSERVERS: names nobody" in message
    monkeypatch.setenv("ROOM_SIGNAL_OBSERVERS", "moderator, deputy")
    assert Settings().observers == {"moderator", "deputy"}
    monkeypatch.setenv("ROOM_SIGNAL", "false")
    assert Settings().observers == frozenset()


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("api", "api"),
        ("s3://bucket", "s3://bucket"),
        ("s3://my-bucket.eu/some/prefix/", "s3://my-bucket.eu/some/prefix"),
    ],
)
def test_snapshots_may_be_sent_to_these(monkeypatch: pytest.MonkeyPatch, given: str, meant: str) -> None:
    monkeypatch.setenv("SNAPSHOT_STORE", given)
    found = Settings()
    assert (found.snapshot_store, found.snapshots_sent, found.agreed["SNAPSHOT_STORE"]) == (meant, True, "set")
    assert (Settings(snapshot_store=None).snapshots_sent, Settings(snapshot_store=None).s3_options) == (False, {})


@pytest.mark.parametrize(
    "store",
    ["folder", "s3://", "s3://B", "s3://bucket/pre fix", "s3://bucket/a?b", "https://bucket/x", "s3://bucket/\u00e4"],
)
def test_snapshots_may_be_sent_nowhere_else(monkeypatch: pytest.MonkeyPatch, store: str) -> None:
    assert "SNAPSHOT_STORE: must be api, or s3://BUCKET" in problems(monkeypatch, {"SNAPSHOT_STORE": store})


def test_the_key_of_a_store_has_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    message = problems(monkeypatch, {"S3_ACCESS_KEY": "a-key"})
    assert "S3_SECRET_KEY: belongs to S3_ACCESS_KEY: set both, or neither" in message
    assert "a-key" not in message
