"""People from a shell, against the real application over real connections."""

from __future__ import annotations

import io
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

from facematch.config.settings import Settings
from facematch.faces.photos.refusal import EnrollmentError
from facematch.people import folder as folder_module
from facematch.people.__main__ import main
from facematch.people.client import ClientError, PeopleClient
from facematch.people.folder import FolderError, parcels
from facematch.people.progress import Progress
from facematch.server.app import Parts, create_app
from tests.rig.embeddings import axis
from tests.rig.neighbours import FakeNeighbours
from tests.rig.ports import free_tcp_port
from tests.rig.seeing import Seeing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

START_SECONDS = 15


class Served:
    """The web process in a thread, and what commands say of it."""

    def __init__(self, folder: Path, examiner: Seeing) -> None:
        port = free_tcp_port()
        self.url = f"http://127.0.0.1:{port}"
        self.folder = folder
        settings = Settings(
            output_dir=folder / "captures",
            data_dir=folder / "data",
            reference_image=folder / "reference" / "current.jpg",
            livekit_url="ws://127.0.0.1:1",
            upload_max_mb=0.5,
        )
        app = create_app(settings, Parts(make_examiner=lambda: examiner, neighbours=FakeNeighbours()))
        self._server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=1))
        self._thread = threading.Thread(target=self._server.run)

    def start(self) -> None:
        self._thread.start()
        until = time.monotonic() + START_SECONDS
        while not self._server.started:
            assert time.monotonic() < until
            time.sleep(0.02)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    def run(self, *arguments: str | Path) -> tuple[int, str]:
        out = io.StringIO()
        return main(["--url", self.url, *map(str, arguments)], out), out.getvalue()


FACES = {b"a1": axis(0.1), b"a2": axis(0.2), b"b1": axis(0, 2), b"k1": axis(0, 0, 2), b"k2": axis(0, 0, 0, 2)}


@pytest.fixture(scope="module")
def examiner() -> Seeing:
    return Seeing(faces=FACES, refused={b"wall": EnrollmentError("NO_FACE", "No face found.")})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, examiner: Seeing) -> Iterator[Served]:
    made = Served(tmp_path_factory.mktemp("served"), examiner)
    made.start()
    yield made
    made.stop()


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_a_folder_in_and_out_and_in_again(served: Served, tmp_path: Path, examiner: Seeing) -> None:
    files = {
        "Alice/1.jpg": b"a1",
        "Alice/2 blurred.PNG": b"blurred",
        "Alice/notes.txt": b"x",
        "@Bob/1.jpg": b"b1",
        "@Bob/wall.jpg": b"wall",
        "people.csv": b"folder,name,rooms\nkim 1,Kim,a\nkim 2,Kim,b\n",
        "kim 1/1.jpg": b"k1",
        "kim 2/1.jpg": b"k2",
        ".hidden/1.jpg": b"x",
    }
    source = write(tmp_path / "in", files)
    code, said = served.run("import", source, "--dry-run")
    assert (code, said.splitlines()[-1]) == (1, "5 photos would be taken, 0 were there, 1 refused; 4 new people.")
    assert served.run("list") == (0, "0 people\n")

    code, said = served.run("import", source)
    assert code == 1
    assert "@Bob/wall.jpg: No face found." in said
    assert "Alice/2 blurred.PNG: taken, but weak. The face is blurred." in said
    assert said.splitlines()[-1] == "5 photos taken, 0 were there, 1 refused; 4 new people."
    (source / "@Bob" / "wall.jpg").unlink()
    code, said = served.run("import", source)
    assert (code, said) == (0, "0 photos taken, 5 were there, 0 refused; 0 new people.\n")
    code, said = served.run("list")
    assert said.count("Kim") == 2
    assert said.splitlines()[-1] == "4 people"
    assert " 2 photos  Alice  (FEW_PHOTOS, NO_BASIS)" in said

    target = tmp_path / "out"
    assert served.run("export", target) == (0, f"4 people are in {target}.\n")
    photos = sorted(target.glob("*/*.jpg"))
    assert [photo.read_bytes() for photo in photos].count(b"stored a1") == 1
    assert len(photos) == 5
    assert {path.name for path in target.iterdir()} == {"Alice", "@Bob", "Kim", "Kim (2)", "people.csv"}
    photos[0].write_bytes(b"damaged")
    before = [photo.stat().st_mtime_ns for photo in photos]
    assert served.run("export", target)[0] == 0
    after = [photo.stat().st_mtime_ns for photo in photos]
    assert (before[0] != after[0], before[1:]) == (True, after[1:]), "what is there whole is not fetched again"
    code, said = served.run("import", target)
    assert (code, said) == (0, "0 photos taken, 5 were there, 0 refused; 0 new people.\n")


