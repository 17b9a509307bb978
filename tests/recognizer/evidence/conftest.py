"""Fixtures of looks."""

from __future__ import annotations

import numpy as np
import pytest

from tests.rig.photographs import Scene


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    """A head that moves a little."""
    return [np.asarray(frame) for frame in Scene().frames(8)]
