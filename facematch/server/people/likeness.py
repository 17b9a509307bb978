"""Whether a photo is of whom it is said to be, as far as distances tell. Pure.

A photo is *unlike* the others of its person when it is farther from their mean than 0.6 (for one other photo; less for
more, as tolerances are): of photographs of the same person, fewer than one in fifty are that far apart, and of
strangers nearly all.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from facematch.faces.tolerance import STRANGERS, largest_keeping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from facematch.faces.gallery import Gallery

UNLIKE: Final = 0.6
"""Distance of two photographs."""
_STRANGER_RATE: Final = 0.01
"""How often a photo of somebody new may be taken for one of somebody who is enrolled, at most."""


def furthest(photos: int) -> float:
    """The largest distance to the mean of so many photos that is not unlike them."""
    return UNLIKE * math.sqrt(0.81 + 0.19 / photos)


def distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Euclidean."""
    return float(np.linalg.norm(one - other))


def outliers(embeddings: Mapping[str, NDArray[np.float32]]) -> set[str]:
    """Which photos of one person are unlike the mean of the others.

    Args:
        embeddings: (128,) each, by photo. Of two that are unlike each other nobody knows which it is: both.
    """
    if len(embeddings) < 2:  # noqa: PLR2004
        return set()
    total = np.sum(list(embeddings.values()), axis=0, dtype=np.float64)
    others = len(embeddings) - 1
    return {
        id_
        for id_, embedding in embeddings.items()
        if float(np.linalg.norm((total - embedding) / others - embedding)) > furthest(others)
    }


def mistaken_for(
    embedding: NDArray[np.float32], own: float | None, gallery: Gallery, person_id: str
) -> tuple[str, float] | None:
    """Who else a new photo shows rather than the person it was added to.

    Args:
        embedding: (128,), the photo's.
        own: its distance to the person's other photos; None: they have none.
        gallery: everybody.
        person_id: whose it is to be.

    Returns:
        The other's id and distance: nearer than `own`, and so near that a stranger would seldom be. None: nobody.
    """
    if not len(gallery):
        return None
    distances = np.linalg.norm(gallery.centroids - embedding, axis=1)
    if (place := gallery.place(person_id)) is not None:
        distances[place] = np.inf
    nearest = int(np.argmin(distances))
    found = float(distances[nearest])
    one = largest_keeping(_STRANGER_RATE, len(gallery)) or STRANGERS[0][0]
    bar = one * math.sqrt(0.81 + 0.19 / int(gallery.photos[nearest]))
    if not math.isfinite(found) or found > bar or (own is not None and own <= found):
        return None
    return gallery.ids[nearest], found
