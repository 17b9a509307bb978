"""The SDK's own lines: attempts to get in are ours to tell, repetition is counted, everything else is told."""

from __future__ import annotations

import logging

import pytest

from facematch.runtime.sdk_lines import MOST_KINDS, REPEAT_SECONDS, SdkLines


def record(text: str, name: str = "livekit") -> logging.LogRecord:
    return logging.LogRecord(name, logging.WARNING, "x.py", 1, "%s", (text,), None)


class Heard:
    """A filter with a clock of its own."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.lines = SdkLines(lambda: self.now)

    def hears(self, text: str, name: str = "livekit") -> int | None:
        """How often it came when it is told, None when it is not."""
        said = record(text, name)
        return getattr(said, "times", 1) if self.lines(said) else None


@pytest.mark.parametrize(
    "text",
    [
        'livekit_signaling:583:livekit_signaling - signal connection failed on v1 path: Connection("IO error")',
        'livekit::rtc_engine:564:x - failed to connect: Signal(Connection("IO error")), retrying... (1/3)',
        "livekit::rtc_engine:559:x - authentication rejected during connect (signal failure: 403); not retrying",
        "livekit_signaling:601:x - v1 path not found (404), falling back to v0 path",
        "livekit_signaling:607:x - v0 fallback also failed: Handshake { status: 404 }",
        "livekit_ffi::room:355:x - error while connecting to a room: engine: signal failure: IO error",
        "livekit::rtc_engine:1041:x - resuming connection... attempt: 1",
        "livekit::rtc_engine:995:x - restarting connection... attempt: 7",
    ],
)
def test_its_attempts_to_get_in_are_ours_to_tell(text: str) -> None:
    heard = Heard()
    assert heard.hears(text) is None
    assert heard.hears(text, name="facematch.recognizer") == 1


def test_what_it_repeats_is_told_once_a_minute_with_a_count() -> None:
    heard = Heard()
    first = [heard.hears(f"restarting connection failed: attempt {attempt}") for attempt in range(5)]
    heard.now += REPEAT_SECONDS - 0.1
    early = heard.hears("restarting connection failed: attempt 77")
    heard.now += 0.1
    assert (first, early) == ([1, None, None, None, None], None)
    assert heard.hears("restarting connection failed: attempt 78") == 6
    heard.now += REPEAT_SECONDS
    assert heard.hears("restarting connection failed: attempt 79") == 1


def test_different_lines_are_told_each() -> None:
    heard = Heard()
    assert [heard.hears(text) for text in ("one thing", "another thing", "one thing")] == [1, 1, None]


def test_it_remembers_no_more_than_so_many() -> None:
    heard = Heard()
    for number in range(10 * MOST_KINDS):
        assert heard.hears("a" * number) == 1
    assert len(heard.lines._told) == MOST_KINDS
