"""A photograph becomes a reference, or the reason why not is said."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from facematch.faces.photos import photo as photo_module
from facematch.faces.photos.enrollment import EnrolledPhoto, enroll, read_stored
from facematch.faces.photos.photo import as_jpeg, read_photo
from facematch.faces.photos.refusal import EnrollmentError
from facematch.faces.reference import ReferenceSet
from tests.rig.pictures import frame, photo_bytes, picture

if TYPE_CHECKING:
    from facematch.faces.detector import Detector
    from facematch.faces.encoder import Encoder
    from facematch.faces.engine import FaceEngine

ORIENTATION = 0x0112


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


class Desk:
    """Enrollment with the real models."""

    def __init__(self, detector: Detector, encoder: Encoder) -> None:
        self._parts = detector, encoder
        self._photographs: dict[str, EnrolledPhoto] = {}

    def take(self, data: bytes) -> EnrolledPhoto:
        return enroll(read_photo(data), *self._parts)

    def photograph(self, name: str) -> EnrolledPhoto:
        """One of ours, taken once: the same file gives the same, to the last bit."""
        if name not in self._photographs:
            self._photographs[name] = self.take(photo_bytes(name))
        return self._photographs[name]

    def read(self, data: bytes) -> EnrolledPhoto:
        return read_stored(read_photo(data), data, *self._parts)

    def refusal(self, data: bytes) -> EnrollmentError:
        with pytest.raises(EnrollmentError) as refused:
            self.take(data)
        assert refused.value.detail.endswith(".")
        assert str(refused.value) == refused.value.detail
        return refused.value


@pytest.fixture(scope="module")
def desk(detector: Detector, onnx_encoder: Encoder) -> Desk:
    return Desk(detector, onnx_encoder)


@pytest.fixture(scope="module")
def person() -> Image.Image:
    """A small picture with one clear face."""
    return Image.fromarray(frame("obama", 400, 400, face=140))


def distance(one: EnrolledPhoto, other: EnrolledPhoto) -> float:
    return float(np.linalg.norm(one.embedding - other.embedding))


# --- what is taken


@pytest.mark.parametrize("name", ["biden", "collins", "obama", "obama2", "obama3"])
def test_a_photograph_is_taken(name: str, desk: Desk) -> None:
    taken = desk.take(photo_bytes(name))

    assert taken.embedding.shape == (128,)
    assert max(taken.frame_size) <= 1600
    top, right, bottom, left = taken.bbox
    assert 0 <= top < bottom <= taken.frame_size[1]
    assert 0 <= left < right <= taken.frame_size[0]
    with Image.open(BytesIO(taken.jpeg)) as stored:
        assert (stored.format, stored.mode, stored.size) == ("JPEG", "RGB", taken.frame_size)


@pytest.mark.parametrize("name", ["biden", "collins", "obama", "obama2", "obama3"])
def test_who_loads_what_was_stored_gets_the_same_numbers(name: str, desk: Desk) -> None:
    taken = desk.photograph(name)
    read = desk.read(taken.jpeg)

    assert np.array_equal(read.embedding, taken.embedding)
    assert (read.jpeg, read.bbox, read.frame_size) == (taken.jpeg, taken.bbox, taken.frame_size)


@pytest.mark.parametrize("name", ["biden", "collins", "obama", "obama2", "obama3"])
def test_storing_changes_the_person_little(name: str, desk: Desk) -> None:
    taken = desk.photograph(name)

    assert distance(taken, desk.read(photo_bytes(name))) < 0.1
    assert distance(taken, desk.take(taken.jpeg)) < 0.05


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 90}),
        ("JPEG", {"quality": 90, "progressive": True}),
        ("PNG", {}),
        ("PNG", {"interlace": 1}),
        ("WEBP", {"quality": 90}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_kinds_of_files(kind: str, options: dict[str, Any], desk: Desk, person: Image.Image) -> None:
    assert distance(desk.take(encoded(person, kind, **options)), desk.take(encoded(person))) < 0.15


def _sixteen_bits(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "16 bits", "palette with transparency"])
def test_kinds_of_pixels(mode: str, desk: Desk, person: Image.Image) -> None:
    if mode == "16 bits":
        data = encoded(_sixteen_bits(person))
    elif mode == "palette with transparency":
        data = encoded(person.convert("P"), transparency=bytes([0] + [255] * 255))
    else:
        data = encoded(person.convert(mode))
    assert distance(desk.take(data), desk.take(encoded(person))) < 0.45


def test_a_cmyk_jpeg(desk: Desk, person: Image.Image) -> None:
    assert distance(desk.take(encoded(person.convert("CMYK"), "JPEG")), desk.take(encoded(person))) < 0.3


def test_sixteen_bits_of_grey_are_divided_and_not_cut_off() -> None:
    grey = Image.fromarray(np.linspace(0, 65535, 256 * 4, dtype=np.uint16).reshape(4, 256))
    found = np.asarray(read_photo(encoded(grey)).picture)[..., 0].ravel()
    assert found.tolist() == [value >> 8 for value in np.linspace(0, 65535, 1024, dtype=np.uint16).tolist()]


def test_what_is_transparent_is_white() -> None:
    clear = Image.new("RGBA", (8, 8), (200, 0, 0, 0))
    assert read_photo(encoded(clear)).picture.getpixel((4, 4)) == (255, 255, 255)
    half = Image.new("RGBA", (8, 8), (0, 0, 0, 128))
    assert read_photo(encoded(half)).picture.getpixel((4, 4)) == (127, 127, 127)
    keyed = encoded(Image.new("RGB", (8, 8), (1, 2, 3)), transparency=(1, 2, 3))
    assert read_photo(keyed).picture.getpixel((4, 4)) == (255, 255, 255)


def test_black_and_white() -> None:
    assert read_photo(encoded(Image.new("1", (8, 8), 1))).picture.getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_it_stands_upright_as_pillow_would_turn_it(orientation: int, kind: str) -> None:
    colours = Image.fromarray(np.arange(24 * 32 * 3, dtype=np.uint8).reshape(24, 32, 3) // 40 * 40)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = encoded(colours, kind, exif=exif, **({} if kind == "PNG" else {"quality": 95}))

    upright = read_photo(data)

    with Image.open(BytesIO(data)) as file:
        expected = ImageOps.exif_transpose(file).convert("RGB")
    assert upright.size == expected.size == upright.picture.size
    assert np.array_equal(np.asarray(upright.picture), np.asarray(expected))


def test_a_photograph_on_its_side_is_taken_and_stored_upright(desk: Desk, person: Image.Image) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    lying = encoded(person.crop((0, 0, 400, 300)).rotate(90, expand=True), "JPEG", quality=95, exif=exif)
    taken = desk.take(lying)
    assert taken.frame_size == (400, 300)
    with Image.open(BytesIO(taken.jpeg)) as stored:
        assert ORIENTATION not in stored.getexif()


@pytest.mark.parametrize(
    "junk", [b"Exif\0\0", b"Exif\0\0II*\0\x08\0\0\0\xff\xff", b"Exif\0\0MM\0*" + b"\xff" * 200, b"x" * 99]
)
def test_a_corrupt_exif_block_spoils_nothing(junk: bytes, desk: Desk, person: Image.Image) -> None:
    assert desk.take(encoded(person, "JPEG", exif=junk)).frame_size == (400, 400)


def test_a_strange_orientation_is_none(person: Image.Image) -> None:
    for value in (0, 9, 65535):
        exif = Image.Exif()
        exif[ORIENTATION] = value
        assert read_photo(encoded(person.crop((0, 0, 40, 30)), "PNG", exif=exif)).size == (40, 30)


def test_nothing_but_pixels_is_stored(desk: Desk, person: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x010E] = "SECRET-DESCRIPTION"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 0.0)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encoded(person, "JPEG", exif=exif, icc_profile=profile, comment=b"SECRET-COMMENT") + b"SECRET-TAIL"

    taken = desk.take(data)

    assert b"SECRET" not in taken.jpeg
    assert b"Exif" not in taken.jpeg
    assert b"ICC_PROFILE" not in taken.jpeg
    assert taken.jpeg.endswith(b"\xff\xd9")


def test_an_animation_counts_as_its_first_picture(desk: Desk, person: Image.Image) -> None:
    blank = Image.new("RGB", person.size)
    for kind in ("PNG", "WEBP"):
        data = encoded(person, kind, save_all=True, append_images=[blank, blank], lossless=True, default_image=False)
        assert desk.take(data).frame_size == (400, 400)


def test_several_pictures_in_one_jpeg_count_as_the_first(desk: Desk, person: Image.Image) -> None:
    data = encoded(person, "MPO", save_all=True, append_images=[Image.new("RGB", (64, 64))])
    assert desk.take(data).frame_size == (400, 400)


def _swapped_profile() -> bytes:
    """A colour profile that no screen has: sRGB with the red and blue colorants exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", profile[128:132])[0]
    tags = {profile[132 + 12 * i : 136 + 12 * i].decode(): 132 + 12 * i for i in range(count)}
    red, blue = tags["rXYZ"], tags["bXYZ"]
    profile[red : red + 4], profile[blue : blue + 4] = profile[blue : blue + 4], profile[red : red + 4]
    return bytes(profile)


