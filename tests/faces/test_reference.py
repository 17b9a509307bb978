from __future__ import annotations

import hashlib

import numpy as np
import pytest

from facematch.faces.reference import ReferenceSet, reference_id


def test_the_id_is_the_start_of_the_files_sha256() -> None:
    assert reference_id(b"a file") == hashlib.sha256(b"a file").hexdigest()[:16]


def test_distance_is_to_the_mean_of_the_set() -> None:
    generator = np.random.default_rng(5)
    embeddings = generator.normal(size=(3, 128)).astype(np.float32)
    probe = generator.normal(size=128).astype(np.float32)

    distance = ReferenceSet("three", embeddings).distance(probe)

    assert distance == pytest.approx(float(np.linalg.norm(embeddings.mean(axis=0) - probe)), rel=1e-6)
    assert isinstance(distance, float)


def test_a_set_is_a_value() -> None:
    embeddings = np.zeros((1, 128), np.float32)
    reference = ReferenceSet("one", embeddings)
    embeddings[:] = 7

    assert reference.distance(np.zeros(128, np.float32)) == 0
    assert not reference.embeddings.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        reference.embeddings[0, 0] = 1


@pytest.mark.parametrize("shape", [(128,), (0, 128), (1, 127), (1, 1, 128)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="embeddings are"):
        ReferenceSet("bad", np.zeros(shape, np.float32))


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        ReferenceSet("bad", np.full((1, 128), np.nan, np.float32))
