"""Subscribing, pausing and resuming one remote track.

A subscribed track costs a tenth of a core whether or not anybody reads it, because its packets arrive and are
decoded. LiveKit can keep the subscription and stop forwarding ("disabled" track settings). The SDK's public API has
no call for it, but its request protocol does; where a future SDK drops those requests, HOLD falls back to the lowest
layer, which costs more and changes nothing else.

Its one request for the purpose (`enable_remote_track_publication`) ends the whole process when the track goes at the
same moment: its native part looks whether there is a track, waits, and then takes it for granted. So the two steps
of it are asked for one by one, neither of which minds: the track is switched off, and the server is told the track's
settings, which include that.
"""

from __future__ import annotations

import structlog
from livekit import rtc
from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto import ffi_pb2

from facematch.recognizer.room.frames import wanted_quality

log = structlog.get_logger(__name__)

SUPPORTED = {"enable_remote_track", "update_remote_track_publication_dimension"} <= set(
    ffi_pb2.FfiRequest.DESCRIPTOR.fields_by_name
)
"""Whether this SDK can stop forwarding."""


def subscribe(publication: rtc.RemoteTrackPublication, processed_width: int) -> None:
    """Ask for the track, at the layer that a batch needs. `track_subscribed` follows."""
    _ask_for_layer(publication, processed_width)  # honoured before the subscription, and forgotten with it
    publication.set_subscribed(True)


def unsubscribe(publication: rtc.RemoteTrackPublication) -> None:
    """Give the track back. Confirmed within some 30 ms by `track_unsubscribed`."""
    publication.set_subscribed(False)


def pause(publication: rtc.RemoteTrackPublication) -> None:
    """Stay subscribed, but have the server send nothing. Close the frame stream first: it would deliver black."""
    if SUPPORTED:
        _set_enabled(publication, enabled=False)
        _tell_settings(publication)
    elif publication.simulcasted:
        publication.set_video_quality(rtc.VideoQuality.VIDEO_QUALITY_LOW)


def resume(publication: rtc.RemoteTrackPublication, processed_width: int) -> None:
    """Have the server send again. Open the frame stream after it.

    To ask for a layer says that as well. The settings alone would bring the highest layer back, and to send both is a
    race: the SDK sends each request when it comes to it.
    """
    if SUPPORTED:
        _set_enabled(publication, enabled=True)
    if publication.simulcasted:
        _ask_for_layer(publication, processed_width)
    elif SUPPORTED:
        _tell_settings(publication)


def _ask_for_layer(publication: rtc.RemoteTrackPublication, processed_width: int) -> None:
    if publication.simulcasted:
        publication.set_video_quality(wanted_quality(publication.width, publication.height, processed_width))


def _set_enabled(publication: rtc.RemoteTrackPublication, *, enabled: bool) -> None:
    track = publication.track
    if track is None:
        return  # it has gone this moment
    switch = ffi_pb2.FfiRequest()
    switch.enable_remote_track.track_handle = track._ffi_handle.handle  # noqa: SLF001
    switch.enable_remote_track.enabled = enabled
    FfiClient.instance.request(switch)


def _tell_settings(publication: rtc.RemoteTrackPublication) -> None:
    """Which include whether the track is switched on."""
    if publication.track is None:
        return  # it would be told as switched off
    tell = ffi_pb2.FfiRequest()
    settings = tell.update_remote_track_publication_dimension
    settings.track_publication_handle = publication._ffi_handle.handle  # noqa: SLF001
    settings.width, settings.height = publication.width, publication.height
    FfiClient.instance.request(tell)
