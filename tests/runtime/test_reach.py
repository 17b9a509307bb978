"""What a link to an address is worth to somebody elsewhere."""

from __future__ import annotations

import pytest

from facematch.runtime.reach import obstacles


@pytest.mark.parametrize(
    ("address", "livekit", "said"),
    [
        ("https://faces.example.com", "wss://video.example.com", []),
        ("https://faces.example.com", "https://video.example.com", []),
        ("http://localhost:8000", "ws://localhost:7880", ["Set PUBLIC_URL"]),
        ("http://127.0.0.2:8000", "wss://video.example.com", ["Set PUBLIC_URL"]),
        ("https://[::1]:8443", "wss://video.example.com", ["Set PUBLIC_URL"]),
        ("http://192.0.2.7:8000", "ws://192.0.2.7:7880", ["none to a page without https"]),
        ("http://cam:8000", "ws://localhost:7880", ["none to a page without https", "LIVEKIT_PUBLIC_URL"]),
        ("https://faces.example.com", "ws://localhost:7880", ["this machine only"]),
        ("https://faces.example.com", "ws://video.example.com", ["wss:// only"]),
    ],
)
def test_what_is_said(address: str, livekit: str, said: list[str]) -> None:
    found = obstacles(address, livekit)
    assert len(found) == len(said), found
    for sentence, words in zip(found, said, strict=True):
        assert words in sentence
