"""Changing people: each change whole, with a version of its own, and nothing lost by merging and splitting."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sqlalchemy as sa

from facematch.faces.gallery import photo_set_id
from facematch.faces.reference import reference_id
from facematch.server.people import changes as changes_module
from facematch.server.people.changes import NewPhoto
from facematch.server.people.models import Consent, Details, from_bytes
from facematch.server.people.refusals import (
    NoSuchPersonError,
    NoSuchPhotoError,
    PeopleFullError,
    PhotoRefusedError,
)
from facematch.server.people.store import Query, attention
from facematch.server.storage.database import Database
from facematch.server.storage.schema import people
from tests.rig.embeddings import axis
from tests.rig.people import NOON, Enrolled, new_photo

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

EVERYTHING = Details(
    name="Ünal \U0001f600 \x00",
    rooms=("a", "b"),
    tolerance=0.42,
    basis="contract",
    consent=Consent(NOON, "the reception", "2"),
    delete_at=NOON + timedelta(days=3),
)


async def test_a_person_is_kept_as_they_are_given(on_each: Enrolled) -> None:
    made = await on_each.changes.create(EVERYTHING)
    kept = await on_each.store.person(made.id)
    assert kept is not None
    assert kept.details == replace(EVERYTHING, name="Ünal \U0001f600 \ufffd")
    assert (kept.created_at, kept.photos, kept.merged_into) == (NOON, 0, None)
    await on_each.changes.update(made.id, lambda _known: Details("other"))
    changed = await on_each.store.person(made.id)
    assert changed is not None
    assert changed.details == Details("other")
    with pytest.raises(NoSuchPersonError):
        await on_each.changes.update("p_nobody", lambda _known: Details("x"))


async def test_the_gallery_is_the_means_of_the_photos(on_each: Enrolled) -> None:
    alice = await on_each.person("Alice", axis(0.1), axis(0.3))
    await on_each.person("Nobody yet")
    bob = await on_each.person("Bob", axis(0, 1))
    gallery = await on_each.current.read()
    assert set(gallery.ids) == {alice.id, bob.id}
    found = gallery.person(alice.id)
    assert found is not None
    assert found.centroid == pytest.approx(axis(0.2))
    ids = [photo.id for photo in await on_each.store.photos(alice.id)]
    assert (found.photos, found.photo_set) == (2, photo_set_id(ids))
    [photo, _] = await on_each.store.photos(alice.id)
    wanted = new_photo(alice.id, b"Alice 0", axis(0.1))
    assert {photo.id} <= {wanted.photo.id, new_photo(alice.id, b"Alice 1").photo.id}
    assert await on_each.store.image(alice.id, wanted.photo.id) == wanted.image
    assert await on_each.store.image(bob.id, wanted.photo.id) is None
    kept = (await on_each.store.embeddings(alice.id))[wanted.photo.id]
    assert np.array_equal(from_bytes(kept), axis(0.1))
    assert len(kept) == 512
    await on_each.changes.remove(alice.id, wanted.photo.id)
    found = (await on_each.current.read()).person(alice.id)
    assert found is not None
    assert np.array_equal(found.centroid, axis(0.3))
    with pytest.raises(NoSuchPhotoError):
        await on_each.changes.remove(alice.id, wanted.photo.id)


async def test_versions_rise_with_each_change_also_when_the_clock_is_set_back(on_each: Enrolled) -> None:
    await on_each.person("Alice", axis(0))
    on_each.now = NOON - timedelta(days=1)
    await on_each.person("Bob", axis(1))
    versions = [change.version for change in on_each.told]
    assert versions == sorted(set(versions))
    assert versions[0] == int(NOON.timestamp() * 1000)
    assert [change.before for change in on_each.told[1:]] == versions[:-1]
    assert await on_each.store.version() == versions[-1]


async def test_a_change_that_is_refused_changes_nothing(enrolled: Enrolled) -> None:
    alice = await enrolled.person("Alice", axis(0))
    before = await enrolled.store.version()
    with pytest.raises(PhotoRefusedError):
        await enrolled.changes.add(new_photo(alice.id, b"Alice 0"))
    with pytest.raises(NoSuchPersonError):
        await enrolled.changes.add(new_photo("p_nobody", b"x"))
    assert await enrolled.store.version() == before


async def test_the_very_same_photo_is_taken_once(on_each: Enrolled) -> None:
    alice = await on_each.person("Alice", axis(0))
    bob = await on_each.person("Bob")
    for who, sentence in ((alice, "added before"), (bob, "somebody else")):
        for bytes_ in (b"Alice 0", b"stored Alice 0"):
            with pytest.raises(PhotoRefusedError, match=sentence) as refused:
                await on_each.changes.add(_with_upload(new_photo(who.id, bytes_), b"Alice 0"))
            assert (refused.value.code, refused.value.person_id) == ("DUPLICATE", alice.id)


def _with_upload(new: NewPhoto, what: bytes) -> NewPhoto:
    """The same upload, of which another image was made (by another version)."""
    like = new_photo("x", what)
    return NewPhoto(replace(new.photo, upload_hash=like.photo.upload_hash), new.embedding, new.image, new.anyway)


async def test_a_photo_that_is_unlike_the_others_is_taken_only_by_who_has_read_it(on_each: Enrolled) -> None:
    alice = await on_each.person("Alice", axis(0), axis(0.1))
    with pytest.raises(PhotoRefusedError, match="unlike the 2 other photos") as refused:
        await on_each.changes.add(new_photo(alice.id, b"far", axis(0, 0.8)))
    assert refused.value.code == "UNLIKE_THE_OTHERS"
    await on_each.changes.add(new_photo(alice.id, b"far", axis(0, 0.8), "UNLIKE_THE_OTHERS"))
    flagged = [photo.id for photo in await on_each.store.photos(alice.id) if photo.outlier]
    assert flagged == [reference_id(b"stored far")]
    person = await on_each.store.person(alice.id)
    assert person is not None
    assert (person.photos, person.outliers) == (3, 1)
    assert "UNLIKE_THE_OTHERS" in attention(person, NOON)
    await on_each.changes.remove(alice.id, flagged[0])
    person = await on_each.store.person(alice.id)
    assert person is not None
    assert person.outliers == 0


async def test_a_photo_that_was_deleted_does_not_come_back_unnoticed(on_each: Enrolled) -> None:
    alice = await on_each.person("Alice", axis(0), axis(0.1))
    await on_each.changes.remove(alice.id, new_photo("", b"Alice 0").photo.id)
    await on_each.changes.erase([alice.id])
    again = await on_each.person("Alice again")
    for upload in (b"Alice 0", b"Alice 1", b"stored Alice 1"):
        with pytest.raises(PhotoRefusedError) as refused:
            await on_each.changes.add(new_photo(again.id, upload))
        assert refused.value.code == "ERASED_BEFORE"
    await on_each.changes.add(new_photo(again.id, b"Alice 0", axis(0), "ERASED_BEFORE"))
    await on_each.changes.add(new_photo(again.id, b"Alice 2", axis(0)))


async def test_what_is_erased_is_in_no_file_any_more(enrolled: Enrolled, tmp_path: Path) -> None:
    secret = np.linspace(-1, 1, 128).astype(np.float32)
    alice = await enrolled.person("Alice")
    new = new_photo(alice.id, b"UNMISTAKABLE" * 3000, secret)
    await enrolled.changes.add(new)
    assert any(new.embedding in file.read_bytes() for file in tmp_path.glob("events.db*"))
    assert await enrolled.changes.erase([alice.id]) == 1
    with closing(sqlite3.connect(tmp_path / "events.db", isolation_level=None)) as connection:
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    for file in tmp_path.glob("events.db*"):
        kept = file.read_bytes()
        assert new.embedding not in kept
        assert new.embedding[:64] not in kept
        assert b"UNMISTAKABLE" not in kept
        assert new.photo.upload_hash not in kept
        assert b"Alice" not in kept
    assert len(await enrolled.current.read()) == 0


async def test_merging_and_splitting_loses_nothing(on_each: Enrolled) -> None:
    alice = await on_each.person("Alice", axis(0), axis(0.1))
    other = await on_each.changes.create(EVERYTHING)
    for number in range(2):
        await on_each.changes.add(new_photo(other.id, b"other %d" % number, axis(0.2)))
    before = await on_each.store.person(other.id)
    gallery = await on_each.current.read()
    merged = await on_each.changes.merge(alice.id, other.id)
    assert (merged.id, merged.photos) == (alice.id, 4)
    assert (await on_each.current.read()).ids == (alice.id,)
    assert await on_each.store.person(other.id) is None
    assert [person.id for person in await on_each.store.merged_into(alice.id)] == [other.id]
    assert (await on_each.store.listed(Query(), NOON)).total == 1
    theirs = [photo.id for photo in await on_each.store.photos(alice.id) if photo.origin_person_id == other.id]
    back = await on_each.changes.split(alice.id, theirs, None)
    assert back == before
    after = await on_each.current.read()
    assert after.ids == gallery.ids
    assert np.array_equal(after.centroids, gallery.centroids)
    assert after.photo_sets == gallery.photo_sets


async def test_merging_twice_and_splitting_in_any_order(enrolled: Enrolled) -> None:
    a, b, c = [await enrolled.person(name, axis(0.1 * place)) for place, name in enumerate("abc")]
    await enrolled.changes.merge(b.id, a.id)
    await enrolled.changes.merge(c.id, b.id)
    assert {person.id for person in await enrolled.store.merged_into(c.id)} == {a.id, b.id}
    for person in (a, b):
        [photo] = [one.id for one in await enrolled.store.photos(c.id) if one.origin_person_id == person.id]
        assert await enrolled.changes.split(c.id, [photo], None) == person
    assert set((await enrolled.current.read()).ids) == {a.id, b.id, c.id}


async def test_photos_that_were_always_theirs_become_a_new_person(enrolled: Enrolled) -> None:
    both = await enrolled.changes.create(EVERYTHING)
    for number in range(3):
        await enrolled.changes.add(new_photo(both.id, b"%d" % number, axis(0.1 * number)))
    last = new_photo("", b"2").photo.id
    new = await enrolled.changes.split(both.id, [last], "Somebody else")
    assert new.id != both.id
    assert new.details == replace(EVERYTHING, name="Somebody else")
    [moved] = await enrolled.store.photos(new.id)
    assert (moved.id, moved.origin_person_id) == (last, new.id)
    await enrolled.changes.merge(both.id, new.id)
    assert await enrolled.changes.split(both.id, [last], "ignored") == new


async def test_what_cannot_be_merged_or_split(enrolled: Enrolled) -> None:
    alice, bob = await enrolled.person("Alice", axis(0)), await enrolled.person("Bob", axis(1))
    [photo] = await enrolled.store.photos(bob.id)
    for into, other in ((alice.id, alice.id), (alice.id, "p_nobody"), ("p_nobody", alice.id)):
        with pytest.raises(NoSuchPersonError):
            await enrolled.changes.merge(into, other)
    for wanted in ([], [photo.id], ["nothing"]):
        with pytest.raises(NoSuchPhotoError):
            await enrolled.changes.split(alice.id, wanted, None)


async def test_there_are_bounds(enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes_module, "MOST_PEOPLE", 2)
    monkeypatch.setattr(changes_module, "MOST_PHOTOS", 1)
    alice = await enrolled.person("Alice", axis(0))
    with pytest.raises(PhotoRefusedError, match="1 photos already") as refused:
        await enrolled.changes.add(new_photo(alice.id, b"more"))
    assert refused.value.code == "TOO_MANY_PHOTOS"
    await enrolled.person("Bob")
    with pytest.raises(PeopleFullError):
        await enrolled.changes.create(Details("Carol"))


async def test_embeddings_of_another_encoder_are_not_mixed_in(enrolled: Enrolled) -> None:
    alice = await enrolled.person("Alice", axis(0))
    other = new_photo(alice.id, b"other")
    other = NewPhoto(replace(other.photo, model="another/onnx"), other.embedding, other.image)
    with pytest.raises(PhotoRefusedError, match="another encoder"):
        await enrolled.changes.add(other)
    await enrolled.changes.erase([alice.id])
    bob = await enrolled.person("Bob")
    await enrolled.changes.add(
        NewPhoto(replace(other.photo, person_id=bob.id), other.embedding, other.image, other.anyway)
    )
    assert (await enrolled.current.read()).encoder == "another"


async def test_two_processes_change_and_see_the_same(on_each: Enrolled) -> None:
    database = Database(on_each.database.url)
    database.open()
    try:
        other = Enrolled(database)
        people = await asyncio.gather(
            *(
                side.person(f"{at}", axis(0.1 * at))
                for at in range(4)
                for side in (on_each, other)
                if at % 2 == (side is other)
            )
        )
        assert len(people) == 4
        for side in (on_each, other):
            assert set((await side.current.read()).ids) == {person.id for person in people}
        await other.changes.erase([people[0].id])
        await on_each.changes.remove(people[1].id, new_photo("", b"1 0").photo.id)
        expected = {people[2].id, people[3].id}
        assert set((await on_each.current.read()).ids) == set((await other.current.read()).ids) == expected
    finally:
        await database.aclose()


async def test_the_gallery_follows_changes_without_reading_everybody_again(
    enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enrolled.person("Alice", axis(0))
    await enrolled.current.read()
    monkeypatch.setattr(enrolled.current, "_whole", lambda: pytest.fail("read everybody"))
    bob = await enrolled.person("Bob", axis(1))
    assert bob.id in await enrolled.current.read()
    await enrolled.changes.erase([bob.id])
    assert bob.id not in await enrolled.current.read()
    await enrolled.changes.update(
        (await enrolled.store.named("alice"))[0].id, lambda _known: Details("Alice", rooms=("x",))
    )
    assert (await enrolled.current.read()).rooms == (frozenset({"x"}),)


async def test_a_change_that_comes_while_the_gallery_is_read_is_in_it_or_in_the_next(
    enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the version that was read, so it has to be in what was read: else an erased person is in the gallery
    that is without them.
    """
    alice, bob = await enrolled.person("Alice", axis(0)), await enrolled.person("Bob", axis(1))
    await enrolled.current.read()
    compared = enrolled.store.compared

    async def after_another_change(ids: Collection[str] | None = None) -> Any:
        monkeypatch.setattr(enrolled.store, "compared", compared)
        await enrolled.changes.erase([bob.id])
        return await compared(ids)

    await enrolled.changes.update(alice.id, lambda known: replace(known, rooms=("x",)))
    monkeypatch.setattr(enrolled.store, "compared", after_another_change)
    gallery = await enrolled.current.read()

    assert (gallery.version, gallery.ids) == (await enrolled.store.version(), (alice.id,))
    assert gallery.rooms == (frozenset({"x"}),)


