"""Reads the file in which dlib keeps its face encoder.

dlib writes a network as one stream, without an index. What this parser relies on:

- integer: one control byte (sign in bit 7, number of bytes that follow in bits 0-3), then that many bytes, least
  significant first. Text: an integer length, then the bytes. Truth value: the character "0" or "1".
- real number: an integer mantissa and an integer exponent of two.
- tensor: the integer 2 (version), four integers (samples, channels, rows, columns), then the values as 32-bit
  floats, little-endian, without a length of their own. View of a tensor: the integer 1, then four integers.
- network: every layer holds the one below it, and writes its version, then the layer below, then its own
  details. So the file starts with all the versions, from the last layer (the loss) down to the first, and goes on
  with the details from the first layer up. Layers that compute have version 2, the one on top of the input 3;
  version 1 marks a tag or a skip, which carries no details: the structure of the residual blocks is in those.
- details of a layer that computes: its name with a format number (`con_4`), its own fields, then three truth
  values and three tensors left over from training (empty in a cleaned network). The first layer adds one integer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facematch.faces.models import EMBEDDING_SIZE, ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_TENSOR_VERSION = 2
_VIEW_VERSION = 1
_MARK, _LAYER, _FIRST_LAYER = 1, 2, 3
_INTEGER_BYTES = range(1, 9)
_FC_WITHOUT_BIAS = 1
_AFFINE_ON_CHANNELS = 0
_LONGEST_TEXT = 64


@dataclass(frozen=True, slots=True)
class Mark:
    """A tag or a skip: remembers the value below it, or goes back to a remembered one."""


@dataclass(frozen=True, slots=True)
class Convolution:
    """`filters` is (out, in, rows, columns), `bias` (out,); the same padding on both sides."""

    filters: NDArray[np.float32]
    bias: NDArray[np.float32]
    stride: tuple[int, int]
    padding: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Affine:
    """`y = x * gamma + beta`, one of each per channel: a batch normalisation whose statistics are fixed."""

    gamma: NDArray[np.float32]
    beta: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Relu:
    """Negative values become 0."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Largest or average value of a window of (rows, columns); a window of 0 is the whole image."""

    kind: str
    window: tuple[int, int]
    stride: tuple[int, int]


@dataclass(frozen=True, slots=True)
class AddPrevious:
    """Adds the remembered value; the smaller of the two is padded with zeros at the far ends."""


@dataclass(frozen=True, slots=True)
class FullyConnected:
    """`y = x @ weights`, weights (in, out), no bias."""

    weights: NDArray[np.float32]


Layer = Mark | Convolution | Affine | Relu | Pool | AddPrevious | FullyConnected


@dataclass(frozen=True, slots=True)
class Network:
    """The encoder: the input's `size` (rows, columns), what is subtracted from its RGB, the layers from the first."""

    size: tuple[int, int]
    mean_rgb: tuple[float, float, float]
    layers: tuple[Layer, ...]


