from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from facematch.faces.gallery import DEFAULT, Gallery, empty
from facematch.faces.reference import ReferenceSet
from facematch.faces.tolerance import MatchRules
from facematch.recognizer.matching import Matching
from tests.rig.embeddings import ENCODER, axis, face, gallery, person

OWN = ReferenceSet("own file", axis(1)[np.newaxis])
NOBODY = empty(ENCODER)


class Scene:
    def __init__(self, current: ReferenceSet | None = None, people: Gallery = NOBODY) -> None:
        self.references = SimpleNamespace(current=current, looked=True)
        self.gallery = SimpleNamespace(current=people, looked=True)
        self.matching = Matching(cast("Any", self.references), cast("Any", self.gallery), MatchRules())


def test_the_default_person_is_that_of_the_own_file_and_else_the_gallerys() -> None:
    scene = Scene(OWN, gallery(person(DEFAULT, axis(5)), person("p_1", axis(2))))
    assert scene.matching.default is OWN
    scene.references.current = None
    default = scene.matching.default
    assert default is not None
    assert (default.distance(axis(5)), default.id) == (0.0, scene.gallery.current.person(DEFAULT).photo_set)
    scene.gallery.current = NOBODY
    assert scene.matching.default is None


def test_somebody_is_looked_for_where_there_is_a_default_person_or_anybody_for_the_room() -> None:
    scene = Scene(people=gallery(person("p_1", axis(1), rooms={"lab"})))
    assert [scene.matching.anyone(room) for room in ("lab", "hall")] == [True, False]
    scene.references.current = OWN
    assert scene.matching.anyone("hall")


def test_a_batch_is_over_when_the_default_person_goes_or_nobody_is_left() -> None:
    scene = Scene(OWN, gallery(person("p_1", axis(2))))
    assert scene.matching.still(OWN, "hall")
    scene.references.current = None
    assert not scene.matching.still(OWN, "hall")
    assert scene.matching.still(None, "hall")
    scene.gallery.current = NOBODY
    assert not scene.matching.still(None, "hall")


def test_every_look_is_ranked_by_the_gallery_of_that_moment() -> None:
    scene = Scene(people=gallery(person("p_1", axis(1)), version=1))
    (one,) = scene.matching.rank([face(axis(0.9))], None, "hall").named
    assert (one.person_id, scene.matching.names("p_1")) == ("p_1", True)
    scene.gallery.current = gallery(person("p_2", axis(1)), version=2)
    later = scene.matching.rank([face(axis(0.9))], None, "hall")
    assert ([named.person_id for named in later.named], later.gallery_version) == (["p_2"], 2)
    assert not scene.matching.names("p_1")
    assert scene.matching.names(DEFAULT)


def test_who_is_looked_for_is_known_when_both_were_asked() -> None:
    scene = Scene()
    assert scene.matching.known
    scene.gallery.looked = False
    assert not scene.matching.known


def test_whoever_is_supposed_to_be_there_is_compared_one_to_one() -> None:
    others = [person(f"p_{n}", axis(9, n)) for n in range(400)]
    scene = Scene(people=gallery(person("p_bob", axis(0.0)), *others))
    seen = [face(axis(0.48))]
    assert scene.matching.rank(seen, None, "hall").named == ()
    [named] = scene.matching.rank(seen, None, "hall", "p_bob").named
    assert (named.person_id, named.tolerance.value, named.tolerance.candidates) == ("p_bob", 0.5, 1)