async def test_the_list(on_each: Enrolled) -> None:
    complete = await on_each.changes.create(Details("ångström", basis="contract"))
    for number in range(3):
        await on_each.changes.add(new_photo(complete.id, b"%d" % number, axis(0.1 * number)))
    for name in ("Zoe_1", "zoe%2", "Bob"):
        await on_each.person(name)

    async def names(**query: object) -> list[str]:
        return [person.details.name for person in (await on_each.store.listed(Query(**query), NOON)).people]  # type: ignore[arg-type]

    assert await names() == ["Bob", "zoe%2", "Zoe_1", "ångström"]
    assert await names(attention=True) == ["Bob", "zoe%2", "Zoe_1"]
    assert await names(offset=1, limit=2) == ["zoe%2", "Zoe_1"]
    assert await names(search="ZOE") == ["zoe%2", "Zoe_1"]
    assert await names(search="e_") == ["Zoe_1"]
    assert await names(search="%") == ["zoe%2"]
    assert await names(search="A\u030aNG") == ["ångström"]
    assert (await on_each.store.listed(Query(limit=1), NOON)).total == 4
    everyone = (await on_each.store.listed(Query(), NOON)).people
    assert [bool(attention(person, NOON)) for person in everyone] == [True, True, True, False]
    assert attention(everyone[0], NOON) == ["FEW_PHOTOS", "NO_BASIS"]
    soon = await on_each.changes.update(complete.id, lambda _known: EVERYTHING)
    assert attention(soon, NOON) == ["FEW_PHOTOS", "DELETE_SOON"][1:]
    assert await on_each.store.due(NOON, 10) == []
    assert await on_each.store.due(NOON + timedelta(days=4), 10) == [complete.id]


