from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load, save

from facematch.faces.gallery import Gallery, empty
from facematch.faces.gallery_file import FORMAT, GalleryFileError, from_bytes, tag_of, to_bytes, version_in
from tests.rig.embeddings import ENCODER, axis, crowd, gallery, person


@pytest.fixture
def people() -> Gallery:
    centroids = crowd(np.random.default_rng(3), 3)
    return gallery(
        replace(person("p_b", centroids[0], 3, rooms={"Büro", "hall"}), tolerance=0.4),
        person("p_a", centroids[1], 1),
        person("p_c", centroids[2], 9, rooms={"hall"}),
        version=12,
    )


def test_what_is_written_is_read(people: Gallery) -> None:
    read = from_bytes(to_bytes(people), encoder=ENCODER)

    assert (read.version, read.encoder, read.ids, read.photo_sets, read.rooms) == (
        12,
        ENCODER,
        people.ids,
        people.photo_sets,
        people.rooms,
    )
    for column in ("photos", "tolerances", "centroids"):
        np.testing.assert_array_equal(getattr(read, column), getattr(people, column))
    assert len(read.candidates("hall")) == 3


def test_a_tag_is_of_this_version_of_these_people(people: Gallery) -> None:
    tag = tag_of(to_bytes(people))

    assert tag == tag_of(to_bytes(people.changed(12)))
    others = (people.changed(13), people.changed(12, removed=["p_a"]), people.changed(12, put=[person("p_a", axis(1))]))
    assert len({tag, *(tag_of(to_bytes(one)) for one in others)}) == 4
    assert [version_in(one) for one in (f'"{tag}"', f'W/"{tag}"', '"12"', '"x-1"', '""', None)] == [12] * 3 + [None] * 3


def test_nobody_can_be_written(people: Gallery) -> None:
    assert len(from_bytes(to_bytes(empty(ENCODER)), encoder=ENCODER)) == 0
    assert len(from_bytes(to_bytes(people.changed(13, removed=people.ids)), encoder=ENCODER)) == 0


def test_one_of_another_encoder_is_refused_with_what_to_do(people: Gallery) -> None:
    with pytest.raises(GalleryFileError, match=r"another encoder \(weights, here it is other\).*FACE_ENCODER"):
        from_bytes(to_bytes(people), encoder="other")


def test_every_cut_is_told(people: Gallery) -> None:
    whole = to_bytes(people)
    for length in range(0, len(whole), 7):
        with pytest.raises(GalleryFileError, match="damaged"):
            from_bytes(whole[:length], encoder=ENCODER)
    with pytest.raises(GalleryFileError, match="damaged"):
        from_bytes(whole + b"x", encoder=ENCODER)


def test_every_changed_byte_is_told_or_changes_nothing(people: Gallery) -> None:
    whole = to_bytes(people)
    for at in range(0, len(whole), 3):
        torn = bytearray(whole)
        torn[at] ^= 0x11
        try:
            read = from_bytes(bytes(torn), encoder=ENCODER)
        except GalleryFileError:
            continue
        assert read.ids == people.ids  # the header's version and blanks are not part of the sum
        np.testing.assert_array_equal(read.centroids, people.centroids)


def test_a_file_of_another_format_or_with_other_columns_is_refused(people: Gallery) -> None:
    whole = to_bytes(people)
    tensors = load(whole)
    metadata = {"format": FORMAT, "encoder": ENCODER, "version": "1"}

    for data, reason in (
        (save(tensors, metadata | {"format": "face-match-gallery-9"}), "another format .face-match-gallery-9."),
        (save(tensors), "another format"),
        (save(tensors | {"names": np.zeros(3, np.uint8)}, metadata), "columns are others"),
        (save(tensors | {"centroids": tensors["centroids"].astype(np.float64)}, metadata), "columns are others"),
        (save(tensors, metadata), "not what was written"),
    ):
        with pytest.raises(GalleryFileError, match=reason):
            from_bytes(data, encoder=ENCODER)
