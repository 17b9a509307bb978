"""Who resembles whom: the nearest of those who may meet, within the tolerance in force, also after any change."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from facematch.faces.gallery import Gallery, Person, photo_set_id
from facematch.faces.tolerance import MatchRules, in_force
from facematch.server.people.models import Details
from facematch.server.people.resemblance import Resemblances, candidates_of
from facematch.server.people.store import Query
from tests.rig.embeddings import ENCODER, axis, crowd, gallery, person
from tests.rig.people import NOON, new_photo

if TYPE_CHECKING:
    from tests.rig.people import Enrolled

RULES = MatchRules()
ROOMS = ("red", "blue", "green")


def within(*people: Person) -> dict[str, str]:
    return {id_: one.id for id_, one in Resemblances.of(gallery(*people)).within(RULES).items()}


@pytest.mark.parametrize(("rooms", "resembles"), [([], True), (["blue"], True), (["red"], False)])
def test_only_those_who_may_be_compared_in_one_room(rooms: list[str], *, resembles: bool) -> None:
    found = within(person("p_1", axis(0), 3, rooms=["blue"]), person("p_2", axis(0.2), 3, rooms=rooms))
    assert found == ({"p_1": "p_2", "p_2": "p_1"} if resembles else {})


def test_each_by_their_own_photos() -> None:
    """Three photos are compared more strictly than one."""
    assert within(person("p_1", axis(0), 3), person("p_2", axis(0.48), 1)) == {"p_2": "p_1"}
    assert within(person("p_1", axis(0))) == {}
    assert within() == {}


def test_in_a_large_gallery_only_who_is_very_near() -> None:
    """1,002 people: nobody is named by one look, so those within the strictest tolerance there is are told."""
    far = [person(f"p_{at}", axis(10.0 * at), 3) for at in range(1, 1001)]
    assert within(*far, person("p_a", axis(0), 1), person("p_b", axis(0.45), 1)) == {}
    assert within(*far, person("p_a", axis(0), 1), person("p_b", axis(0.4), 1)) == {"p_a": "p_b", "p_b": "p_a"}


def test_among_how_many_is_that_of_the_fullest_room() -> None:
    numbers = random.Random(5)  # noqa: S311
    people = [person(f"p_{at}", axis(at), rooms=numbers.sample(ROOMS, numbers.randint(0, 2))) for at in range(30)]
    whole = gallery(*people)
    counts = {room: len(whole.candidates(room)) for room in (*ROOMS, "another")}
    for row, rooms in enumerate(whole.rooms):
        assert candidates_of(whole)[row] == max(counts[room] for room in (rooms or counts))
    assert in_force(RULES, len(whole.candidates("red"))).candidates == counts["red"]


def test_a_thousand_changes_come_to_what_measuring_anew_does() -> None:
    numbers, generator = random.Random(7), np.random.default_rng(7)  # noqa: S311
    embeddings = crowd(generator, 400) * np.float32(0.6)
    there: dict[str, Person] = {}

    def somebody() -> Person:
        id_ = f"p_{numbers.randrange(120):03}"
        rooms = frozenset(numbers.sample(ROOMS, numbers.choice((0, 0, 1, 2))))
        return Person(id_, photo_set_id([id_]), numbers.randint(1, 4), numbers.choice(list(embeddings)), rooms)

    known, whole = Resemblances.of(Gallery.of(0, ENCODER, ())), 0
    for version in range(1, 1001):
        for _ in range(numbers.choice((1, 1, 1, 3))):
            one = somebody()
            if numbers.random() < 0.3:
                there.pop(one.id, None)
            else:
                there[one.id] = one
        now = Gallery.of(version, ENCODER, there.values())
        known, anew = known.after(now), Resemblances.of(now)
        assert known.gallery is now
        np.testing.assert_array_equal(known.distances, anew.distances)
        assert known.within(RULES).keys() == anew.within(RULES).keys()
        whole += len(known.within(RULES))
    assert whole > 1000


async def test_they_are_listed_with_those_who_need_attention(on_each: Enrolled) -> None:
    ids = []
    for at, name in enumerate(("Ann", "Ben", "Cat", "Dan")):
        one = await on_each.changes.create(Details(name, basis="contract"))
        for number in range(3):
            await on_each.changes.add(new_photo(one.id, f"{name} {number}".encode(), axis(10.0 * at + 0.1 * number)))
        ids.append(one.id)

    async def names(**query: object) -> list[str]:
        found = await on_each.store.listed(Query(confusable=ids[1:3], **query), NOON)  # type: ignore[arg-type]
        assert (found.total, found.needy) == (2 if query else 4, 2)
        return [one.details.name for one in found.people]

    assert await names() == ["Ben", "Cat", "Ann", "Dan"]
    assert await names(attention=True) == ["Ben", "Cat"]