async def test_who_is_not_seen_for_a_year_is_erased_unless_a_date_is_set(on_each: Enrolled) -> None:
    """After a warning of thirty days."""
    unseen, seen, dated = [await on_each.person(name) for name in ("Unseen", "Seen", "Dated")]
    late = NOON + timedelta(days=3650)
    await on_each.changes.update(dated.id, lambda known: replace(known, delete_at=late))
    day = sa.update(people).where(people.c.id == seen.id).values(last_seen_at=NOON + timedelta(days=100))
    await on_each.database.execute(day)

    async def due(days: float) -> set[str]:
        return set(await on_each.store.due(NOON + timedelta(days=days), 10))

    async def warned(days: float) -> set[str]:
        now = NOON + timedelta(days=days)
        listed = (await on_each.store.listed(Query(attention=True), now)).people
        return {one.details.name for one in listed if "DELETE_SOON" in attention(one, now)}

    assert [await due(364.9), await due(365)] == [set(), {unseen.id}]
    assert [await due(464.9), await due(465)] == [{unseen.id}, {unseen.id, seen.id}]
    assert [await warned(334.9), await warned(335)] == [set(), {"Unseen"}]
    assert await due(3650) == {unseen.id, seen.id, dated.id}
    on_each.store.unseen = timedelta(days=1)
    assert await due(1) == {unseen.id}
