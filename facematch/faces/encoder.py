"""Aligned faces in, 128 numbers each out: dlib's face encoder, run by ONNX Runtime or by dlib itself.

Both run the same weights and agree to about 1e-6. ONNX Runtime is some sixteen times faster than a prebuilt dlib
and lets other threads run meanwhile. Its graph is made once from dlib's file (`python -m facematch.faces`, or at
first use) and cached; it carries dlib's own answer for one synthetic chip, so that the file is checked
against dlib when it is made and against that answer whenever it is loaded.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import dlib
import numpy as np
import onnxruntime

from facematch.faces.models import (
    CHIP_SIZE,
    EMBEDDING_SIZE,
    ENCODER_WEIGHTS,
    ModelError,
    model_file,
)
from facematch.runtime.freed_memory import return_freed_memory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_NAME = Path(ENCODER_WEIGHTS).stem
_GRAPH_FORMAT = 1
"""Raised whenever the graph that is made from the same weights changes, so that an older cache is not used."""
_ANSWER = "synthetic_chip_embedding"
_AGREEMENT = 1e-4
"""Largest difference of one number of an embedding between dlib and the graph; ordinary is 1e-6."""
_LARGEST_BATCH = 4
"""Chips per run: the time per chip does not fall beyond it, the memory of a run grows with it."""
_ERROR_SEVERITY = 3
_CHIP_SHAPE = (CHIP_SIZE, CHIP_SIZE, 3)


class Encoder(Protocol):
    """Turns aligned faces into embeddings. Any number of threads may call `encode` at once."""

    name: str
    """Which weights, run by what; goes out as an event's `model`."""

    def encode(self, chips: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """The embeddings (n, 128) of n chips, each (150, 150, 3) RGB as `dlib.get_face_chip` cuts them."""
        ...


class OnnxEncoder:
    """dlib's weights in ONNX Runtime: one session for all threads, one core per call."""

    def __init__(self, path: Path) -> None:
        """Load the graph in `path`.

        Raises:
            ModelError: the file is not a graph made by this version, or does not give dlib's numbers here.
        """
        self.name = f"{_NAME}/onnx"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERROR_SEVERITY
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), sess_options=options, providers=["CPUExecutionProvider"]
            )
            answer = self._session.get_modelmeta().custom_metadata_map[_ANSWER]
            expected = np.frombuffer(bytes.fromhex(answer), "<f4")
            difference = np.abs(self.encode([synthetic_chip()])[0] - expected).max()
        except Exception as error:  # ONNX Runtime's own errors have no common base
            raise ModelError(f"{path} is not a usable face encoder: {error}") from error
        if not difference <= _AGREEMENT:
            raise ModelError(f"{path} differs from dlib by {difference:.1e} on this machine: set FACE_ENCODER=dlib")
        return_freed_memory()  # loading a graph leaves some 45 MB

    def encode(self, chips: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """See `Encoder.encode`."""
        embeddings = np.empty((len(chips), EMBEDDING_SIZE), np.float32)
        for start in range(0, len(chips), _LARGEST_BATCH):
            batch = np.stack(chips[start : start + _LARGEST_BATCH])
            (embeddings[start : start + _LARGEST_BATCH],) = self._session.run(None, {"chips": batch})
        return embeddings


class DlibEncoder:
    """dlib's own network, one per thread: slower, and it holds the interpreter lock while it works."""

    def __init__(self) -> None:
        """Find the weights.

        Raises:
            ModelError: they are not installed.
        """
        self.name = f"{_NAME}/dlib"
        self._weights = str(model_file(ENCODER_WEIGHTS))
        self._of_thread = threading.local()

    def encode(self, chips: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """See `Encoder.encode`."""
        network = getattr(self._of_thread, "network", None)
        if network is None:
            network = self._of_thread.network = dlib.face_recognition_model_v1(self._weights)
        embeddings = np.empty((len(chips), EMBEDDING_SIZE), np.float32)
        for row, chip in zip(embeddings, chips, strict=True):
            if chip.shape != _CHIP_SHAPE:
                raise ValueError(f"a chip is {_CHIP_SHAPE}, not {chip.shape}")
            row[:] = network.compute_face_descriptor(np.ascontiguousarray(chip))
        return embeddings


def make_encoder(kind: Literal["onnx", "dlib"], cache: Path) -> Encoder:
    """The encoder of the given kind; for "onnx", its graph is made in the folder `cache` if it is not there.

    Raises:
        ModelError: the weights are missing or not the expected ones, or the graph can be neither made nor read.
    """
    if kind == "dlib":
        return DlibEncoder()
    path = graph_path(cache)
    with suppress(ModelError):  # absent, from a crashed disk, or cut short: made anew below
        return OnnxEncoder(path)
    _make_graph(path)
    return OnnxEncoder(path)


def synthetic_chip() -> NDArray[np.uint8]:
    """A chip that is the same on every machine: waves and a hash of the coordinates, no photograph."""
    rows, columns = np.mgrid[0:CHIP_SIZE, 0:CHIP_SIZE].astype(np.int64)
    noise = ((rows * 2654435761 + columns * 2246822519) & 0xFFFFFFFF) >> 27
    shape = (rows - 75) * (rows - 75) + (columns - 75) * (columns - 75)
    planes = [(shape // divisor + noise) & 0xFF for divisor in (24, 31, 47)]
    return np.stack(planes, axis=-1).astype(np.uint8)


def graph_path(cache: Path) -> Path:
    """Where the graph of the installed weights lies in the folder `cache`, whether or not it is there yet.

    Raises:
        ModelError: the weights are not installed.
    """
    with model_file(ENCODER_WEIGHTS).open("rb") as weights:
        digest = hashlib.file_digest(weights, "sha256").hexdigest()
    return cache / f"face-encoder-{digest[:16]}-f{_GRAPH_FORMAT}.onnx"


def _make_graph(path: Path) -> None:
    """Convert the installed weights, check the result against dlib, and only then put it in place."""
    from facematch.faces import graph, weights  # noqa: PLC0415  (loads onnx, which a warm cache does without)

    source = model_file(ENCODER_WEIGHTS)
    answer = DlibEncoder().encode([synthetic_chip()])[0]
    metadata = {_ANSWER: answer.astype("<f4").tobytes().hex()}
    model = graph.build(weights.read_network(source), metadata)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=path.name, suffix=".tmp", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(model)
                file.flush()
                os.fsync(file.fileno())
            OnnxEncoder(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(
            f"the face encoder cannot be written to {path.parent} ({error.strerror}): make the folder writable, "
            "set MODEL_CACHE to one that is, or set FACE_ENCODER=dlib"
        ) from error