def test_a_colour_profile_is_applied() -> None:
    red = Image.new("RGB", (8, 8), (200, 30, 30))
    seen = read_photo(encoded(red, icc_profile=_swapped_profile())).picture.getpixel((4, 4))
    assert isinstance(seen, tuple)
    assert seen[2] > seen[0]


@pytest.mark.parametrize("profile", [b"", b"junk", b"\0" * 3000, _swapped_profile()[:200]])
def test_a_useless_colour_profile_is_left_out(profile: bytes) -> None:
    red = Image.new("RGB", (8, 8), (200, 30, 30))
    assert read_photo(encoded(red, icc_profile=profile)).picture.getpixel((4, 4)) == (200, 30, 30)


# --- sizes


def test_a_large_photograph_is_stored_smaller(desk: Desk) -> None:
    large = picture("obama").resize((3640, 4548), Image.Resampling.BILINEAR)
    taken = desk.take(encoded(large, "JPEG", quality=80))
    assert max(taken.frame_size) == 1600
    assert len(taken.jpeg) < 1_500_000
    assert distance(taken, desk.photograph("obama")) < 0.2


def test_a_small_face_in_a_large_photograph_is_stored_as_its_surroundings(desk: Desk) -> None:
    scene = Image.fromarray(frame("obama2", 3200, 2134, face=100, across=0.7))
    data = encoded(scene, "JPEG", quality=92)

    taken = desk.take(data)

    assert taken.frame_size[0] < 1600
    assert taken.bbox[1] - taken.bbox[3] > 70
    assert distance(taken, desk.photograph("obama")) < 0.5
    assert np.array_equal(desk.read(taken.jpeg).embedding, taken.embedding)
    assert distance(taken, desk.read(data)) < 0.1


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_too_many_pixels_are_refused_unread(kind: str, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("LARGEST_PIXELS", "LARGEST_JPEG_PIXELS"):
        monkeypatch.setattr(photo_module, limit, 9_999)
    monkeypatch.setattr(photo_module, "_decoded", lambda _file: pytest.fail("decoded"))
    refusal = desk.refusal(encoded(Image.new("RGB", (100, 100)), kind))
    assert (refusal.code, refusal.frame_size) == ("TOO_LARGE", (100, 100))
    assert "100 x 100 pixels" in refusal.detail


def _png_of(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in ((b"IHDR", header), *chunks, (b"IEND", b"")))


@pytest.mark.parametrize("size", [(8000, 5001), (40_000, 10), (2**31 - 1, 2**31 - 1), (100_000, 100_000)])
def test_a_header_that_claims_too_much(size: tuple[int, int], desk: Desk) -> None:
    refusal = desk.refusal(_png_of(*size, (b"IDAT", zlib.compress(b"\0" * 1000))))
    assert (refusal.code, refusal.frame_size) == ("TOO_LARGE", size)


def test_bombs_in_the_metadata(desk: Desk) -> None:
    bomb = zlib.compress(b"\0" * 80_000_000)
    for kind, head in ((b"zTXt", b"a\0\0"), (b"iCCP", b"a\0\0")):
        data = _png_of(4, 4, (kind, head + bomb), (b"IDAT", zlib.compress(b"\0" * 52)))
        assert desk.refusal(data).code in ("NOT_AN_IMAGE", "NO_FACE")


# --- what is refused


@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"hello, I am a photograph.jpg", b"GIF89a" + b"\0" * 99, b"%PDF-1.7", b"\xff\xd8\xff", b"RIFF....WEBP"],
)
def test_what_is_no_picture(data: bytes, desk: Desk) -> None:
    refusal = desk.refusal(data)
    assert (refusal.code, refusal.faces) == ("NOT_AN_IMAGE", ())


