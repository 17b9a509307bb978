from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facematch.faces.gallery import DEFAULT, Gallery, empty, photo_set_id
from tests.rig.embeddings import ENCODER, axis, gallery, person


def test_a_set_of_photographs_has_an_id_whatever_their_order() -> None:
    assert photo_set_id(["b", "a"]) == photo_set_id(["a", "b", "a"])
    assert photo_set_id(["a", "b"]) != photo_set_id(["a"]) != photo_set_id(["ab"])
    assert len(photo_set_id(["a"])) == 16


def test_who_was_put_in_comes_out() -> None:
    given = replace(person("p_2", axis(0.3), 3, rooms={"hall"}), tolerance=0.25)
    both = gallery(given, person("p_1", axis(1)), version=4)

    found = both.person("p_2")

    assert found is not None
    assert (found.id, found.photo_set, found.photos, found.rooms, found.tolerance) == (
        "p_2",
        given.photo_set,
        3,
        frozenset({"hall"}),
        0.25,
    )
    assert (found.centroid == given.centroid).all()
    assert ([one.id for one in both], len(both), both.version, "p_1" in both, "p_3" in both) == (
        ["p_1", "p_2"],
        2,
        4,
        True,
        False,
    )
    assert both.person("p_3") is None


def test_a_change_is_another_gallery() -> None:
    before = gallery(person("p_1", axis(1)), person("p_2", axis(2)), person("p_3", axis(3)))

    after = before.changed(2, put=[person("p_2", axis(9)), person("p_4", axis(4))], removed=["p_1", "nobody"])

    assert ([one.id for one in after], after.version) == (["p_2", "p_3", "p_4"], 2)
    assert [float(one.centroid[0]) for one in after] == [9, 3, 4]
    assert ([one.id for one in before], before.version) == (["p_1", "p_2", "p_3"], 1)
    assert not after.centroids.flags.writeable


def test_a_room_has_those_who_are_for_it_and_never_the_default_person() -> None:
    people = gallery(
        person("p_all", axis(1)),
        person("p_hall", axis(2), rooms={"hall"}),
        person("p_two", axis(3), rooms={"hall", "lab"}),
        person(DEFAULT, axis(4)),
    )

    def there(room: str) -> list[str]:
        return [people.ids[place] for place in people.candidates(room).rows]

    assert there("hall") == ["p_all", "p_hall", "p_two"]
    assert there("lab") == ["p_all", "p_two"]
    assert there("attic") == ["p_all"]
    assert people.candidates("lab") is people.candidates("lab")
    candidates = people.candidates("lab")
    assert [candidates.row_of(people, id_) for id_ in ("p_all", "p_two", "p_hall", DEFAULT, "nobody")] == [
        0,
        1,
        None,
        None,
        None,
    ]


def test_rooms_beyond_those_at_hand_are_worked_out_again() -> None:
    people = gallery(person("p_1", axis(1), rooms={"room 7"}))
    found = [len(people.candidates(f"room {number}")) for number in range(200)] + [len(people.candidates("room 7"))]
    assert [number for number, count in enumerate(found) if count] == [7, 200]


@pytest.mark.parametrize("count", [3, 16, 17, 500])
def test_the_nearest_are_those_one_by_one(count: int) -> None:
    generator = np.random.default_rng(count)
    centroids = generator.normal(scale=0.12, size=(count, 128)).astype(np.float32)
    candidates = gallery(*(person(f"p_{n:03}", one) for n, one in enumerate(centroids))).candidates("hall")

    for face in generator.normal(scale=0.12, size=(20, 128)).astype(np.float32):
        expected = np.argsort(np.linalg.norm(centroids - face, axis=1))[:16]
        assert sorted(candidates.nearest(face, 16)) == sorted(expected.tolist())


def test_nobody_is_a_gallery_too() -> None:
    nobody = empty(ENCODER)
    assert (len(nobody), nobody.version, len(nobody.candidates("hall"))) == (0, 0, 0)
    assert len(nobody.changed(1, put=[person("p_1", axis(1))])) == 1


@pytest.mark.parametrize(
    "people",
    [
        [person("p_1", axis(1)), person("p_1", axis(2))],
        [person("", axis(1))],
        [person("p_1", axis(1), photos=0)],
        [person("p_1", axis(float("nan")))],
        [person("p_1", axis(1)[:64])],
        [replace(person("p_1", axis(1)), tolerance=0.0)],
        [replace(person("p_1", axis(1)), tolerance=9.0)],
        [replace(person("p_1", axis(1)), photo_set="")],
    ],
)
def test_what_cannot_be_compared_is_refused(people: list[object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Gallery.of(1, ENCODER, people)  # type: ignore[arg-type]
