"""What is asked of the SDK, in which order. That bytes stop and come back is proven on the real server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from livekit import rtc

from facematch.recognizer.room import forwarding

if TYPE_CHECKING:
    from collections.abc import Callable

LOW, MEDIUM = rtc.VideoQuality.VIDEO_QUALITY_LOW, rtc.VideoQuality.VIDEO_QUALITY_MEDIUM


class Publication:
    """Writes down what it is asked for."""

    def __init__(self, *, simulcasted: bool = True) -> None:
        self.simulcasted = simulcasted
        self.width, self.height = 1280, 720
        self.track: object | None = object()
        self.asked: list[tuple[str, Any]] = []

    def set_subscribed(self, subscribed: bool) -> None:
        self.asked.append(("subscribed", subscribed))

    def set_video_quality(self, quality: int) -> None:
        assert self.simulcasted, "the SDK raises here"
        self.asked.append(("quality", quality))


@pytest.fixture
def enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the requests that the SDK's public API has no call for."""

    def write_down(publication: Publication, *, enabled: bool) -> None:
        publication.asked.append(("enabled", enabled))

    monkeypatch.setattr(forwarding, "_set_enabled", write_down)
    monkeypatch.setattr(forwarding, "_tell_settings", lambda publication: publication.asked.append(("settings", None)))


def asked(action: Callable[..., None], *arguments: object, simulcasted: bool = True) -> list[tuple[str, Any]]:
    publication = Publication(simulcasted=simulcasted)
    action(cast("rtc.RemoteTrackPublication", publication), *arguments)
    return publication.asked


def test_the_layer_is_asked_for_before_the_subscription() -> None:
    assert asked(forwarding.subscribe, 640) == [("quality", MEDIUM), ("subscribed", True)]


def test_a_track_without_layers_is_not_asked_for_one() -> None:
    assert asked(forwarding.subscribe, 640, simulcasted=False) == [("subscribed", True)]


def test_giving_back_is_one_request() -> None:
    assert asked(forwarding.unsubscribe) == [("subscribed", False)]


def test_this_sdk_can_stop_forwarding() -> None:
    assert forwarding.SUPPORTED


@pytest.mark.usefixtures("enabled")
def test_a_pause_stops_forwarding() -> None:
    assert asked(forwarding.pause) == [("enabled", False), ("settings", None)]


def test_a_track_that_has_gone_is_not_paused() -> None:
    publication = Publication(simulcasted=False)
    publication.track = None
    forwarding.pause(cast("rtc.RemoteTrackPublication", publication))
    forwarding.resume(cast("rtc.RemoteTrackPublication", publication), 640)
    assert publication.asked == []


@pytest.mark.usefixtures("enabled")
@pytest.mark.parametrize(
    ("simulcasted", "told"), [(True, ("quality", MEDIUM)), (False, ("settings", None))], ids=["layers", "one layer"]
)
def test_after_a_pause_one_message_says_all(simulcasted: bool, told: tuple[str, Any]) -> None:
    """Of two, the server would keep whichever comes last."""
    assert asked(forwarding.resume, 640, simulcasted=simulcasted) == [("enabled", True), told]


@pytest.mark.usefixtures("enabled")
@pytest.mark.parametrize(
    ("simulcasted", "paused", "resumed"), [(True, [("quality", LOW)], [("quality", MEDIUM)]), (False, [], [])]
)
def test_where_the_sdk_cannot_stop_forwarding_a_pause_is_the_lowest_layer(
    monkeypatch: pytest.MonkeyPatch,
    simulcasted: bool,
    paused: list[tuple[str, Any]],
    resumed: list[tuple[str, Any]],
) -> None:
    monkeypatch.setattr(forwarding, "SUPPORTED", False)
    assert asked(forwarding.pause, simulcasted=simulcasted) == paused
    assert asked(forwarding.resume, 640, simulcasted=simulcasted) == resumed
