"""From folders of photographs to faces, with the real engine."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench import accuracy
from bench.album import encoded
from tests.rig.photographs import DATA

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    people = {"Obama": ("obama", "obama2", "obama3"), "Biden": ("biden", "no_face"), "Collins": ("collins",)}
    for person, photographs in people.items():
        (folder / person).mkdir(parents=True)
        for name in photographs:
            shutil.copy(DATA / f"{name}.jpg", folder / person)
    (folder / "Collins" / "broken.jpg").write_bytes(b"no picture")
    (folder / "Collins" / "notes.txt").touch()
    (folder / "read me").touch()
    return folder


async def test_every_photograph_is_encoded_and_told_of(album: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faces = await encoded(album, least=3)

    assert (faces.embeddings.shape, faces.person.tolist(), faces.strangers.shape) == ((3, 128), [0, 0, 0], (2, 128))
    near = np.linalg.norm(faces.embeddings[0] - faces.embeddings[1:], axis=1)
    far = np.linalg.norm(faces.embeddings[:1] - faces.strangers, axis=1)
    assert near.max() < 0.5
    assert far.min() > 0.7
    told = capsys.readouterr().err
    assert "broken.jpg: cannot identify image" in told
    assert "7 of 7 photographs, 2 without a face, " in told


async def test_a_folder_without_people_or_strangers_says_so(album: Path) -> None:
    with pytest.raises(SystemExit, match="0 people have 4 or more photographs with a face, 3 have fewer"):
        await encoded(album, least=4)


def test_what_was_saved_is_measured_the_same(
    album: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(*arguments: object) -> dict[str, object]:
        monkeypatch.setattr(sys, "argv", ["accuracy", *map(str, arguments), "--rounds", "2"])
        accuracy.main()
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "1 people in 3 photographs, 2 strangers"
        found: dict[str, object] = json.loads(lines[-1])
        return {name: value for name, value in found.items() if name != "machine"}

    first = said(album, "--least", 3, "--save", tmp_path / "faces.npz")

    assert said("--embeddings", tmp_path / "faces.npz") == first
    assert first["bench"] == "accuracy"