def test_a_telephones_own_format_is_named(desk: Desk) -> None:
    assert "HEIC" in desk.refusal(b"\0\0\0\x18ftypheic" + b"\0" * 99).detail


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.95])
def test_a_file_cut_short(kind: str, part: float, desk: Desk, person: Image.Image) -> None:
    data = encoded(person, kind)
    refusal = desk.refusal(data[: int(len(data) * part)])
    assert refusal.code == "NOT_AN_IMAGE"
    assert "damaged" in refusal.detail


def test_no_face(desk: Desk) -> None:
    refusal = desk.refusal(photo_bytes("no_face"))
    assert (refusal.code, refusal.frame_size, refusal.faces) == ("NO_FACE", (600, 400), ())
    assert refusal.detail == "No face found. Use a photo with one clear, frontal face at least 80 pixels wide."


def test_two_people_and_a_false_third(desk: Desk) -> None:
    refusal = desk.refusal(photo_bytes("two_faces"))
    assert (refusal.code, refusal.frame_size, len(refusal.faces)) == ("MULTIPLE_FACES", (1260, 700), 2)
    assert refusal.detail.startswith("2 faces found.")
    middles = sorted((left + right) / 2 for _top, right, _bottom, left in refusal.faces)
    assert middles == pytest.approx([303, 860], abs=30)


