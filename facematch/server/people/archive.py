"""A zip of people: `<name>/<photo>.jpg`, and `people.csv` with what else is known of them. Read with care: whoever made
it may mean harm.

Nothing is unpacked to a disk, so no path in it leads anywhere; one photo at a time is unpacked into memory, up to the
largest size of a photo, and an archive that would unpack to much more than it is is not read at all.
"""

from __future__ import annotations

import csv
import io
import stat
import zipfile
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from facematch.protocol.spreadsheet_cells import as_cell, from_cell
from facematch.server.people.answers import ConsentSent, PersonSent
from facematch.server.web.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from facematch.server.people.models import Details, Person

CSV_NAME: Final = "people.csv"
COLUMNS: Final = (
    "folder",
    "id",
    "name",
    "rooms",
    "tolerance",
    "basis",
    "consent_at",
    "consent_by",
    "consent_text_version",
    "delete_at",
)
"""Of people.csv; `folder` or `name` is needed, the others may be missing. Several rooms have `;` between them."""
MOST_ENTRIES: Final = 50_000
LARGEST_CSV: Final = 4 << 20
_GROWTH: Final = 2
"""Photographs hardly shrink in a zip: one that grows to more than this many times its size is none of photographs."""
_SPARE: Final = 16 << 20
_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp")
_PLAIN: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_PARTS: Final = 2
"""Of the path of a photo."""


class ArchiveError(ValueError):
    """The archive cannot be read; says why, in words for a person."""


