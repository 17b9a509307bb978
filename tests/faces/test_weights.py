"""dlib's weight file is read whole or refused with a sentence."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facematch.faces.models import ENCODER_WEIGHTS, LANDMARKS_5, ModelError, model_file
from facematch.faces.weights import Convolution, FullyConnected, Network, read_network

if TYPE_CHECKING:
    from pathlib import Path

HEADER_BYTES = 340
"""Everything before the first weights: the loss, the versions of all layers, the input, the first name."""


@pytest.fixture(scope="module")
def data() -> bytes:
    return model_file(ENCODER_WEIGHTS).read_bytes()


@pytest.fixture(scope="module")
def network() -> Network:
    return read_network(model_file(ENCODER_WEIGHTS))


def test_the_network_is_the_29_layer_one(network: Network) -> None:
    kinds = Counter(type(layer).__name__ for layer in network.layers)
    assert kinds["Convolution"] == kinds["Affine"] == 29
    assert (kinds["AddPrevious"], kinds["FullyConnected"], kinds["Pool"]) == (14, 1, 6)
    assert network.size == (150, 150)
    assert network.mean_rgb == pytest.approx((122.782, 117.001, 104.298), abs=1e-3)


def test_geometry_comes_from_the_file(network: Network) -> None:
    first, *_between, last = network.layers
    assert isinstance(first, Convolution)
    assert (first.filters.shape, first.stride, first.padding) == ((32, 3, 7, 7), (2, 2), (0, 0))
    assert isinstance(last, FullyConnected)
    assert last.weights.shape == (256, 128)


def _refusal(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(ModelError) as refused:
        read_network(path)
    message = str(refused.value)
    assert str(path) in message
    assert "Reinstall" in message
    return message


@pytest.mark.parametrize("length", [0, 1, 17, 200, HEADER_BYTES, 19_000, 1_000_000, -1])
def test_a_file_cut_short_is_refused(length: int, data: bytes, tmp_path: Path) -> None:
    assert "early" in _refusal(tmp_path / "cut.dat", data[:length])


def test_a_longer_file_is_refused(data: bytes, tmp_path: Path) -> None:
    assert "follows" in _refusal(tmp_path / "long.dat", data + b"\0")


def test_another_dlib_model_is_refused(tmp_path: Path) -> None:
    _refusal(tmp_path / "other.dat", model_file(LANDMARKS_5).read_bytes())


def test_weights_that_are_no_numbers_are_refused(data: bytes, tmp_path: Path) -> None:
    broken = data[:1000] + b"\xff" * 8 + data[1008:]
    assert "finite" in _refusal(tmp_path / "nan.dat", broken)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        read_network(tmp_path / "none.dat")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, HEADER_BYTES - 1), value=st.integers(0, 255))
def test_a_changed_header_is_read_or_refused_never_worse(
    position: int, value: int, data: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "changed.dat"
    path.write_bytes(data[:position] + bytes([value]) + data[position + 1 : 40_000])  # short: ends early at best
    with pytest.raises(ModelError):
        read_network(path)
