"""Log lines: one per record, whatever a client calls itself, in both forms."""

from __future__ import annotations

import io
import json
import logging
import sys
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from facematch.config.secret_values import secrets_of
from facematch.config.settings import Settings
from facematch.runtime.logs import configure_logging

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FORGED = "Mallory\n12:00:00.000 ERROR    Everything is broken"
LINE_ENDS = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"]
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.abc-DEF_123"
HARMLESS = "native video stream queue overflow; dropped 3 queued frames"
AT_THE_END = "drop unknown FFI handle 57"

Lines = list[str]


@pytest.fixture
def logged() -> Iterator[Callable[..., Lines]]:
    """Configures for real, sends the lines to a stream of its own, and puts everything back. Returns the lines."""
    stream = io.StringIO()
    root, livekit = logging.getLogger(), logging.getLogger("livekit")
    before = root.handlers[:], root.level, livekit.level

    def lines(form: str | None = None, level: str = "INFO", secrets: tuple[str, ...] = ()) -> Lines:
        if form:
            configure_logging(level, form, secrets)
            (handler,) = root.handlers
            assert isinstance(handler, logging.StreamHandler)
            assert handler.stream is sys.stderr
            handler.setStream(stream)
        return stream.getvalue().splitlines()

    yield lines
    structlog.reset_defaults()
    root.handlers[:], livekit.level = before[0], before[2]
    root.setLevel(before[1])
    logging.getLogger("facematch").setLevel(logging.NOTSET)


def ours() -> Any:
    return structlog.get_logger("facematch.test")


def sdk() -> logging.Logger:
    return logging.getLogger("livekit")


def test_a_readable_line(logged: Callable[..., Lines]) -> None:
    logged("text")
    ours().info("Watching track", track="TR_1", seconds=1.5, name="Ada Lovelace")
    (line,) = logged()
    assert line[12:] == ' INFO     Watching track track=TR_1 seconds=1.5 name="Ada Lovelace"'


def test_one_object_per_line(logged: Callable[..., Lines]) -> None:
    logged("json")
    ours().warning("Batch delayed", seconds=1.5, identity="Zoë")
    record = json.loads(*logged())
    assert record.pop("timestamp").endswith("Z")
    assert record == {
        "event": "Batch delayed",
        "level": "warning",
        "logger": "facematch.test",
        "seconds": 1.5,
        "identity": "Zoë",
    }


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("end", LINE_ENDS)
def test_an_identity_cannot_forge_a_line(logged: Callable[..., Lines], form: str, end: str) -> None:
    logged(form)
    ours().info("Watching track", identity=FORGED.replace("\n", end))
    assert len(logged()) == 1


@pytest.mark.parametrize("end", LINE_ENDS)
def test_what_a_library_repeats_of_a_client_cannot_forge_a_line(logged: Callable[..., Lines], end: str) -> None:
    logged("text")
    sdk().error("participant %s is odd", FORGED.replace("\n", end))
    assert not any(line.startswith("12:00") for line in logged())


def test_what_an_error_says_of_a_client_cannot_forge_a_line(logged: Callable[..., Lines]) -> None:
    logged("text")

    def fail() -> None:
        raise ValueError(FORGED)

    try:
        fail()
    except ValueError:
        ours().exception("Frame could not be processed")
    lines = logged()
    assert "Traceback (most recent call last):" in "\n".join(lines)
    assert not any(line.startswith("12:00") for line in lines)


def test_a_terminal_is_not_steered(logged: Callable[..., Lines]) -> None:
    logged("text")
    ours().info("Watching track", identity="\x1b[2J\x9b2Jcleared")
    sdk().error("\x1b[2J\x9b2Jcleared")
    text = "\n".join(logged())
    assert "cleared" in text
    assert "\x1b" not in text
    assert "\x9b" not in text


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_lone_surrogate_can_be_written(logged: Callable[..., Lines], form: str) -> None:
    logged(form)
    ours().info("Watching track", identity="\ud800")
    logged()[0].encode("utf-8")


@pytest.mark.parametrize("form", ["text", "json"])
def test_json_in_an_identity_stays_in_its_field(logged: Callable[..., Lines], form: str) -> None:
    logged(form)
    ours().info("Watching track", identity='x" level="error')
    (line,) = logged()
    if form == "json":
        assert json.loads(line)["level"] == "info"
    else:
        assert line.endswith(r'identity="x\" level=\"error"')


