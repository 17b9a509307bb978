"""Aligned faces in, 128 numbers each out: dlib's face encoder, run by ONNX Runtime or by dlib itself.

Both run the same weights and agree to about 1e-6. ONNX Runtime is some sixteen times faster than a prebuilt dlib
and lets other threads run meanwhile. Its graph is made once from dlib's file (`python -m facematch.faces`, or at
first use) and cached. The same weights give the same graph, byte for byte, so `GRAPH_SHA256` says whether a file is
that graph, whoever has put it there; and dlib's own answer for one synthetic chip says whether it works on this
machine.
"""

from __future__ import annotations

import hashlib
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import dlib
import numpy as np

from facematch.faces.known_answer import synthetic_chip, synthetic_embedding
from facematch.faces.models import (
    CHIP_SIZE,
    EMBEDDING_SIZE,
    ENCODER_WEIGHTS,
    GRAPH_SHA256,
    ModelError,
    graph_path,
    model_file,
)
from facematch.faces.onnx_runtime import session
from facematch.runtime.atomic_file import write_whole
from facematch.runtime.freed_memory import return_freed_memory
from facematch.runtime.owner_only import PUBLIC_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_NAME = Path(ENCODER_WEIGHTS).stem
_AGREEMENT = 1e-4
"""Largest difference of one number of an embedding between dlib and the graph; ordinary is 1e-6."""
_LARGEST_BATCH = 4
"""Chips per run: the time per chip does not fall beyond it, the memory of a run grows with it."""
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
            ModelError: the file is not the graph that this version makes, or does not give dlib's numbers here.
        """
        self.name = f"{_NAME}/onnx"
        try:
            graph = path.read_bytes()  # once: what is checked is what is run
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror}") from error
        if hashlib.sha256(graph).hexdigest() != GRAPH_SHA256:
            raise ModelError(f"{path} is not the face encoder that this version makes")
        try:
            self._session = session(graph)
            difference = np.abs(self.encode([synthetic_chip()])[0] - synthetic_embedding()).max()
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


def _make_graph(path: Path) -> None:
    """Convert the installed weights, and put the result in place if it is what it should be."""
    from facematch.faces import graph, weights  # noqa: PLC0415  (loads onnx, which a warm cache does without)

    model = graph.build(weights.read_network(model_file(ENCODER_WEIGHTS)))
    if (found := hashlib.sha256(model).hexdigest()) != GRAPH_SHA256:
        raise ModelError(
            f"the converted face encoder is not the expected one ({found[:16]}…): install the packages that "
            "constraints.txt names (./install_fix.sh), or set FACE_ENCODER=dlib"
        )
    try:
        write_whole(path, model, PUBLIC_FILE)
    except OSError as error:
        raise ModelError(
            f"the face encoder cannot be written to {path.parent} ({error.strerror}): make the folder writable, "
            "set MODEL_CACHE to one that is, or set FACE_ENCODER=dlib"
        ) from error
