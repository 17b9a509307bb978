"""Places for listeners: nobody takes those of others."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import WebSocketDenialResponse

from facematch.server.access.caller import By, Caller
from facematch.server.access.roles import Role
from facematch.server.access.sessions import Kind, Session
from facematch.server.events import places as places_module
from facematch.server.events.places import KEPT, MOST, OF_KEY, OF_LOGIN, Holder, Places, holder_of
from tests.rig.keyed import HOST, ORIGIN, Keyed, with_keys

if TYPE_CHECKING:
    from facematch.config.settings import Settings
    from tests.rig.fake_examiner import FakeExaminer

NOW = datetime(2025, 9, 25, tzinfo=UTC)


def with_login(name: str, role: Role = Role.VIEWER) -> Holder:
    session = Session(name, Kind.LOGIN, role, None, NOW, NOW, NOW)
    return holder_of(Caller(frozenset({role}), By.LOGIN, None, session))


def with_key(role: Role) -> Holder:
    return holder_of(Caller(frozenset({role}), By.KEY))


def take(places: Places, holder: Holder, stack: ExitStack) -> int:
    """As many as can be had; returns how many."""
    count = 0
    while places.refusal(holder) is None:
        stack.enter_context(places.held(holder))
        count += 1
    return count


def test_one_login_has_some_and_others_have_theirs() -> None:
    with ExitStack() as stack:
        places = Places()
        assert take(places, with_login("a"), stack) == OF_LOGIN
        assert "with this login or key" in (places.refusal(with_login("a")) or "")
        assert take(places, with_login("b"), stack) == OF_LOGIN


def test_programs_with_one_key_leave_places_to_people() -> None:
    with ExitStack() as stack:
        places = Places()
        assert take(places, with_key(Role.VIEWER), stack) == OF_KEY
        assert take(places, with_login("a"), stack) == OF_LOGIN


def test_viewers_together_leave_places_to_admins() -> None:
    with ExitStack() as stack:
        places = Places()
        assert sum(take(places, with_login(str(n)), stack) for n in range(100)) == MOST - KEPT
        assert "As many listeners" in (places.refusal(with_key(Role.VIEWER)) or "")
        assert take(places, with_login("admin", Role.ADMIN), stack) == OF_LOGIN
        assert take(places, with_key(Role.ADMIN), stack) == KEPT - OF_LOGIN


def test_in_local_mode_all_are_this_users() -> None:
    with ExitStack() as stack:
        assert take(Places(), holder_of(Caller(frozenset(Role), By.LOCAL)), stack) == MOST


def test_whoever_leaves_makes_room() -> None:
    places, holder = Places(), with_login("a")
    for _ in range(3):
        with ExitStack() as stack:
            assert take(places, holder, stack) == OF_LOGIN
    assert not places._held


def test_a_viewer_who_opens_ever_more_listeners_is_refused_and_nobody_else_is(
    settings: Settings, examiner: FakeExaminer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places_module, "OF_LOGIN", 3)
    headers = {"host": HOST, "origin": ORIGIN}
    with Keyed(with_keys(settings), examiner) as keyed, ExitStack() as stack:
        viewer, other = keyed.signed_in("viewer"), keyed.signed_in("viewer")
        for _ in range(3):
            stack.enter_context(viewer.websocket_connect(f"wss://{HOST}/ws/matches", headers=headers))
        with (
            pytest.raises(WebSocketDenialResponse) as refused,
            viewer.websocket_connect(f"wss://{HOST}/ws/matches", headers=headers),
        ):
            pass
        assert (refused.value.status_code, refused.value.json()["code"]) == (503, "BUSY")
        stack.enter_context(other.websocket_connect(f"wss://{HOST}/ws/matches", headers=headers))