def test_one_person_and_a_false_second(desk: Desk) -> None:
    """The right half of the same picture: a face that scores 1 and something that scores 0.03."""
    half = picture("two_faces").crop((630, 0, 1260, 700))
    taken = desk.take(encoded(half))
    assert (taken.bbox[1] + taken.bbox[3]) / 2 == pytest.approx(230, abs=30)


def test_somebody_small_in_the_background(desk: Desk) -> None:
    scene = Image.fromarray(frame("obama", 900, 900, face=260, across=0.35))
    scene.paste(Image.fromarray(frame("biden", 200, 200, face=80)), (680, 20))
    taken = desk.take(encoded(scene))
    assert (taken.bbox[1] + taken.bbox[3]) / 2 == pytest.approx(315, abs=60)


def test_a_second_person_of_the_same_size(desk: Desk) -> None:
    scene = Image.fromarray(np.hstack([frame("obama", 400, 400, face=150), frame("biden", 400, 400, face=110)]))
    assert desk.refusal(encoded(scene)).code == "MULTIPLE_FACES"


@pytest.mark.parametrize("face", [36, 50, 70])
def test_a_face_too_small(face: int, desk: Desk) -> None:
    refusal = desk.refusal(encoded(Image.fromarray(frame("obama", 400, 300, face=face, across=0.3))))
    assert (refusal.code, refusal.frame_size, len(refusal.faces)) == ("FACE_TOO_SMALL", (400, 300), 1)
    top, right, bottom, left = refusal.faces[0]
    assert right - left < 80
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((120, 150), abs=25)
    assert f"about {right - left} pixels" in refusal.detail


def test_boxes_of_a_refusal_are_in_the_photograph_as_its_owner_sees_it(desk: Desk) -> None:
    large = picture("two_faces").resize((3780, 2100), Image.Resampling.BILINEAR).rotate(90, expand=True)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    refusal = desk.refusal(encoded(large, "JPEG", quality=85, exif=exif))
    assert (refusal.code, refusal.frame_size) == ("MULTIPLE_FACES", (3780, 2100))
    middles = sorted((left + right) / 2 for _top, right, _bottom, left in refusal.faces)
    assert middles == pytest.approx([909, 2580], abs=100)


# --- through the engine


async def test_the_engine_enrolls_and_recognises(engine: FaceEngine) -> None:
    taken = await engine.enroll(photo_bytes("obama"))
    stored = await engine.read_stored(taken.jpeg)
    assert np.array_equal(stored.embedding, taken.embedding)

    reference = ReferenceSet("obama", stored.embedding[np.newaxis])
    (face,) = await engine.inspect(frame("obama3", 640, 360, face=100))
    assert reference.distance(face.embedding) < 0.45
    with pytest.raises(EnrollmentError):
        await engine.enroll(b"no picture")


# --- damaged files


