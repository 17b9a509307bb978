"""Tracks that are not looked at, for a reason that is known before a frame has come, or with the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from livekit import rtc

from facematch.protocol.events import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_PIXELS = 4096 * 2304
"""Of a frame. One of 8K has three and a half times as many, and takes 1.1 GB on its way through the decoder."""

WORDS: Mapping[Outcome, str] = {
    Outcome.ENCRYPTED: "it is end-to-end encrypted",
    Outcome.DENIED: "LiveKit does not give it; most likely its publisher does not let the recognizer subscribe",
    Outcome.TOO_LARGE: f"its frames have more than {MOST_PIXELS / 1e6:.1f} million pixels and no smaller layer",
}
"""For the log."""


def refusal(publication: rtc.RemoteTrackPublication) -> Outcome | None:
    """Why a track is not even subscribed to; None when it is to be tried."""
    if publication.encryption_type != rtc.EncryptionType.NONE:
        return Outcome.ENCRYPTED
    if not publication.simulcasted and is_too_large(publication.width, publication.height):
        return Outcome.TOO_LARGE
    return None


def is_too_large(width: int, height: int) -> bool:
    """Whether a frame has more pixels than are taken. What a publication says of its size need not be true."""
    return width * height > MOST_PIXELS
