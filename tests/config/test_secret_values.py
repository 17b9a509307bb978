"""Settings that are secrets: which are taken, what becomes of them, and that none is shown."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from facematch.config.settings import Settings, describe_problems
from facematch.protocol.events import EVENT_TYPES

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def settings(**values: Any) -> Settings:
    return Settings(**values)


def refusal(**values: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        settings(**values)
    return describe_problems(refused.value)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("postgresql://me:pw@db.example:5433/events", "postgresql+asyncpg://me:pw@db.example:5433/events"),
        ("postgres://db.example/events", "postgresql+asyncpg://db.example/events"),
        (" postgresql+asyncpg://[::1]/events ", "postgresql+asyncpg://[::1]/events"),
        ("postgresql://db/events?sslmode=require", "postgresql+asyncpg://db/events?ssl=require"),
        ("postgresql://me:p%40ss%2Fw@db/events", "postgresql+asyncpg://me:p%40ss%2Fw@db/events"),
    ],
)
def test_a_database_url_is_taken_as_its_own_programs_take_it(given: str, taken: str) -> None:
    found = settings(database_url=given).database_url
    assert found is not None
    assert found.get_secret_value() == taken
    sa.make_url(taken)


@pytest.mark.parametrize("url", ["mysql://db/x", "postgresql://db", "events.db", "sqlite:///x", "postgresql://[::1/x"])
def test_what_is_no_database_url(url: str) -> None:
    assert "DATABASE_URL: " in refusal(database_url=url)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "https://example.org/a?token=b",
        "https://10.0.0.7:8443/",
        "http://127.0.0.1:9000/hook",
        "http://localhost/hook",
        "http://[::1]:9000/",
    ],
)
def test_a_webhook_url(url: str) -> None:
    found = settings(webhook_url=url, webhook_secret=SECRET).webhook_url
    assert found is not None
    assert found.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "http://10.0.0.7/",
        "http://localhost.example.org/",
        "http://127.0.0.1@example.org/",
        "https://me:pw@example.org/",
        "ftp://example.org/",
        "https://",
        "https://exa mple.org/",
        "https://example.org:port/",
        "https://example.org/\u2028x",
        "//example.org",
        "example.org",
    ],
)
def test_an_address_that_events_are_not_sent_to(url: str) -> None:
    assert "WEBHOOK_URL: " in refusal(webhook_url=url, webhook_secret=SECRET)


@pytest.mark.parametrize("length", [24, 25, 26, 32, 64])
@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("prefix", ["whsec_", ""])
def test_a_webhook_secret(length: int, padded: bool, prefix: str) -> None:
    encoded = base64.b64encode(bytes(length)).decode()
    settings(webhook_secret=prefix + (encoded if padded else encoded.rstrip("=")))


@pytest.mark.parametrize(
    "secret", ["hunter2", "whsec_", "whsec_" + "A" * 28, "whsec_" + "A" * 120, "whsec_ä" * 9, "!" * 40]
)
def test_what_is_no_webhook_secret(secret: str) -> None:
    assert "WEBHOOK_SECRET: " in refusal(webhook_secret=secret)


def test_a_webhook_is_signed() -> None:
    assert "WEBHOOK_URL: needs WEBHOOK_SECRET" in refusal(webhook_url="https://example.org")


@pytest.mark.parametrize("types", ["match", "check", "match,check", " check , match "])
def test_the_webhook_s_types(types: str) -> None:
    assert set(settings(webhook_types=types).webhook_types) <= {*EVENT_TYPES}


@pytest.mark.parametrize("types", ["matches", "match;check", ","])
def test_types_that_there_are_not(types: str) -> None:
    assert "WEBHOOK_TYPES: " in refusal(webhook_types=types)


def test_none_of_them_is_shown() -> None:
    hidden = ["hunter2", "of-the-receiver", SECRET[6:]]
    found = settings(
        database_url="postgresql://me:hunter2@db/x",
        webhook_url="https://example.org/?token=of-the-receiver",
        webhook_secret=SECRET,
    )
    told = repr(found) + str(found)
    told += refusal(database_url="mysql://me:hunter2@db/x")
    told += refusal(webhook_url="http://example.org/?token=of-the-receiver", webhook_secret=SECRET)
    told += refusal(webhook_secret=SECRET + "!")
    assert not [word for word in hidden if word in told]
