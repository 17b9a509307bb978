"""Embeddings in messages: 128 numbers of four bytes, little endian, in base64."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import AfterValidator, Field

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DIMENSIONS = 128


def packed(embedding: NDArray[np.float32]) -> str:
    """(128,) as text."""
    return b64encode(embedding.astype("<f4").tobytes()).decode("ascii")


def unpacked(text: str) -> NDArray[np.float32]:
    """(128,).

    Raises:
        ValueError: the text is not of `packed`.
    """
    try:
        found = np.frombuffer(b64decode(text, validate=True), "<f4").astype(np.float32)
    except ValueError:
        found = np.empty(0, np.float32)
    if found.shape != (_DIMENSIONS,) or not np.isfinite(found).all():
        raise ValueError("must be 128 finite numbers of four bytes, in base64")
    return found


def _checked(text: str) -> str:
    unpacked(text)
    return text


PackedEmbedding = Annotated[
    str,
    Field(max_length=1024, description="128 numbers of four bytes, little endian, in base64"),
    AfterValidator(_checked),
]
