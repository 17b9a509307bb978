"""Where the model files are that the `face_recognition_models` package installs.

The package is located, never imported: its import needs `pkg_resources` and, through `face_recognition`, would
load the 68-point landmark file, which is large and not free for commercial use. Only the two files named here
are ever opened.
"""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from pathlib import Path

ENCODER_WEIGHTS = "dlib_face_recognition_resnet_model_v1.dat"
LANDMARKS_5 = "shape_predictor_5_face_landmarks.dat"

_SHA256 = {
    ENCODER_WEIGHTS: "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    LANDMARKS_5: "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
}
GRAPH_SHA256 = "369fe55df72bde2abd0c75864999965cab710d04a5e54a6265395d6d781c9eb1"
"""Of the ONNX graph that `graph.py` makes of the encoder's weights."""

CHIP_SIZE = 150
"""Pixels of width and height of an aligned face, as the encoder was trained."""
CHIP_PADDING = 0.25
"""How much is shown around the face, as a fraction of its size, as the encoder was trained."""
EMBEDDING_SIZE = 128


class ModelError(RuntimeError):
    """A model file is missing, is not the expected one, or cannot be converted or cached; says what to do."""


def graph_path(cache: Path) -> Path:
    """Where the encoder's graph lies in the folder `cache`, whether or not it is there yet."""
    return cache / f"face-encoder-{GRAPH_SHA256[:16]}.onnx"


def model_file(name: str) -> Path:
    """The path of one installed model file, whose bytes are those that are expected.

    Raises:
        ModelError: the package or the file is not installed, or is another.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    folders = spec.submodule_search_locations if spec is not None else None
    for folder in folders or ():
        path = Path(folder) / "models" / name
        if path.is_file():
            if _sha256(path) != _SHA256[name]:
                raise ModelError(f"{path} is not the file that was published: reinstall face_recognition_models")
            return path
    raise ModelError(f"{name} is not installed: run ./install_fix.sh, or pip install -r requirements.txt")


@cache
def _sha256(path: Path) -> str:
    """Looked at once in a process: there is a detector for each thread."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def weights_of(model: str) -> str:
    """Which weights an encoder's name (`Encoder.name`, an event's `model`) stands for, whatever runs them.

    Embeddings of the same weights can be compared with each other; those of others cannot.
    """
    return model.partition("/")[0]
