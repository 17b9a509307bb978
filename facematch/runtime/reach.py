"""What keeps guests from joining at an address: said wherever a link to it is made."""

from __future__ import annotations

from urllib.parse import urlsplit

from facematch.runtime.addresses import is_loopback


def obstacles(address: str, livekit_url: str) -> list[str]:
    """Sentences that say what does not work for whoever opens an address, and what to set; empty: nothing is known.

    Browsers give a camera to pages from https and of their own machine only, and let a page from https connect by wss
    alone.

    Args:
        address: of the API, as guests open it: `https://faces.example.com`.
        livekit_url: of the LiveKit server, as a page is told it.
    """
    page, livekit = urlsplit(address), urlsplit(livekit_url)
    if is_loopback(page.hostname or ""):
        return ["Such a link works on this machine only. Set PUBLIC_URL to the https address that guests can reach."]
    found = []
    if page.scheme != "https":
        found.append(
            "Guests cannot use a camera there: browsers give none to a page without https. Put a proxy with a "
            "certificate before Face Match, and set PUBLIC_URL to its address."
        )
    if is_loopback(livekit.hostname or ""):
        found.append(
            "Guests do not get into the room: their browsers are told a video server that is on this machine only. Set "
            "LIVEKIT_PUBLIC_URL to an address of it that they reach."
        )
    elif page.scheme == "https" and livekit.scheme not in ("wss", "https"):
        found.append(
            "Guests do not get into the room: browsers let a page from https reach a video server by wss:// only. Set "
            "LIVEKIT_PUBLIC_URL to such an address."
        )
    return found
