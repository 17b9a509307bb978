"""Who answered, and what it means. The messages are those of the SDK, as it gave them."""

from __future__ import annotations

import pytest

from facematch.recognizer.room.answers import LONGEST_TOLD, Meaning, meaning, redact, told

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.abc-DEF_123"
CLIENT = "engine: signal failure: client error: "
TRANSPORT = "engine: signal failure: transport connection error: "


@pytest.mark.parametrize(
    ("message", "means"),
    [
        (CLIENT + f"401 Unauthorized - invalid token: {TOKEN}, error: token signature is invalid", Meaning.REFUSED),
        (CLIENT + "401 Unauthorized - invalid API key: other", Meaning.REFUSED),
        (CLIENT + "401 Unauthorized - permissions denied", Meaning.REFUSED),
        (CLIENT + "401 Unauthorized - invalid authorization token", Meaning.REFUSED),
        (CLIENT + f"401 Unauthorized - invalid token: {TOKEN}, error: token is expired (exp)", Meaning.WRONG_TIME),
        (CLIENT + "404 Not Found - requested room does not exist", Meaning.NO_ROOM),
        (CLIENT + "404 Not Found - <html>nope</html>", Meaning.SOMEBODY_ELSE),
        (CLIENT + "403 Forbidden - <html><body>Forbidden</body></html>", Meaning.SOMEBODY_ELSE),
        (CLIENT + "403 Forbidden - <html>invalid token: your session</html>", Meaning.SOMEBODY_ELSE),
        (CLIENT + '403 Forbidden - {"error":"invalid API key"}', Meaning.SOMEBODY_ELSE),
        (CLIENT + "403 Forbidden - ", Meaning.SOMEBODY_ELSE),
        (CLIENT + "401 Unauthorized - <html>\n401\n</html>", Meaning.SOMEBODY_ELSE),
        (CLIENT + "407 Proxy Authentication Required - <html>auth</html>", Meaning.SOMEBODY_ELSE),
        ("engine: signal failure: server error: 502 Bad Gateway - <html>bad</html>", Meaning.SOMEBODY_ELSE),
        ("engine: signal failure: handshake error: 200 OK", Meaning.SOMEBODY_ELSE),
        ("engine: signal failure: handshake error: 401 Unauthorized", Meaning.SOMEBODY_ELSE),
        ("engine: signal failure: handshake error: 403 Forbidden", Meaning.SOMEBODY_ELSE),
        (TRANSPORT + "Proxy connection failed: HTTP/1.1 403 Forbidden", Meaning.PROXY),
        (TRANSPORT + "Proxy connection failed: HTTP/1.1 401 Unauthorized", Meaning.PROXY),
        (TRANSPORT + "Connection refused (os error 111)", Meaning.UNREACHABLE),
        (TRANSPORT + "IO error: failed to lookup address information: Name or service not known", Meaning.UNREACHABLE),
        ("", Meaning.UNREACHABLE),
    ],
)
def test_only_livekits_own_words_refuse_a_key(message: str, means: Meaning) -> None:
    assert meaning(message) is means


def test_a_page_is_not_logged_whole() -> None:
    assert len(told(CLIENT + "403 Forbidden - " + "<p>no</p>" * 1000)) <= LONGEST_TOLD + 2
    assert TOKEN not in told(f"x {TOKEN} x")


@pytest.mark.parametrize(
    "text",
    [
        f"401 Unauthorized: ws://127.0.0.1:7880/rtc?access_token={TOKEN}&auto_subscribe=0",
        f"Authorization: Bearer {TOKEN}",
        f"({TOKEN})",
        f"twice {TOKEN} and {TOKEN}",
        "/rtc?access_token=not-even-a-jwt&x=1",
        'url: "ws://h/rtc?access_token=not-even-a-jwt"',
    ],
)
def test_no_token_is_left_in_a_text(text: str) -> None:
    redacted = redact(text)
    assert "[token]" in redacted
    for part in (*TOKEN.split("."), "not-even-a-jwt"):
        assert part not in redacted


def test_the_rest_of_a_text_is_kept() -> None:
    assert (
        redact(f"401: ws://h/rtc?access_token={TOKEN}&x=1 refused")
        == "401: ws://h/rtc?access_token=[token]&x=1 refused"
    )
    assert redact("no route to host") == "no route to host"
