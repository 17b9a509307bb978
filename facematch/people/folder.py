"""A folder of people: a folder of photos for each, and people.csv; as the archives of import and export, unpacked."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from facematch.protocol.spreadsheet_cells import as_cell, from_cell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLE: Final = "people.csv"
SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp")
LARGEST: Final = 8 << 20
"""Bytes of photos in one archive, about: well below what the web process takes by default."""


class FolderError(Exception):
    """The folder cannot be read; says why, in words for a person."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent at once: one person's photos, or those of all who have the same name."""

    names: tuple[str, ...]
    """Folders, or names of people without one."""
    photos: tuple[Path, ...]
    table: str
    """people.csv of these; empty: there is none."""

    def archive(self) -> bytes:
        """As the web process takes it.

        Raises:
            OSError: a photo cannot be read.
        """
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            if self.table:
                archive.writestr(TABLE, self.table)
            for photo in self.photos:
                archive.writestr(f"{photo.parent.name}/{photo.name}", photo.read_bytes())
        return out.getvalue()


def parcels(folder: Path) -> Iterator[Parcel]:
    """What a folder holds, in the order of its names; of a person with very many photos several.

    Raises:
        FolderError: it is no folder of people.
    """
    if not folder.is_dir():
        raise FolderError(f"{folder} is no folder.")
    photos = {inner.name: _photos(inner) for inner in sorted(folder.iterdir()) if _is_person_s(inner)}
    header, lines = _table(folder / TABLE)
    lines += [{"folder": name, "name": name} for name in photos if name not in {_folder_of(line) for line in lines}]
    if not lines:
        raise FolderError(f"{folder} holds no folders with photos. Make one for each person, with their name.")
    together: dict[str, list[dict[str, str]]] = {}
    for line in lines:
        together.setdefault((line.get("name") or line.get("folder") or "").strip().casefold(), []).append(line)
    for alike in together.values():
        names = tuple(_folder_of(line) for line in alike)
        table = _as_csv(header, alike)
        for part in _parts([photo for name in names for photo in photos.get(name, ())]):
            yield Parcel(names, part, table)


def _is_person_s(inner: Path) -> bool:
    return inner.is_dir() and not inner.name.startswith(".") and inner.name != "__MACOSX"


def _photos(folder: Path) -> tuple[Path, ...]:
    """Links are followed: whoever runs this may read what they read."""
    found = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    return tuple(sorted(path for path in found if path.is_file()))


def _folder_of(line: dict[str, str]) -> str:
    return (line.get("folder") or line.get("name") or "").strip()


def _table(file: Path) -> tuple[list[str], list[dict[str, str]]]:
    if not file.is_file():
        return ["folder", "name"], []
    try:
        reader = csv.DictReader(io.StringIO(file.read_text("utf-8-sig"), newline=""), strict=True)
        lines = [{key: from_cell(value or "") for key, value in line.items() if key is not None} for line in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise FolderError(f"{file} cannot be read: {error}.") from error
    return list(dict.fromkeys(["folder", "name", *(reader.fieldnames or ())])), lines


def _as_csv(header: list[str], lines: list[dict[str, str]]) -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, header, extrasaction="ignore")
    writer.writeheader()
    writer.writerows({key: as_cell(value) for key, value in line.items()} for line in lines)
    return out.getvalue()


def _parts(photos: list[Path]) -> Iterator[tuple[Path, ...]]:
    part: list[Path] = []
    size = 0
    for photo in photos:
        more = photo.stat().st_size
        if part and size + more > LARGEST:
            yield tuple(part)
            part, size = [], 0
        part.append(photo)
        size += more
    yield tuple(part)