@pytest.mark.parametrize("words", [HARMLESS, AT_THE_END])
@pytest.mark.parametrize("form", ["text", "json"])
def test_the_harmless_native_line_is_left_out(logged: Callable[..., Lines], form: str, words: str) -> None:
    logged(form)
    sdk().warning("%s:%s:%s - %s", "livekit_ffi", 12, "x.rs", words)
    sdk().warning("another line")
    assert len(logged()) == 1


def test_nobody_can_hide_behind_the_harmless_line(logged: Callable[..., Lines]) -> None:
    logged("text")
    ours().info("Watching track", identity=HARMLESS)
    assert len(logged()) == 1


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_token_reaches_a_line(logged: Callable[..., Lines], form: str) -> None:
    logged(form)
    sdk().error("401 for ws://h/rtc?access_token=%s", TOKEN)
    ours().error("LiveKit cannot be reached", reason=f"401 {TOKEN}")
    text = "\n".join(logged())
    assert text.count("[token]") == 2
    assert "abc-DEF_123" not in text


@pytest.mark.parametrize("form", ["text", "json"])
def test_all_libraries_speak_in_one_form(logged: Callable[..., Lines], form: str) -> None:
    logged(form)
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)
    logging.getLogger("aiohttp").warning("odd")
    lines = logged()
    assert len(lines) == 2
    if form == "json":
        assert [json.loads(line)["event"] for line in lines] == ["Started server process [7]", "odd"]
    else:
        assert lines[0].endswith("INFO     Started server process [7]")


def test_the_level_is_a_threshold(logged: Callable[..., Lines]) -> None:
    logged("text", "WARNING")
    ours().info("no")
    ours().warning("yes")
    logging.getLogger("other").info("no")
    assert len(logged()) == 1


def test_the_sdk_says_warnings_only_unless_less_is_wanted(logged: Callable[..., Lines]) -> None:
    logged("text", "DEBUG")
    sdk().info("no")
    sdk().warning("yes")
    logged("text", "ERROR")
    sdk().warning("no")
    assert [line.split()[-1] for line in logged()] == ["yes"]


def test_only_we_speak_at_debug(logged: Callable[..., Lines]) -> None:
    """Libraries say headers, statements with their values and pictures' metadata there."""
    logged("text", "DEBUG")
    for name in ("uvicorn.error", "websockets.server", "aiosqlite", "PIL.TiffImagePlugin", "aiohttp.client", "other"):
        logging.getLogger(name).debug("no")
    ours().debug("yes")
    assert [line.split()[-1] for line in logged()] == ["yes"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_gets_through(logged: Callable[..., Lines], form: str) -> None:
    secrets = ("plain-secret-0123", 'odd"secret\\0123', "plain-secret-0123-and-longer")
    logged(form, "INFO", secrets)
    for secret in secrets:
        ours().info("ours", key=secret)
        ours().info(f"in a message {secret}")
        logging.getLogger("library").warning("header %s", secret)
    try:
        int(secrets[1])
    except ValueError:
        ours().exception("failed", url=f"https://x/?key={secrets[0]}&more")
    text = "\n".join(logged())
    assert text.count("[secret]") == 11
    for secret in secrets:
        assert secret not in text
        assert json.dumps(secret)[1:-1] not in text
    assert "and-longer" not in text


def test_secrets_of_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:the-password@db.example/events")
    monkeypatch.setenv("ADMIN_KEY", "admin-key-0123456789")
    monkeypatch.setenv("LIVEKIT_API_SECRET", "secret-of-livekit")
    found = secrets_of(Settings())
    assert {"admin-key-0123456789", "secret-of-livekit", "the-password"} <= found
    monkeypatch.undo()
    assert secrets_of(Settings()) == frozenset()


def test_a_percent_sign_is_only_a_percent_sign(logged: Callable[..., Lines]) -> None:
    logged("text")
    ours().warning("Memory usage 93.0% >= exit ratio 92.0%; stopping", name="100 %s")
    assert logged()[0].endswith('Memory usage 93.0% >= exit ratio 92.0%; stopping name="100 %s"')


def test_configuring_twice_writes_once(logged: Callable[..., Lines]) -> None:
    logged("text")
    logged("text")
    ours().info("once")
    assert len(logged()) == 1