@dataclass(frozen=True, slots=True)
class Row:
    """What people.csv, or the name of a folder alone, says of a person."""

    folder: str
    id: str | None
    details: Details


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something in the archive that is not read, and why."""

    path: str
    code: str
    detail: str


class Archive:
    """What an archive holds.

    Args:
        data: the file.

    Raises:
        ArchiveError: it is none, is damaged, or is made to do harm.
    """

    def __init__(self, data: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
            raise ArchiveError("This is not a zip file, or it is damaged.") from error
        entries = [entry for entry in self._zip.infolist() if not entry.is_dir()]
        if len(entries) > MOST_ENTRIES:
            raise ArchiveError(f"The archive holds more than {MOST_ENTRIES} files. Send it in parts.")
        if sum(entry.file_size for entry in entries) > _GROWTH * len(data) + _SPARE:
            raise ArchiveError("The archive unpacks to much more than it is. Pack the photos as they are.")
        self.skipped: list[Skipped] = []
        """What is not read."""
        self.photos: dict[str, list[zipfile.ZipInfo]] = {}
        """By folder, in the archive's order."""
        table: zipfile.ZipInfo | None = None
        for entry in entries:
            if entry.filename == CSV_NAME and _trouble(entry) is None:
                table = entry
            else:
                self._sort_in(entry)
        self.rows = self._rows(table)
        """One for each folder, and for each line of people.csv without one."""

    def read(self, entry: zipfile.ZipInfo, limit: int) -> bytes:
        """A photo.

        Raises:
            ArchiveError: it is larger than `limit` bytes, or damaged.
        """
        try:
            with self._zip.open(entry) as file:
                data = file.read(limit + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
            raise ArchiveError("The file is damaged in the archive.") from error
        if len(data) > limit:
            raise ArchiveError(f"The photo is too large: at most {limit >> 10} kB.")
        return data

    def _sort_in(self, entry: zipfile.ZipInfo) -> None:
        parts = entry.filename.split("/")
        if "__MACOSX" in parts or parts[-1].startswith(".") or parts[-1] in ("Thumbs.db", "desktop.ini"):
            return  # what systems leave there
        if (trouble := _trouble(entry)) is not None:
            self.skipped.append(trouble)
        elif len(parts) != _PARTS or not parts[0].strip() or parts[0] in (".", "..") or "\\" in entry.filename:
            self._skip(entry, "NOT_IN_A_FOLDER", "Photos lie in a folder that has the person's name.")
        elif not parts[1].lower().endswith(_SUFFIXES):
            self._skip(entry, "NOT_AN_IMAGE", "This is not a JPEG, PNG or WebP image.")
        else:
            self.photos.setdefault(parts[0], []).append(entry)

    def _skip(self, entry: zipfile.ZipInfo, code: str, detail: str) -> None:
        self.skipped.append(Skipped(entry.filename, code, detail))

    def _rows(self, table: zipfile.ZipInfo | None) -> list[Row]:
        rows = _read_table(self.read(table, LARGEST_CSV)) if table else []
        known = {row.folder for row in rows}
        if len(known) != len(rows):
            raise ArchiveError(f"{CSV_NAME}: two lines have the same folder. Give each person a folder of their own.")
        for folder in self.photos:
            if folder not in known:
                rows.append(_row({"folder": folder}, f"folder {folder[:80]!r}"))
        return rows


def _trouble(entry: zipfile.ZipInfo) -> Skipped | None:
    """Why a file is not read whatever it is."""
    if stat.S_ISLNK(entry.external_attr >> 16):
        return Skipped(entry.filename, "A_LINK", "This is a link. Pack the photo itself.")
    if entry.flag_bits & 1:
        return Skipped(entry.filename, "ENCRYPTED", "The file has a password. Pack it without.")
    if entry.compress_type not in _PLAIN:
        return Skipped(entry.filename, "NOT_AN_IMAGE", "The file is packed in a way that is not read. Use plain zip.")
    return None


def _read_table(data: bytes) -> list[Row]:
    try:
        text = data.decode("utf-8-sig")
        lines = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        if unknown := set(lines.fieldnames or ()) - set(COLUMNS):
            names = ", ".join(sorted(str(name)[:40] for name in unknown))
            raise ArchiveError(f"{CSV_NAME}: there are no columns {names}; those there are: {', '.join(COLUMNS)}.")
        return [_row(line, f"{CSV_NAME}, line {number}") for number, line in enumerate(lines, 2)]
    except UnicodeDecodeError:
        raise ArchiveError(f"{CSV_NAME} is not UTF-8. Save it as UTF-8.") from None
    except csv.Error as error:
        raise ArchiveError(f"{CSV_NAME} cannot be read: {error}.") from None


def _row(line: dict[str, str], where: str) -> Row:
    def cell(name: str) -> str:
        return from_cell(line.get(name) or "").strip()

    consent = None
    try:
        if cell("consent_at"):
            consent = ConsentSent.model_validate(
                {
                    "at": _time(cell("consent_at")),
                    "by": cell("consent_by"),
                    "text_version": cell("consent_text_version"),
                }
            )
        sent = PersonSent.model_validate(
            {
                "name": cell("name") or cell("folder"),
                "rooms": [room.strip() for room in cell("rooms").split(";") if room.strip()],
                "tolerance": cell("tolerance") or None,
                "basis": cell("basis"),
                "consent": consent,
                "delete_at": _time(cell("delete_at")) if cell("delete_at") else None,
            }
        )
    except ValidationError as error:
        why = invalid(error.errors(include_url=False, include_input=False, include_context=False)).detail
        raise ArchiveError(f"{where}: {why}.") from None
    return Row(cell("folder") or sent.name, cell("id") or None, sent.details())


def _time(text: str) -> datetime | str:
    """With the zone UTC when it says none; what is no time, pydantic refuses."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def folders_of(people: Iterable[Person]) -> list[tuple[str, Person]]:
    """A folder for each person, whose name no other has, and no path leads out of."""
    taken: set[str] = set()
    found = []
    for person in people:
        plain = "".join("_" if c in '/\\:*?"<>|' or not c.isprintable() else c for c in person.details.name)
        plain = plain.strip(" .") or person.id
        folder, number = plain, 1
        while folder.casefold() in taken or folder == "__MACOSX":
            number += 1
            folder = f"{plain} ({number})"
        taken.add(folder.casefold())
        found.append((folder, person))
    return found


def table_of(people: Sequence[tuple[str, Person]]) -> bytes:
    """people.csv."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for folder, person in people:
        details, consent = person.details, person.details.consent
        cells = (
            folder,
            person.id,
            details.name,
            ";".join(details.rooms),
            "" if details.tolerance is None else str(details.tolerance),
            details.basis,
            consent.at.isoformat() if consent else "",
            consent.by if consent else "",
            consent.text_version if consent else "",
            details.delete_at.isoformat() if details.delete_at else "",
        )
        writer.writerow(as_cell(cell) for cell in cells)
    return text.getvalue().encode()