class _Reader:
    """A cursor over the file's bytes; every read checks that the bytes are there."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    @property
    def at_end(self) -> bool:
        return self.position == len(self._data)

    def _take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self._data):
            raise ModelError(f"it ends {end - len(self._data)} bytes early")
        taken = self._data[self.position : end]
        self.position = end
        return taken

    def integer(self) -> int:
        control = self._take(1)[0]
        count = control & 0x0F
        if count not in _INTEGER_BYTES or control & 0x70:
            raise ModelError(f"byte {self.position - 1} starts no integer")
        value = int.from_bytes(self._take(count), "little")
        return -value if control & 0x80 else value

    def count(self) -> int:
        value = self.integer()
        if value < 0:
            raise ModelError(f"negative size {value} before byte {self.position}")
        return value

    def pair(self) -> tuple[int, int]:
        return self.count(), self.count()

    def real(self) -> float:
        mantissa, exponent = self.integer(), self.integer()
        try:
            return math.ldexp(mantissa, exponent)
        except OverflowError:
            raise ModelError(f"the number before byte {self.position} is out of range") from None

    def text(self) -> str:
        length = self.count()
        if length > _LONGEST_TEXT:
            raise ModelError(f"a name of {length} characters before byte {self.position}")
        return self._take(length).decode("latin-1")

    def truth(self) -> bool:
        character = self._take(1)
        if character not in (b"0", b"1"):
            raise ModelError(f"byte {self.position - 1} is no truth value")
        return character == b"1"

    def tensor(self) -> tuple[tuple[int, int, int, int], NDArray[np.float32]]:
        if (version := self.integer()) != _TENSOR_VERSION:
            raise ModelError(f"tensor version {version} before byte {self.position}")
        shape = (self.count(), self.count(), self.count(), self.count())
        values = np.frombuffer(self._take(4 * math.prod(shape)), "<f4").astype(np.float32)
        if not np.isfinite(values).all():
            raise ModelError(f"values that are not finite before byte {self.position}")
        return shape, values

    def view(self) -> tuple[int, int, int, int]:
        if (version := self.integer()) != _VIEW_VERSION:
            raise ModelError(f"tensor view version {version} before byte {self.position}")
        return self.count(), self.count(), self.count(), self.count()


def read_network(path: Path) -> Network:
    """The face encoder in dlib's file at `path`.

    Raises:
        ModelError: the file cannot be read, or is not a network of the kind that is expected here.
    """
    try:
        network = _network(_Reader(path.read_bytes()))
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    except ModelError as error:
        raise ModelError(
            f"{path} is not dlib's face encoder as expected: {error}. Reinstall face_recognition_models"
        ) from error
    return network


def _network(reader: _Reader) -> Network:
    _expect("loss version", reader.integer(), 1)
    _expect("loss", reader.text(), "loss_metric_2")
    reader.real(), reader.real()  # margin and threshold of the training
    versions = [reader.integer()]
    while versions[-1] != _FIRST_LAYER:
        if versions[-1] not in (_MARK, _LAYER):
            raise ModelError(f"layer version {versions[-1]} before byte {reader.position}")
        versions.append(reader.integer())
    _expect("input", reader.text(), "input_rgb_image_sized")
    mean = (reader.real(), reader.real(), reader.real())
    size = reader.pair()
    layers = tuple(Mark() if version == _MARK else _layer(reader, version) for version in reversed(versions))
    last = layers[-1]
    if not isinstance(last, FullyConnected) or last.weights.shape[1] != EMBEDDING_SIZE:
        raise ModelError(f"the last layer does not give {EMBEDDING_SIZE} numbers")
    if not reader.at_end:
        raise ModelError(f"something follows the network at byte {reader.position}")
    return Network(size, mean, layers)


def _layer(reader: _Reader, version: int) -> Layer:
    name = reader.text()
    match name:
        case "con_4":
            layer: Layer = _convolution(reader)
        case "affine_":
            layer = _affine(reader)
        case "relu_":
            layer = Relu()
        case "max_pool_2" | "avg_pool_2":
            layer = _pool(reader, name.partition("_")[0])
        case "add_prev_":
            layer = AddPrevious()
        case "fc_2":
            layer = _fully_connected(reader)
        case _:
            raise ModelError(f"unknown layer {name!r} before byte {reader.position}")
    for _ in range(3):
        reader.truth()
    for _ in range(3):
        shape, _values = reader.tensor()
        _expect("size of a training leftover", math.prod(shape), 0)
    if version == _FIRST_LAYER:
        _expect("images per input", reader.integer(), 1)
    return layer


def _convolution(reader: _Reader) -> Convolution:
    _shape, values = reader.tensor()
    out, rows, columns = reader.count(), reader.count(), reader.count()
    stride, padding = reader.pair(), reader.pair()
    filters, bias = reader.view(), reader.view()
    _skip_multipliers(reader)
    _expect("convolution filters", (filters[0], filters[2], filters[3]), (out, rows, columns))
    _expect("convolution bias", bias, (1, out, 1, 1))
    _expect("convolution parameters", values.size, math.prod(filters) + out)
    if 0 in stride:
        raise ModelError(f"a convolution with stride 0 before byte {reader.position}")
    return Convolution(values[:-out].reshape(filters), values[-out:], stride, padding)


def _affine(reader: _Reader) -> Affine:
    _shape, values = reader.tensor()
    gamma, beta = reader.view(), reader.view()
    _expect("affine mode", reader.integer(), _AFFINE_ON_CHANNELS)
    channels = gamma[1]
    _expect("affine views", (gamma, beta), ((1, channels, 1, 1), (1, channels, 1, 1)))
    _expect("affine parameters", values.size, 2 * channels)
    return Affine(values[:channels], values[channels:])


def _pool(reader: _Reader, kind: str) -> Pool:
    window, stride = reader.pair(), reader.pair()
    _expect("pool padding", reader.pair(), (0, 0))
    if 0 in stride:
        raise ModelError(f"a pool with stride 0 before byte {reader.position}")
    return Pool(kind, window, stride)


def _fully_connected(reader: _Reader) -> FullyConnected:
    outputs, inputs = reader.pair()
    _shape, values = reader.tensor()
    weights, bias = reader.view(), reader.view()
    _expect("bias of the last layer", (reader.integer(), bias), (_FC_WITHOUT_BIAS, (0, 0, 0, 0)))
    _skip_multipliers(reader)
    _expect("weights of the last layer", (weights, values.size), ((inputs, outputs, 1, 1), inputs * outputs))
    return FullyConnected(values.reshape(inputs, outputs))


def _skip_multipliers(reader: _Reader) -> None:
    """Learning rate and weight decay of the weights and of the bias: of use in training only."""
    for _ in range(4):
        reader.real()


def _expect(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise ModelError(f"{what} is {found!r} and not {wanted!r}")
