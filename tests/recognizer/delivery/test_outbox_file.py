"""A damaged outbox is put aside, whatever the damage; what can be read of it goes on."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from facematch.recognizer.delivery import outbox_file
from facematch.recognizer.delivery.outbox_store import OutboxStore, StoreInUseError, open_outbox

if TYPE_CHECKING:
    from pathlib import Path

PAGE = 4096


def match(number: int) -> dict[str, Any]:
    return {"type": "match", "participant_name": f"{number:04}", "snapshot": f"{number}.jpg", "padding": "x" * 300}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


def written(path: Path, *statements: str, count: int = 200) -> None:
    """An outbox with so many events, and what somebody does to it."""
    store = OutboxStore(path)
    store.add([match(number) for number in range(count)])
    store.reject(store.head(0, 1)[0], 422)
    for statement in statements:
        store._db.execute(statement)
    store.close()


def overwritten(path: Path, at: int, size: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xff" * size)


def reopened(path: Path) -> list[int]:
    """The numbers of the events that are there after a start."""
    store = open_outbox(path)
    try:
        events = store.head(0, 10_000)
        assert store.count() == len(events)
        assert (store.oldest() is None) == (not events)
        assert store.snapshots() == {event.body["snapshot"] for event in events}
        store.add([match(9999)])
        assert store.count() == len(events) + 1
        return [int(event.body["participant_name"]) for event in events]
    finally:
        store.close()


def aside(path: Path) -> list[Path]:
    return list(path.parent.glob("outbox.damaged-*"))


def test_of_a_file_with_a_bad_page_the_events_on_either_side_of_it_go_on(path: Path) -> None:
    written(path)
    overwritten(path, path.stat().st_size // 2 // PAGE * PAGE, PAGE)
    with capture_logs() as lines:
        numbers = reopened(path)
    assert numbers == sorted(numbers)
    assert (numbers[0], numbers[-1]) == (1, 199)
    assert 199 - 2 * PAGE // 300 < len(numbers) < 199
    (kept,) = aside(path)
    (line,) = lines
    assert (line["event"], line["kept"]) == ("Outbox damaged: put aside, and a new one begun", str(kept))
    assert line["saved_events"] == len(numbers)


@pytest.mark.parametrize("part", [0, PAGE], ids=["the first page", "all but the first page"])
def test_of_a_file_of_which_nothing_can_be_read_nothing_goes_on(path: Path, part: int) -> None:
    written(path)
    overwritten(path, part, path.stat().st_size - part if part else PAGE)
    assert reopened(path) == []
    assert len(aside(path)) == 1


def test_what_is_no_database_is_put_aside_as_it_is(path: Path) -> None:
    path.write_bytes(b"no database at all, " * 500)
    assert reopened(path) == []
    (kept,) = aside(path)
    assert kept.read_bytes().startswith(b"no database")


@pytest.mark.parametrize(
    "damage",
    [
        "body = substr(body, 2)",
        "body = '[]'",
        "body = '{}'",
        "body = CAST(x'7b22ff' AS TEXT)",
        "body = x'ff'",
        "queued_at = 'then'",
    ],
)
def test_of_rows_that_hold_something_else_the_others_go_on(path: Path, damage: str) -> None:
    written(path, f"UPDATE outbox SET {damage} WHERE position IN (5, 50, 200)")  # noqa: S608
    numbers = reopened(path)
    assert numbers == [number for number in range(1, 199) if number not in (4, 49)]
    assert len(aside(path)) == 1


def test_damage_to_the_refused_pile_costs_no_event(path: Path) -> None:
    written(path, "UPDATE rejected SET body = 'x'")
    assert reopened(path) == list(range(1, 200))
    assert len(aside(path)) == 1


def test_tables_that_are_not_ours_are_damage(path: Path) -> None:
    written(path, "ALTER TABLE outbox RENAME COLUMN body TO bodx")
    assert reopened(path) == []
    assert len(aside(path)) == 1


def test_after_it_was_put_aside_it_is_well(path: Path) -> None:
    written(path)
    overwritten(path, PAGE, PAGE)
    reopened(path)
    reopened(path)
    assert len(aside(path)) == 1


def test_what_cannot_be_opened_for_another_reason_is_left_alone(path: Path) -> None:
    path.mkdir()
    with pytest.raises(sqlite3.OperationalError):
        open_outbox(path)
    assert path.is_dir()
    assert aside(path) == []
    path.rmdir()
    open_outbox(path).close()  # the lock was let go


def test_where_a_new_one_cannot_be_written_the_damaged_one_stays_for_the_next_start(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(path, "UPDATE outbox SET body = 'x' WHERE position = 5")
    connect = outbox_file.connect

    def full(wanted: Path) -> sqlite3.Connection:
        if wanted != path:
            raise sqlite3.OperationalError("database or disk is full")
        return connect(wanted)

    with monkeypatch.context() as patched:
        patched.setattr(outbox_file, "connect", full)
        with pytest.raises(sqlite3.OperationalError):
            open_outbox(path)
    assert aside(path) == []
    assert len(reopened(path)) == 198


def test_nobody_else_opens_it_while_it_is_replaced(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(path, "UPDATE outbox SET body = 'x' WHERE position = 5")
    move, moved = outbox_file._move, []

    def at_this_moment(one: Path, other: Path) -> None:
        with pytest.raises(StoreInUseError):
            open_outbox(path, patience=0.0)
        move(one, other)
        moved.append(one)

    monkeypatch.setattr(outbox_file, "_move", at_this_moment)
    assert len(reopened(path)) == 198
    assert len(moved) == 2


def test_a_crash_in_the_middle_of_a_replacement_costs_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(path, "UPDATE outbox SET body = 'x' WHERE position = 5")
    move = outbox_file._move

    def crash_behind(one: Path, other: Path) -> None:
        move(one, other)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(outbox_file, "_move", crash_behind)
        with pytest.raises(KeyboardInterrupt):
            open_outbox(path)
    assert not path.exists()
    assert len(reopened(path)) == 198


def test_nothing_of_an_erased_participant_is_left_in_what_was_put_aside(path: Path) -> None:
    written(path)
    overwritten(path, path.stat().st_size // 2 // PAGE * PAGE, PAGE)
    others = path.with_name("outbox-of-others.damaged-1")
    others.write_text("not ours")
    store = open_outbox(path)
    assert len(aside(path)) == 1
    store.erase(lambda body: body["participant_name"] == "0007")
    store.close()
    assert aside(path) == []
    assert others.exists()
    assert 7 not in reopened(path)
