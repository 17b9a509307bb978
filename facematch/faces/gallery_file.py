"""A gallery as one file: what the web process serves at `GET /api/gallery`, and a recognizer keeps for its next start.

A `safetensors` file (https://github.com/huggingface/safetensors), which is data and runs nothing when it is read:

| tensor | | |
|---|---|---|
| `people` | U8 (bytes) | JSON in UTF-8: a list of `{"id", "photo_set", "rooms"}`, one for each person |
| `photos` | I32 (n) | how many photographs each centroid is the mean of |
| `tolerances` | F32 (n) | nan for those without one of their own |
| `centroids` | F32 (n, 128) | |

Its metadata names the `format`, the `encoder`, the `version`, and the `sha256` of the tensors in that order, so that
damage is told from a gallery. **No names and no photographs.**

    data = to_bytes(gallery)                        # 10,000 people: 6.3 MB
    gallery = from_bytes(data, encoder=encoder)     # GalleryFileError says why not
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from facematch.faces.gallery import Gallery
from facematch.faces.models import EMBEDDING_SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

MEDIA_TYPE: Final = "application/octet-stream"
FORMAT: Final = "face-match-gallery-1"
MOST_PEOPLE: Final = 100_000
LARGEST_FILE: Final = MOST_PEOPLE * 4096
"""Bytes. Whoever fetches one takes no more than this."""
_TENSORS = {"people": np.uint8, "photos": np.int32, "tolerances": np.float32, "centroids": np.float32}
_LENGTH_BYTES = 8
_TAG_DIGITS = 16


class GalleryFileError(ValueError):
    """The bytes are no gallery that can be used here; says why, in words for a person."""


def to_bytes(gallery: Gallery) -> bytes:
    """The file of a gallery."""
    people = [
        {"id": id_, "photo_set": photo_set, "rooms": sorted(rooms)}
        for id_, photo_set, rooms in zip(gallery.ids, gallery.photo_sets, gallery.rooms, strict=True)
    ]
    text = json.dumps(people, ensure_ascii=False, separators=(",", ":")).encode()
    tensors: dict[str, NDArray[Any]] = {
        "people": np.frombuffer(text, np.uint8),
        "photos": gallery.photos,
        "tolerances": gallery.tolerances,
        "centroids": gallery.centroids,
    }
    metadata = {
        "format": FORMAT,
        "encoder": gallery.encoder,
        "version": str(gallery.version),
        "sha256": _digest(tensors),
    }
    return save(tensors, metadata)


def tag_of(data: bytes) -> str:
    """The ETag of a file that `to_bytes` made, without quotes: the version, and a hash of what is in it.

    A version alone may be given twice, by another database or by one that was put back from a copy.
    """
    metadata = _metadata(data)
    return f"{metadata['version']}-{metadata['sha256'][:_TAG_DIGITS]}"


def version_in(tag: str | None) -> int | None:
    """The version in an ETag, with its quotes; also in one that is a version alone. None: there is none in it."""
    version = (tag or "").removeprefix("W/").strip('"').partition("-")[0]
    return int(version) if version.isascii() and version.isdigit() else None


def from_bytes(data: bytes, *, encoder: str) -> Gallery:
    """The gallery in a file.

    Args:
        data: the file.
        encoder: whose embeddings can be compared here: `models.weights_of` the engine's encoder.

    Raises:
        GalleryFileError: it is damaged, of another version of the format, or made with another encoder.
    """
    try:
        tensors, metadata = load(data), _metadata(data)
    except (SafetensorError, ValueError, TypeError, KeyError) as error:
        raise GalleryFileError(f"The gallery is damaged: {error}") from error
    if metadata.get("format") != FORMAT:
        raise GalleryFileError(f"The gallery is of another format ({metadata.get('format')}): update both processes")
    if metadata.get("encoder") != encoder:
        raise GalleryFileError(
            f"The gallery was made with another encoder ({metadata.get('encoder')}, here it is {encoder}): "
            "set the same FACE_ENCODER for both processes, and enroll anew what was enrolled with another"
        )
    if {name: tensor.dtype for name, tensor in tensors.items()} != _TENSORS:
        raise GalleryFileError("The gallery is damaged: its columns are others")
    if metadata.get("sha256") != _digest(tensors):
        raise GalleryFileError("The gallery is damaged: its content is not what was written")
    try:
        return _gallery(int(metadata["version"]), encoder, tensors)
    except (ValueError, TypeError, KeyError) as error:
        raise GalleryFileError(f"The gallery is damaged: {error}") from error


def _gallery(version: int, encoder: str, tensors: Mapping[str, NDArray[Any]]) -> Gallery:
    people: list[dict[str, Any]] = json.loads(tensors["people"].tobytes())
    rooms: dict[tuple[str, ...], frozenset[str]] = {}  # most have the same ones, and there may be many
    return Gallery(
        version,
        encoder,
        tuple(person["id"] for person in people),
        tuple(person["photo_set"] for person in people),
        tuple(rooms.setdefault(tuple(person["rooms"]), frozenset(person["rooms"])) for person in people),
        tensors["photos"],
        tensors["tolerances"],
        tensors["centroids"].reshape(len(people), EMBEDDING_SIZE),
    )


def _digest(tensors: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in _TENSORS:
        digest.update(np.ascontiguousarray(tensors[name]).data)
    return digest.hexdigest()


def _metadata(data: bytes) -> dict[str, str]:
    """What `safetensors` reads from files only: the header's `__metadata__`."""
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    header = json.loads(data[_LENGTH_BYTES : _LENGTH_BYTES + length])
    metadata: dict[str, str] = header.get("__metadata__", {})
    return metadata