SEEDS = {
    kind: encoded(Image.fromarray(frame("obama", 96, 96, face=60)), kind, **options)
    for kind, options in (("JPEG", {"quality": 60}), ("PNG", {}), ("WEBP", {"quality": 50}))
}


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(SEEDS[draw(st.sampled_from(sorted(SEEDS)))])
    for _ in range(draw(st.integers(1, 8))):
        # the first kilobyte holds the structure; damage to the pixels says little
        position = draw(st.integers(0, min(len(data), 1024) - 1) | st.integers(0, len(data) - 1))
        match draw(st.sampled_from(["set", "cut out", "insert", "end"])):
            case "set":
                data[position] = draw(st.integers(0, 255))
            case "cut out":
                del data[position : position + draw(st.integers(1, 40))]
            case "insert":
                data[position:position] = draw(st.binary(min_size=1, max_size=40))
            case _ if position > 20:
                del data[position:]
        if not data:
            return b""
    return bytes(data)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=damaged())
def test_damaged_files_are_taken_or_refused_never_worse(data: bytes, desk: Desk) -> None:
    try:
        taken = desk.take(data)
    except EnrollmentError:
        return
    assert taken.jpeg.startswith(b"\xff\xd8\xff")


@settings(max_examples=200, deadline=None)
@given(
    data=st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x40\0\0\0WEBP"]).flatmap(
        lambda start: st.binary(max_size=200).map(lambda rest: start + rest)
    )
)
def test_junk_behind_a_good_start(data: bytes) -> None:
    with pytest.raises(EnrollmentError):
        read_photo(data)


def test_the_jpeg_that_is_stored_keeps_the_pixels_near(person: Image.Image) -> None:
    stored = np.asarray(read_photo(as_jpeg(person)).picture).astype(int)
    assert np.abs(stored - np.asarray(person).astype(int)).mean() < 2


@pytest.mark.parametrize("size", [(1, 1), (1600, 1), (400, 400), (1600, 1200)])
def test_noise_can_be_stored(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (size[1], size[0], 3), np.uint8)
    assert read_photo(as_jpeg(Image.fromarray(noise))).size == size


# --- lying on its side, and nothing in the file says so


@pytest.mark.parametrize(("lies", "turned"), [(90, 90), (270, 270), (180, 180)])
def test_a_photograph_that_lies_is_turned(lies: int, turned: int, desk: Desk, person: Image.Image) -> None:
    """`lies`: degrees, against the clock, from how it should stand."""
    scene = person.crop((0, 0, 400, 340))
    upright = desk.take(encoded(scene))
    data = encoded(scene.rotate(lies, expand=True))
    taken = desk.take(data)
    assert (taken.turned, taken.frame_size) == (turned, (400, 340))
    assert distance(taken, upright) < 0.1
    assert taken.bbox == pytest.approx(upright.bbox, abs=20)
    assert desk.read(taken.jpeg).turned == 0
    assert np.array_equal(desk.read(taken.jpeg).embedding, taken.embedding)
    by_hand = desk.read(data)
    assert (by_hand.turned, by_hand.jpeg) == (turned, data)
    assert distance(by_hand, upright) < 0.1


def test_a_large_one_is_turned_too(desk: Desk) -> None:
    large = picture("obama").resize((2000, 2500), Image.Resampling.BILINEAR).rotate(90, expand=True)
    taken = desk.take(encoded(large, "JPEG", quality=80))
    assert (taken.turned, taken.frame_size) == (90, (1280, 1600))


def test_one_that_stands_stays(desk: Desk) -> None:
    assert {desk.photograph(name).turned for name in ("biden", "collins", "obama", "obama2", "obama3")} == {0}


def test_two_people_who_lie_are_two_people(desk: Desk) -> None:
    refusal = desk.refusal(encoded(picture("two_faces").rotate(90, expand=True)))
    assert (refusal.code, refusal.frame_size, refusal.faces) == ("MULTIPLE_FACES", (700, 1260), ())


@pytest.mark.parametrize("size", [(8_660, 5_774), (8_000, 6_000)])
def test_what_telephones_call_fifty_megapixels(size: tuple[int, int], desk: Desk) -> None:
    scene = Image.fromarray(frame("obama", 866, 577, face=200)).resize(size, Image.Resampling.BILINEAR)
    taken = desk.take(encoded(scene, "JPEG", quality=60))
    assert max(taken.frame_size) == 1600
    assert distance(taken, desk.photograph("obama")) < 0.4
