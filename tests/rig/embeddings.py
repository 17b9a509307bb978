"""Generated embeddings: people at exact distances, and crowds whose distances are as those that were measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facematch.faces.engine import Face
from facematch.faces.gallery import Gallery, Person, photo_set_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

ENCODER = "weights"
LENGTH = 1.4
"""Of a photograph's embedding, about."""
_DIRECTIONS = 20
_SPREAD = 0.2227 / np.sqrt(2)
"""With so many independent directions, so far spread, one stranger in 100,000 is within 0.407 of another, one in 10,000
within 0.468, one in 3,000 within 0.504 and one in 1,000 within 0.542: the measured table, to a hundredth."""


def axis(*coordinates: float) -> NDArray[np.float32]:
    """An embedding (128,) with these first coordinates: distances between such are told at a glance."""
    embedding = np.zeros(128, np.float32)
    embedding[: len(coordinates)] = coordinates
    return embedding


def crowd(generator: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Embeddings (count, 128) of as many people who have nothing to do with each other."""
    embeddings = np.zeros((count, 128), np.float32)
    embeddings[:, :_DIRECTIONS] = generator.normal(scale=_SPREAD, size=(count, _DIRECTIONS))
    embeddings[:, -1] = LENGTH
    return embeddings


def person(id_: str, centroid: NDArray[np.float32], photos: int = 1, *, rooms: Iterable[str] = ()) -> Person:
    return Person(id_, photo_set_id([f"photo of {id_}"]), photos, centroid, frozenset(rooms))


def gallery(*people: Person, version: int = 1) -> Gallery:
    return Gallery.of(version, ENCODER, people)


def face(embedding: NDArray[np.float32], left: int = 0) -> Face:
    return Face((0, left + 100, 100, left), 1.0, embedding)