def test_nobody_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{free_tcp_port()}"
    assert main(["--url", url, "list"]) == 1
    assert f"Nothing answers at {url}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("files", "sentence"),
    [({}, "holds no folders"), ({"people.csv": b"\xff\xfe"}, "people.csv cannot be read")],
)
def test_a_folder_that_is_none_of_people(
    served: Served, tmp_path: Path, files: dict[str, bytes], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert served.run("import", write(tmp_path, files))[0] == 1
    assert sentence in capsys.readouterr().err


def test_a_refusal_is_said_in_its_own_words(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write(tmp_path, {"people.csv": b"name,colour\nA,red\n"})
    assert served.run("import", source)[0] == 1
    assert "there are no columns colour" in capsys.readouterr().err
    assert served.run("import", tmp_path / "nowhere")[0] == 1
    assert "is no folder" in capsys.readouterr().err


def test_while_the_api_is_busy_it_is_asked_again(served: Served, tmp_path: Path, monkeypatch: Any) -> None:
    waited: list[float] = []

    def free(seconds: float) -> None:
        waited.append(seconds)
        monkeypatch.undo()

    monkeypatch.setattr("facematch.server.gallery.enrollment._PLACES", 0)
    [parcel] = parcels(write(tmp_path / "in", {"Dora/1.jpg": b"a1"}))
    with PeopleClient(served.url, None, tmp_path, sleep=free) as client:
        assert list(client.take(parcel.archive(), dry=True))[-1]["done"]
    assert waited == [3.0]
    monkeypatch.setattr("facematch.server.gallery.enrollment._PLACES", 0)
    clock = iter([0.0, 1000.0])
    with (
        PeopleClient(served.url, None, tmp_path, sleep=free, monotonic=lambda: next(clock)) as client,
        pytest.raises(ClientError, match="Other photos"),
    ):
        list(client.take(parcel.archive(), dry=True))


def test_many_photos_are_sent_in_parts_and_people_of_one_name_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "LARGEST", 5)
    files = {f"Alice/{number}.jpg": b"xx" for number in range(5)} | {"two/1.jpg": b"x", "one/1.jpg": b"x"}
    files["people.csv"] = b"folder,name\none,Kim\ntwo,kim\nnobody,Zoe\n"
    found = list(parcels(write(tmp_path, files)))
    shape = sorted((parcel.names, len(parcel.photos)) for parcel in found)
    assert shape == [(("Alice",), 1), (("Alice",), 2), (("Alice",), 2), (("nobody",), 0), (("one", "two"), 2)]
    with pytest.raises(FolderError):
        list(parcels(tmp_path / "Alice" / "0.jpg"))


def test_progress_on_a_terminal_and_in_a_file() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for out, expected in ((Terminal(), "[###############...............] 1/2"), (io.StringIO(), "1 of 2\nsaid\n")):
        progress = Progress(2, out, iter([0.0, 11.0, 11.0]).__next__)
        progress.step()
        progress.say("said")
        progress.end()
        assert expected in out.getvalue()
