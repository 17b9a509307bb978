from __future__ import annotations

import math
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from facematch.config.settings import ROOT
from facematch.recognizer.delivery import outbox_store
from facematch.recognizer.delivery.outbox_store import OutboxStore, StoreInUseError, open_outbox
from tests.rig.outboxes import of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def check(name: str, identity: str = "alice") -> dict[str, Any]:
    return {"type": "check", "participant_name": name, "participant_identity": identity}


def match(name: str, identity: str = "alice", snapshot: str | None = None) -> dict[str, Any]:
    return {"type": "match", "participant_name": name, "participant_identity": identity, "snapshot": snapshot}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "outbox.db"


@pytest.fixture
def store(path: Path) -> Iterator[OutboxStore]:
    store = OutboxStore(path)
    yield store
    store.close()


def names(store: OutboxStore, after: int = 0) -> list[str]:
    return [event.body["participant_name"] for event in store.head(after, 1000)]


def test_events_come_back_in_order_and_as_they_were(store: OutboxStore) -> None:
    bodies = [check("a"), match("Zoë \u2028 \ud800"), check("c")]
    store.add(bodies[:1])
    store.add(bodies[1:])
    head = store.head(0, 10)
    assert [event.body for event in head] == bodies
    assert [event.type for event in head] == ["check", "match", "check"]
    assert [event.position for event in head] == sorted(event.position for event in head)
    assert store.oldest() == head[0].queued_at


def test_a_head_is_bounded_and_begins_behind_a_position(store: OutboxStore) -> None:
    store.add([check(name) for name in "abcd"])
    first, second = store.head(0, 2)
    assert names(store, after=second.position) == ["c", "d"]
    assert (store.count(), store.count(first.position)) == (4, 3)


def test_what_is_settled_is_forgotten(store: OutboxStore) -> None:
    store.add([check(name) for name in "abc"])
    store.settle(store.head(0, 2)[-1].position)
    assert names(store) == ["c"]
    store.settle(store.head(0, 1)[-1].position)
    assert (names(store), store.count(), store.oldest()) == ([], 0, None)


def test_positions_are_never_given_twice(store: OutboxStore) -> None:
    store.add([check("a")])
    (first,) = store.head(0, 1)
    store.settle(first.position)
    store.add([check("b")])
    assert store.head(0, 1)[0].position > first.position


def test_all_events_of_one_call_are_added_or_none(store: OutboxStore) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        store.add([check("a"), check("b") | {"best_distance": math.nan}])
    assert store.count() == 0
    store.add([check("c")])
    assert names(store) == ["c"]


@pytest.mark.parametrize(("size", "kept"), [(9, "mcmcm"), (5, "mcmcm"), (4, "mmcm"), (3, "mmm"), (2, "mm"), (0, "")])
def test_a_trim_takes_the_oldest_checks_and_then_the_oldest_matches(store: OutboxStore, size: int, kept: str) -> None:
    bodies = [match("0"), check("1"), match("2"), check("3"), match("4")]
    store.add(bodies)
    assert store.trim(size) == max(0, len(bodies) - size)
    assert "".join(event.type[0] for event in store.head(0, 10)) == kept
    assert names(store) == sorted(names(store))


def test_of_equals_the_oldest_go(store: OutboxStore) -> None:
    store.add([match(name) for name in "abc"])
    store.trim(2)
    assert names(store) == ["b", "c"]


def test_a_refused_event_moves_to_the_pile(store: OutboxStore) -> None:
    store.add([check("a"), check("b")])
    refused, _ = store.head(0, 2)
    store.reject(refused, 422)
    assert names(store) == ["b"]
    assert pile(store) == [(refused.position, 422)]


def test_the_pile_is_bounded_and_keeps_the_newest(store: OutboxStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_store, "REJECTED_KEPT", 3)
    store.add([check(str(number)) for number in range(6)])
    events = store.head(0, 6)
    for event in events:
        store.reject(event, 422)
    assert [position for position, _ in pile(store)] == [event.position for event in events[3:]]


