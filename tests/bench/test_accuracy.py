"""What is said when there is nothing to measure, and that a saved file is read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench import accuracy
from bench.rates import over_people

if TYPE_CHECKING:
    from pathlib import Path


def saved(path: Path, **changed: object) -> Path:
    rng = np.random.default_rng(1)
    arrays = {
        "people": rng.normal(size=(8, 128)),
        "person": np.repeat([0, 1], 4),
        "strangers": rng.normal(size=(5, 128)),
    }
    np.savez_compressed(path, **(arrays | changed))  # type: ignore[arg-type]
    return path


def test_a_saved_file_is_read_back(tmp_path: Path) -> None:
    faces = accuracy.read(saved(tmp_path / "faces.npz"))
    assert faces.embeddings.shape == (8, 128)
    assert faces.person.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert faces.strangers.shape == (5, 128)


def test_another_file_is_refused_with_a_sentence(tmp_path: Path) -> None:
    text = tmp_path / "text.npz"
    text.write_text("no embeddings")
    for path in (text, tmp_path / "absent.npz", saved(tmp_path / "short.npz", strangers=np.zeros((5, 64)))):
        with pytest.raises(SystemExit, match="is no file that --save wrote"):
            accuracy.read(path)
    with pytest.raises(SystemExit, match="whose each photograph is"):
        accuracy.read(saved(tmp_path / "whose.npz", person=np.zeros(3)))


def test_too_few_photographs_are_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    few = accuracy.read(saved(tmp_path / "few.npz", people=np.zeros((2, 128)), person=np.arange(2)))
    accuracy.measured(few, rounds=1)
    told = capsys.readouterr().out
    assert "nobody has two photographs or more" in told
    assert "nobody has more than 3 photographs" in told
    assert '"bench": "accuracy"' in told.splitlines()[-1]


def test_one_person_says_nothing_of_others() -> None:
    rate = over_people(np.array([0.6]), np.random.default_rng(1))
    assert (rate.value, rate.low, rate.high) == (0.6, 0.0, 1.0)
