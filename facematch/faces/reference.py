"""What faces are compared with, and how near they are to it."""

from __future__ import annotations

import errno
import hashlib
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facematch.faces.models import EMBEDDING_SIZE

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

LARGEST_STORED = 64 << 20
"""Bytes of a stored reference, at most: uploads are 10 MB by default, what is made of them is less than one."""
_ID_DIGITS = 16


def reference_id(file_bytes: bytes) -> str:
    """The id of a stored reference: the first 16 hexadecimal digits of the SHA-256 of its file's bytes."""
    return hashlib.sha256(file_bytes).hexdigest()[:_ID_DIGITS]


def stored_bytes(path: Path) -> bytes:
    """The file of a stored reference, which may be anything that somebody has put there.

    Raises:
        OSError: it cannot be read, is no file (reading a pipe has no end), or is larger than LARGEST_STORED.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "Not a file")
    if found.st_size > LARGEST_STORED:
        raise OSError(errno.EFBIG, f"The file is larger than {LARGEST_STORED >> 20} MB")
    return path.read_bytes()


@dataclass(frozen=True, eq=False)
class ReferenceSet:
    """The embeddings of one person's photographs, one for now. A value: replaced whole, never changed."""

    id: str
    embeddings: NDArray[np.float32]
    """(n, 128), n at least 1; made read-only here."""

    def __post_init__(self) -> None:
        embeddings = np.array(self.embeddings, np.float32)
        if embeddings.ndim != 2 or embeddings.shape[0] < 1 or embeddings.shape[1] != EMBEDDING_SIZE:  # noqa: PLR2004
            raise ValueError(f"embeddings are (n, {EMBEDDING_SIZE}) with n at least 1, not {embeddings.shape}")
        if not np.isfinite(embeddings).all():
            raise ValueError("embeddings are finite numbers")
        mean = embeddings.mean(axis=0)
        for array in (embeddings, mean):
            array.flags.writeable = False
        object.__setattr__(self, "embeddings", embeddings)
        object.__setattr__(self, "_mean", mean)

    _mean: NDArray[np.float32] = None  # type: ignore[assignment]

    def distance(self, embedding: NDArray[np.float32]) -> float:
        """Euclidean distance of a (128,) embedding to the mean of the set: 0 the same, about 0.8 strangers."""
        return float(np.linalg.norm(self._mean - embedding))