def test_the_pile_keeps_as_many_however_far_apart_they_were_refused(
    store: OutboxStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_store, "REJECTED_KEPT", 2)
    store.add([check(str(number)) for number in range(9)])
    first, *_, last = store.head(0, 9)
    store.reject(first, 422)
    store.reject(last, 413)
    assert pile(store) == [(first.position, 422), (last.position, 413)]


def test_what_was_erased_while_it_was_being_refused_does_not_come_back(store: OutboxStore) -> None:
    store.add([check("a")])
    (refused,) = store.head(0, 1)
    store.erase(of("alice"))
    store.reject(refused, 422)
    assert (names(store), pile(store)) == ([], [])


def pile(store: OutboxStore) -> list[tuple[int, int]]:
    return [tuple(row) for row in store._db.execute("SELECT position, status FROM rejected ORDER BY position")]


def test_nothing_of_an_erased_participant_is_left_in_the_files(store: OutboxStore, path: Path) -> None:
    store.add([match(f"Zacharias {n}", "Zacharias") for n in range(100)] + [check("Bob", "Bob")])
    [*_, last] = store.head(0, 60)
    store.settle(last.position)  # delivered, and yet in the file
    assert store.erase(of("Zacharias"))[0] == 40
    assert names(store) == ["Bob"]
    for file in path.parent.iterdir():
        assert b"Zacharias" not in file.read_bytes(), file.name


def test_a_participant_is_erased_wherever_it_is(store: OutboxStore) -> None:
    store.add([check("a"), match("b"), check("c", "bob"), check("d", "ALICE")])
    store.reject(store.head(0, 1)[0], 422)
    assert store.erase(of("alice"))[0] == 2
    assert (names(store), pile(store)) == (["c", "d"], [])
    assert store.erase(of("alice"))[0] == 0


def test_the_snapshots_that_waiting_matches_speak_of(store: OutboxStore) -> None:
    store.add([match("a", snapshot="x.jpg"), match("b", snapshot="x.jpg"), match("c"), check("d")])
    assert store.snapshots() == {"x.jpg"}


def test_what_was_added_is_there_after_a_crash(path: Path) -> None:
    """The process ends in the middle of everything, without closing anything."""
    program = (
        "import os, pathlib, sys\n"
        "from facematch.recognizer.delivery.outbox_store import OutboxStore\n"
        "store = OutboxStore(pathlib.Path(sys.argv[1]))\n"
        "store.add([{'type': 'check', 'participant_name': 'a', 'participant_identity': 'alice'}])\n"
        "store._db.execute('BEGIN IMMEDIATE')\n"
        "store._db.execute('DELETE FROM outbox')\n"
        "os._exit(9)\n"
    )
    crashed = subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT, timeout=60, check=False)
    assert crashed.returncode == 9
    store = OutboxStore(path)
    assert names(store) == ["a"]
    store.close()


def test_it_asks_the_disk_each_time(store: OutboxStore) -> None:
    assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_second_owner_is_refused_and_the_next_one_is_not(path: Path) -> None:
    store = OutboxStore(path)
    with pytest.raises(StoreInUseError, match="outbox"):
        OutboxStore(path, patience=0.0)
    store.close()
    OutboxStore(path, patience=0.0).close()


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        OutboxStore(path)
    assert path.read_bytes().startswith(b"not a database")
    path.unlink()
    OutboxStore(path).close()  # the lock was let go


def test_a_folder_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        OutboxStore(tmp_path / "file" / "outbox.db")


def test_a_well_outbox_stays(path: Path, store: OutboxStore) -> None:
    store.add([check("kept")])
    store.close()
    again = open_outbox(path)
    try:
        assert names(again) == ["kept"]
    finally:
        again.close()
