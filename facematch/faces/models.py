"""Where the model files are that the `face_recognition_models` package installs.

The package is located, never imported: its import needs `pkg_resources` and, through `face_recognition`, would
load the 68-point landmark file, which is large and not free for commercial use. Only the two files named here
are ever opened.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

ENCODER_WEIGHTS = "dlib_face_recognition_resnet_model_v1.dat"
LANDMARKS_5 = "shape_predictor_5_face_landmarks.dat"

CHIP_SIZE = 150
"""Pixels of width and height of an aligned face, as the encoder was trained."""
CHIP_PADDING = 0.25
"""How much is shown around the face, as a fraction of its size, as the encoder was trained."""
EMBEDDING_SIZE = 128


class ModelError(RuntimeError):
    """A model file is missing, is not the expected one, or cannot be converted or cached; says what to do."""


def model_file(name: str) -> Path:
    """The path of one installed model file.

    Raises:
        ModelError: the package or the file is not installed.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    folders = spec.submodule_search_locations if spec is not None else None
    for folder in folders or ():
        path = Path(folder) / "models" / name
        if path.is_file():
            return path
    raise ModelError(f"{name} is not installed: run ./install_fix.sh, or pip install -r requirements.txt")
