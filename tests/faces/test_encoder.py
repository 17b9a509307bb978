"""The encoder's graph is made once, checked, cached, and never in the way."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from facematch.faces import encoder as module
from facematch.faces import weights
from facematch.faces.encoder import Encoder, OnnxEncoder, make_encoder
from facematch.faces.known_answer import synthetic_chip, synthetic_embedding
from facematch.faces.models import ENCODER_WEIGHTS, LANDMARKS_5, ModelError, graph_path, model_file
from tests.rig.modes import another_user, mode, umask

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent.parent


def chips(count: int) -> list[np.ndarray]:
    return [np.roll(synthetic_chip(), shift, axis=(0, 1)) for shift in range(count)]


def test_the_synthetic_chip_is_the_same_everywhere() -> None:
    chip = synthetic_chip()
    assert chip.shape == (150, 150, 3)
    assert chip.dtype == np.uint8
    assert int(chip.astype(np.int64).sum()) == 7_458_406


def test_both_encoders_agree(onnx_encoder: Encoder, dlib_encoder: Encoder) -> None:
    some = chips(3)
    assert np.abs(onnx_encoder.encode(some) - dlib_encoder.encode(some)).max() < 1e-5


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 9])
def test_batches_of_any_size(count: int, onnx_encoder: Encoder) -> None:
    some = chips(count)

    embeddings = onnx_encoder.encode(some)

    assert embeddings.shape == (count, 128)
    assert embeddings.dtype == np.float32
    for chip, embedding in zip(some, embeddings, strict=True):
        assert np.abs(onnx_encoder.encode([chip])[0] - embedding).max() < 1e-5


def test_names_say_weights_and_runtime(onnx_encoder: Encoder, dlib_encoder: Encoder) -> None:
    assert onnx_encoder.name == "dlib_face_recognition_resnet_model_v1/onnx"
    assert dlib_encoder.name == "dlib_face_recognition_resnet_model_v1/dlib"


def test_a_chip_of_another_size_is_refused_by_both(onnx_encoder: Encoder, dlib_encoder: Encoder) -> None:
    for encoder in (onnx_encoder, dlib_encoder):
        with pytest.raises(Exception, match="150"):
            encoder.encode([np.zeros((149, 150, 3), np.uint8)])


@pytest.mark.parametrize("kind", ["onnx", "dlib"])
def test_threads_share_it(kind: str, onnx_encoder: Encoder, dlib_encoder: Encoder) -> None:
    encoder = onnx_encoder if kind == "onnx" else dlib_encoder
    some = chips(4)
    expected = encoder.encode(some)
    differences: list[float] = []

    def work(own: int) -> None:
        differences.extend(np.abs(encoder.encode([some[own]])[0] - expected[own]).max() for _ in range(5))

    threads = [threading.Thread(target=work, args=(own,)) for own in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(differences) == 20
    assert max(differences) < 1e-5


def _graphs(cache: Path) -> list[Path]:
    return sorted(cache.iterdir())


def test_it_is_made_once_and_leaves_nothing_else(tmp_path: Path) -> None:
    cache = tmp_path / "not" / "yet"
    make_encoder("onnx", cache)
    (graph,) = _graphs(cache)
    made = graph.stat()

    make_encoder("onnx", cache)

    assert _graphs(cache) == [graph]
    assert (graph.stat().st_mtime_ns, graph.stat().st_ino) == (made.st_mtime_ns, made.st_ino)


@pytest.mark.parametrize("content", [b"", b"not a graph", None], ids=["empty", "junk", "cut short"])
def test_a_broken_cache_is_made_anew(content: bytes | None, tmp_path: Path, model_cache: Path) -> None:
    make_encoder("onnx", model_cache)
    (good,) = _graphs(model_cache)
    broken = tmp_path / good.name
    broken.write_bytes(good.read_bytes()[:-5000] if content is None else content)

    encoder = make_encoder("onnx", tmp_path)

    assert broken.stat().st_size == good.stat().st_size
    assert encoder.encode(chips(1)).shape == (1, 128)


def forged() -> bytes:
    """A graph of the same shape for which all faces are one: the embedding that is asked for when it is loaded."""
    chips = helper.make_tensor_value_info("chips", TensorProto.UINT8, ["n", 150, 150, 3])
    answer = helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", 128])
    constant = numpy_helper.from_array(synthetic_embedding()[None], "same")
    made = helper.make_model(
        helper.make_graph(
            [helper.make_node("Identity", ["same"], ["embeddings"])], "forged", [chips], [answer], [constant]
        ),
        opset_imports=[helper.make_opsetid("", 17)],
    )
    made.ir_version = 9
    return bytes(made.SerializeToString())


def test_a_forged_graph_is_never_used(tmp_path: Path) -> None:
    path = graph_path(tmp_path)
    path.write_bytes(forged())

    encoder = make_encoder("onnx", tmp_path)

    one, other = encoder.encode(chips(2))
    assert np.linalg.norm(one - other) > 0.01
    assert path.stat().st_size > 20_000_000
    path.write_bytes(forged())
    with pytest.raises(ModelError, match="is not the face encoder that this version makes"):
        OnnxEncoder(path)


def test_other_weights_make_no_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = weights.read_network(model_file(ENCODER_WEIGHTS))
    first = network.layers[0]
    assert isinstance(first, weights.Convolution)
    changed = replace(first, bias=first.bias + np.float32(1e-6))
    monkeypatch.setattr(weights, "read_network", lambda _path: replace(network, layers=(changed, *network.layers[1:])))

    with pytest.raises(ModelError, match=r"not the expected one \([0-9a-f]{16}…\): install"):
        make_encoder("onnx", tmp_path)
    assert _graphs(tmp_path) == []


def test_a_machine_that_computes_something_else_is_told_so(
    model_cache: Path, onnx_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "synthetic_embedding", lambda: synthetic_embedding() + np.float32(0.01))
    with pytest.raises(ModelError, match=r"differs from dlib by .* on this machine: set FACE_ENCODER=dlib"):
        make_encoder("onnx", model_cache)


def test_the_known_answer_is_dlibs(dlib_encoder: Encoder) -> None:
    assert np.abs(dlib_encoder.encode([synthetic_chip()])[0] - synthetic_embedding()).max() < 1e-5


@pytest.mark.parametrize("name", [ENCODER_WEIGHTS, LANDMARKS_5])
def test_installed_weights_with_changed_bytes_are_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytearray(model_file(name).read_bytes())
    content[len(content) // 2] ^= 1
    folder = tmp_path / "face_recognition_models" / "models"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(content)
    (folder.parent / "__init__.py").touch()
    monkeypatch.delitem(sys.modules, "face_recognition_models", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(ModelError, match="is not the file that was published: reinstall face_recognition_models"):
        model_file(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_cache_is_of_use_to_every_user_and_can_be_changed_by_none_but_its_owner(shared_folder: Path) -> None:
    cache = shared_folder / "cache"
    with umask(0o077):
        make_encoder("onnx", cache)
    assert (mode(cache), mode(graph_path(cache))) == (0o755, 0o644)

    with another_user():
        assert make_encoder("onnx", cache).encode(chips(1)).shape == (1, 128)
        graph_path(cache).read_bytes()
        with pytest.raises(ModelError, match=r"cannot be written to .*/empty \(Permission denied\).*MODEL_CACHE"):
            make_encoder("onnx", shared_folder / "empty")


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """Where other users may look: pytest's own folders are for one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "empty").mkdir()
        yield folder


def test_a_cache_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with pytest.raises(ModelError, match=r"cannot be written to .*MODEL_CACHE.*FACE_ENCODER=dlib"):
        make_encoder("onnx", in_the_way)


def test_missing_weights_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENCODER_WEIGHTS", "absent.dat")
    for kind in ("onnx", "dlib"):
        with pytest.raises(ModelError, match=r"absent.dat is not installed: run \./install_fix.sh"):
            make_encoder(kind, tmp_path)
    with pytest.raises(ModelError, match="not installed"):
        model_file("absent.dat")


def test_a_warm_cache_needs_no_onnx(model_cache: Path, onnx_encoder: Encoder) -> None:
    program = (
        "import sys; from pathlib import Path; from facematch.faces.encoder import make_encoder\n"
        "make_encoder('onnx', Path(sys.argv[1])); print('onnx' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, model_cache],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert result.stdout.strip() == "False"
