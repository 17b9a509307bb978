"""Looks for what has to be gone: in the files of a folder, in the memory of a process, in what objects refer to."""

from __future__ import annotations

import gc
import io
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CHUNK = 200
"""Bytes of a photo that are looked for: databases keep it in pages, of which each is whole."""
_CHUNKS = 16
_AT_ONCE = 64 << 20
_PRIVATE = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) rw.. \S+ \S+ \S+ *(?!/)")


@dataclass(frozen=True)
class Traces:
    """What there is of one person."""

    photos: tuple[bytes, ...]
    """Parts of their stored pictures."""
    embeddings: tuple[bytes, ...]
    centroid: bytes

    @classmethod
    def of(cls, export: bytes) -> Traces:
        """From the export of everything held about them."""
        with zipfile.ZipFile(io.BytesIO(export)) as archive:
            images = [archive.read(name) for name in archive.namelist() if name.startswith("photos/")]
            kept = np.array([one["embedding"] for one in json.loads(archive.read("photos.json"))], np.float32)
        parts = [part for image in images for part in parts_of(image)]
        embeddings = tuple(one.tobytes() for one in kept)
        return cls(tuple(parts), embeddings, kept.mean(axis=0, dtype=np.float32).tobytes())

    def named(self) -> Mapping[str, tuple[bytes, ...]]:
        return {"photo": self.photos, "embedding": self.embeddings, "centroid": (self.centroid,)}

    def in_files(self, folder: Path) -> set[tuple[str, str]]:
        """What is found, and the name of the file that it is in."""
        files = (path for path in folder.rglob("*") if path.is_file())
        return {(what, path.name) for path in files for what in self.within(path.read_bytes())}

    def in_memory(self, pid: int) -> set[str]:
        """What is found in what a process can write; of the photos only whether their first part is there.

        Raises:
            PermissionError: it is not ours to read.
        """
        first = Traces(self.photos[::_CHUNKS], self.embeddings, self.centroid)
        return {what for part in _memory_of(pid) for what in first.within(part)}

    def within(self, data: bytes) -> set[str]:
        """What is found in these bytes."""
        return {what for what, parts in self.named().items() if any(part in data for part in parts)}


def reachable(*roots: object) -> Iterator[bytes]:
    """The bytes of whatever can be reached from these objects: texts, bytes, arrays, in tasks' frames, too."""
    seen: set[int] = set()
    waiting: list[object] = list(roots)
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type | ModuleType | FunctionType):
            continue
        seen.add(id(one))
        if isinstance(one, np.ndarray):
            yield one.tobytes()
            waiting.append(one.base)
        elif isinstance(one, bytes | bytearray | memoryview):
            yield bytes(one)
        elif isinstance(one, str):
            yield one.encode("utf-8", "replace")
        waiting += gc.get_referents(one)


def parts_of(image: bytes) -> list[bytes]:
    """Of a picture, as it may be found in a database."""
    return [image[at : at + _CHUNK] for at in _offsets(len(image))]


def _offsets(length: int) -> list[int]:
    return [int(at) for at in np.linspace(0.2, 0.9, _CHUNKS) * (length - _CHUNK)]


def _memory_of(pid: int) -> Iterator[bytes]:
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            if (found := _PRIVATE.match(line)) is None:
                continue
            begin, end = (int(bound, 16) for bound in found.groups())
            for at in range(begin, end, _AT_ONCE):
                try:
                    memory.seek(at)
                    yield memory.read(min(_AT_ONCE + 1024, end - at))
                except OSError:  # a guard page, or gone meanwhile
                    continue
