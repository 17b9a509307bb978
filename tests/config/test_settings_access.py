"""The settings of access: keys that are complete, strong enough and never repeated; the demo secret at home only."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from facematch.config.process_settings import WebSettings
from facematch.config.settings import Settings, describe_problems, load_or_exit

ADMIN, VIEWER, RECOGNIZER = "admin-key-0123456789", "viewer-key-0123456789", "recognizer-key-0123456789"


def refusal(values: dict[str, Any], kind: type[Settings] = Settings) -> str:
    with pytest.raises(ValidationError) as refused:
        kind(**values)
    return describe_problems(refused.value)


@pytest.mark.parametrize("name", ["admin_key", "viewer_key", "recognizer_key"])
@pytest.mark.parametrize(
    "key", ["short", "x" * 257, "sixteen letters and spaces", "schlüssel-schlüssel", "line\nbreak" * 3]
)
def test_a_key_that_cannot_do_is_named_and_not_repeated(name: str, key: str) -> None:
    message = refusal({name: key})
    assert f"  {name.upper()}: must be 16 to 256 ASCII characters without spaces" in message
    assert key not in message
    assert "got" not in message


def test_keys_are_never_shown() -> None:
    settings = Settings(admin_key=ADMIN, viewer_key=VIEWER, recognizer_key=RECOGNIZER)
    for text in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert not [key for key in (ADMIN, VIEWER, RECOGNIZER) if key in text]


@pytest.mark.parametrize(
    ("keys", "variable"),
    [
        ({"admin_key": ADMIN, "viewer_key": ADMIN}, "ADMIN_KEY: must differ from VIEWER_KEY"),
        ({"admin_key": ADMIN, "recognizer_key": ADMIN}, "ADMIN_KEY: must differ from RECOGNIZER_KEY"),
        ({"viewer_key": VIEWER, "recognizer_key": VIEWER}, "VIEWER_KEY: must differ from RECOGNIZER_KEY"),
    ],
)
def test_two_roles_never_share_a_key(keys: dict[str, str], variable: str) -> None:
    assert variable in refusal(keys)


@pytest.mark.parametrize(
    ("keys", "variable"),
    [
        ({"admin_key": ADMIN}, "ADMIN_KEY: needs RECOGNIZER_KEY beside it"),
        ({"admin_key": ADMIN, "viewer_key": VIEWER}, "ADMIN_KEY: needs RECOGNIZER_KEY beside it"),
        ({"recognizer_key": RECOGNIZER}, "ADMIN_KEY: must be set when another key is"),
        ({"viewer_key": VIEWER}, "ADMIN_KEY: must be set when another key is"),
    ],
)
def test_the_web_process_needs_its_keys_complete_and_the_recognizer_only_its_own(
    keys: dict[str, str], variable: str
) -> None:
    assert variable in refusal(keys, WebSettings)
    assert Settings(**keys).keys_in_use  # type: ignore[arg-type]


def test_without_keys_nothing_is_missing() -> None:
    assert not WebSettings().keys_in_use


def test_a_process_with_some_of_the_keys_stops(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ADMIN_KEY", ADMIN)
    with pytest.raises(SystemExit) as stopped:
        load_or_exit(WebSettings)
    assert stopped.value.code == 2
    assert "RECOGNIZER_KEY" in capsys.readouterr().err
    assert load_or_exit().admin_key


@pytest.mark.parametrize(
    "url", ["ws://localhost:7880", "ws://127.0.0.1:7880", "ws://127.9.9.9", "http://[::1]:7880", "ws://me.localhost:1"]
)
def test_the_demo_secret_is_good_on_this_machine(url: str) -> None:
    assert Settings(livekit_url=url).livekit_api_secret == "demo-secret"


@pytest.mark.parametrize(
    "url",
    [
        "wss://livekit.example.com",
        "ws://192.0.2.7:7880",
        "ws://livekit:7880",
        "ws://localhost.example.com",
        "ws://127.0.0.1.example.com:7880",
        "ws://localhost@example.com:7880",
        "ws://[2001:db8::1]:7880",
        "ws://0.0.0.0:7880",
    ],
)
@pytest.mark.parametrize("variable", ["livekit_url", "livekit_public_url"])
def test_the_demo_secret_is_refused_elsewhere(url: str, variable: str) -> None:
    message = refusal({variable: url})
    assert (
        f"LIVEKIT_API_SECRET: is the demo secret that everybody knows, and {variable.upper()} is not on this" in message
    )
    assert "ALLOW_DEMO_CREDENTIALS" in message
    assert Settings(**{variable: url}, livekit_api_secret="one of its own")  # type: ignore[arg-type]
    assert Settings(**{variable: url}, allow_demo_credentials=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["https://cam.example", "cam.example:8000", "cam.example/x", "*", "a b", "-x", "ä.example"]
)
def test_allowed_hosts_are_names_alone(name: str) -> None:
    assert "ALLOWED_HOSTS" in refusal({"allowed_hosts": f"cam.example,{name}"})


def test_allowed_hosts_are_separated_by_commas() -> None:
    found = Settings(allowed_hosts="Cam.Example.com, intercom ,192.0.2.7,2001:db8::1")
    assert found.allowed_hosts == ("cam.example.com", "intercom", "192.0.2.7", "2001:db8::1")
