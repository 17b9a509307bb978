"""Archives of people: what is read of them, and what is refused."""

from __future__ import annotations

import io
import stat
import zipfile

import pytest

from facematch.server.people import archive as module
from facematch.server.people.archive import Archive, ArchiveError, folders_of, table_of
from facematch.server.people.models import Consent, Details, Person
from tests.rig.gallery_client import zipped
from tests.rig.people import NOON


def test_folders_are_people_and_files_are_photos() -> None:
    files = {
        "Alice/1.jpg": b"a",
        "Alice/2.PNG": b"b",
        "Bob B./x.webp": b"c",
        "__MACOSX/Alice/._1.jpg": b"",
        "Alice/.DS_Store": b"",
        "Bob B./Thumbs.db": b"",
        "Empty/": b"",
    }
    archive = Archive(zipped(files))
    assert {row.folder: row.details for row in archive.rows} == {"Alice": Details("Alice"), "Bob B.": Details("Bob B.")}
    assert [entry.filename for entry in archive.photos["Alice"]] == ["Alice/1.jpg", "Alice/2.PNG"]
    assert archive.read(archive.photos["Alice"][1], 10) == b"b"
    assert archive.skipped == []


@pytest.mark.parametrize(
    "name",
    ["1.jpg", "/etc/1.jpg", "../1.jpg", "./1.jpg", "a/b/1.jpg", "a/../../1.jpg", "C:\\a\\1.jpg", "a\\1.jpg", " /1.jpg"],
)
def test_a_path_that_leads_elsewhere_is_not_read(name: str) -> None:
    archive = Archive(zipped({name: b"x"}))
    assert (archive.photos, [one.code for one in archive.skipped]) == ({}, ["NOT_IN_A_FOLDER"])


def test_other_files_links_and_passwords_are_said() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as writing:
        writing.writestr("Alice/notes.txt", b"x")
        link = zipfile.ZipInfo("Alice/link.jpg")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        writing.writestr(link, b"/etc/passwd")
        packed = zipfile.ZipInfo("Alice/lzma.jpg")
        writing.writestr(packed, b"x", zipfile.ZIP_LZMA)
    archive = Archive(out.getvalue())
    assert archive.photos == {}
    assert [one.code for one in archive.skipped] == ["NOT_AN_IMAGE", "A_LINK", "NOT_AN_IMAGE"]


@pytest.mark.parametrize("data", [b"", b"rubbish", b"PK\x03\x04" + b"x" * 100, zipped({"a/1.jpg": b"x"})[:-10]])
def test_what_is_no_archive(data: bytes) -> None:
    with pytest.raises(ArchiveError, match="not a zip file"):
        Archive(data)


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SPARE", 1000)
    bomb = zipped({"a/1.jpg": b"\0" * 1_000_000}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 2000
    with pytest.raises(ArchiveError, match="unpacks to much more"):
        Archive(bomb)
    monkeypatch.setattr(module, "MOST_ENTRIES", 1)
    with pytest.raises(ArchiveError, match="more than 1 files"):
        Archive(zipped({"a/1.jpg": b"", "a/2.jpg": b""}))


def test_a_file_that_is_larger_than_it_says_is_given_up() -> None:
    whole = zipped({"a/1.jpg": b"\0" * 100_000}, zipfile.ZIP_DEFLATED)
    lying = whole.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert lying != whole
    archive = Archive(lying)
    with pytest.raises(ArchiveError):
        archive.read(archive.photos["a"][0], 20_000)
    honest = Archive(whole)
    with pytest.raises(ArchiveError, match="too large"):
        honest.read(honest.photos["a"][0], 99_999)


def test_a_damaged_photo_is_said() -> None:
    data = bytearray(zipped({"a/1.jpg": b"picture"}))
    data[data.index(b"picture")] ^= 1
    archive = Archive(bytes(data))
    with pytest.raises(ArchiveError, match="damaged"):
        archive.read(archive.photos["a"][0], 100)


def test_the_table_says_the_rest() -> None:
    table = (
        "\ufefffolder,name,rooms,tolerance,basis,consent_at,consent_by,delete_at\r\n"
        'x,"Åsa, ""the"" boss",a; b ,0.45,contract,2026-01-05T12:00:00,reception,2027-01-05\r\n'
        ",Without photos,,,,,,\r\n"
    )
    archive = Archive(zipped({"people.csv": table.encode(), "x/1.jpg": b"1", "y/1.jpg": b"2"}))
    first, second, third = archive.rows
    assert (first.folder, first.details.name, first.details.rooms) == ("x", 'Åsa, "the" boss', ("a", "b"))
    assert (first.details.tolerance, first.details.basis) == (0.45, "contract")
    assert first.details.consent == Consent(NOON, "reception", "")
    assert first.details.delete_at is not None
    assert first.details.delete_at.isoformat() == "2027-01-05T00:00:00+00:00"
    assert second.details == Details("Without photos")
    assert (third.folder, third.details.name) == ("y", "y")


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (b"name,colour\nAlice,red\n", "no columns colour"),
        (b"name,tolerance\nAlice,much\n", "line 2: tolerance"),
        (b"name,delete_at\nAlice,\nBob,soon\n", "line 3: delete_at"),
        (b"folder,name\na,A\na,B\n", "two lines have the same folder"),
        (b"name\n\xff\xfe\n", "not UTF-8"),
        (b'name\n"Alice\n', "cannot be read"),
        (b"name,basis\n,x\n", "line 2: name"),
    ],
)
def test_a_table_that_does_not_fit_says_where(table: bytes, sentence: str) -> None:
    with pytest.raises(ArchiveError, match=sentence):
        Archive(zipped({"people.csv": table}))


NAMES = ["Alice", "alice", "a/b", "..", ". .", "CON\x00", "__MACOSX", "a:b", "x" * 200, "Åsa", "-", "=1+1", "'=1+1"]


def test_every_name_has_a_folder_that_leads_nowhere_and_comes_back() -> None:
    people = [Person(f"p_{at}", Details(name), NOON, None, None, 1, 0) for at, name in enumerate(NAMES)]
    folders = folders_of(people)
    names = [folder for folder, _ in folders]
    assert len({name.casefold() for name in names}) == len(NAMES)
    files = {"people.csv": table_of(folders)} | {f"{folder}/1.jpg": folder.encode() for folder in names}
    archive = Archive(zipped(files))
    assert archive.skipped == []
    assert b"\n=" not in files["people.csv"], "a spreadsheet would run it"
    assert b",=" not in files["people.csv"]
    assert [row.details.name for row in archive.rows] == NAMES
    assert [(row.folder, row.id) for row in archive.rows] == [(folder, person.id) for folder, person in folders]
    assert set(archive.photos) == set(names)
