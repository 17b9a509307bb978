from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from livekit import rtc

from facematch.protocol.events import Outcome
from facematch.recognizer.room.cycle import SHOWS_NOTHING
from facematch.recognizer.room.refusal import WORDS, is_too_large, refusal


def publication(**known: object) -> rtc.RemoteTrackPublication:
    plain = {"encryption_type": rtc.EncryptionType.NONE, "simulcasted": False, "width": 1280, "height": 720}
    return cast("rtc.RemoteTrackPublication", SimpleNamespace(**plain | known))


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({}, None),
        ({"width": 0, "height": 0}, None),
        ({"width": 3840, "height": 2160}, None),
        ({"width": 4096, "height": 2304}, None),
        ({"width": 2160, "height": 3840}, None),
        ({"width": 7680, "height": 4320}, Outcome.TOO_LARGE),
        ({"width": 7680, "height": 4320, "simulcasted": True}, None),
        ({"encryption_type": rtc.EncryptionType.GCM}, Outcome.ENCRYPTED),
        ({"encryption_type": rtc.EncryptionType.CUSTOM}, Outcome.ENCRYPTED),
        ({"encryption_type": 77}, Outcome.ENCRYPTED),
    ],
)
def test_what_is_not_even_subscribed_to(known: dict[str, object], why: Outcome | None) -> None:
    assert refusal(publication(**known)) is why


def test_what_a_frame_is_counts_and_not_what_was_said_of_it() -> None:
    assert is_too_large(4320, 7680)
    assert not is_too_large(2160, 3840)


def test_every_reason_that_is_known_has_words_for_the_log() -> None:
    assert set(WORDS) == SHOWS_NOTHING - {Outcome.NO_FRAMES}
