"""Writes dlib's face encoder as an ONNX graph.

Imported only when the graph is made: `onnx` is not needed, and not loaded, once the file is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from facematch.faces.models import EMBEDDING_SIZE, ModelError
from facematch.faces.weights import (
    AddPrevious,
    Affine,
    Convolution,
    FullyConnected,
    Mark,
    Network,
    Pool,
    Relu,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

INPUT = "chips"
OUTPUT = "embeddings"
_OPSET = 17
_IR_VERSION = 9
_PIXEL_SCALE = 1 / 256


@dataclass(frozen=True, slots=True)
class _Value:
    """A value inside the graph: its name and its shape without the number of images."""

    name: str
    channels: int
    rows: int
    columns: int


class _Graph:
    """Nodes and constants, named as they come."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, values: NDArray[Any]) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name


def build(network: Network) -> bytes:
    """The serialized ONNX model of `network`: the same bytes on every machine, by every version of `onnx`.

    Its input `chips` is uint8 (n, rows, columns, 3), RGB; its output `embeddings` is float32 (n, 128).

    Raises:
        ModelError: the layers do not fit together.
    """
    graph = _Graph()
    value = _normalised_input(graph, network)
    remembered: _Value | None = None
    layers = list(network.layers)
    while layers:
        layer = layers.pop(0)
        match layer:
            case Mark() if layers and isinstance(layers[0], Mark):
                # A tag and a skip: go on from the value remembered last, and remember this one instead.
                layers.pop(0)
                value, remembered = _needed(remembered), value
            case Mark():
                remembered = value
            case Convolution():
                affine = layers.pop(0) if layers else None
                if not isinstance(affine, Affine):
                    raise ModelError("a convolution without its affine layer")
                value = _convolution(graph, value, layer, affine)
            case Relu():
                value = _Value(graph.node("Relu", value.name), value.channels, value.rows, value.columns)
            case Pool():
                value = _pool(graph, value, layer)
            case AddPrevious():
                value = _sum(graph, value, _needed(remembered))
            case FullyConnected():
                value = _fully_connected(graph, value, layer)
            case _:
                raise ModelError(f"{type(layer).__name__} where none can be")
    graph.nodes[-1].output[0] = OUTPUT
    return _serialized(graph, network)


def _needed(remembered: _Value | None) -> _Value:
    if remembered is None:
        raise ModelError("a layer refers to a value that was never tagged")
    return remembered


def _normalised_input(graph: _Graph, network: Network) -> _Value:
    pixels = graph.node("Cast", INPUT, to=TensorProto.FLOAT)
    centred = graph.node("Sub", pixels, graph.constant(np.array(network.mean_rgb, np.float32)))
    scaled = graph.node("Mul", centred, graph.constant(np.array(_PIXEL_SCALE, np.float32)))
    return _Value(graph.node("Transpose", scaled, perm=[0, 3, 1, 2]), 3, *network.size)


def _convolution(graph: _Graph, value: _Value, layer: Convolution, affine: Affine) -> _Value:
    """The convolution with the affine layer that follows it multiplied into its weights."""
    out, channels, rows, columns = layer.filters.shape
    if channels != value.channels or affine.gamma.shape != (out,):
        raise ModelError(f"a convolution of {channels} channels on {value.channels}")
    filters = layer.filters * affine.gamma[:, None, None, None]
    bias = layer.bias * affine.gamma + affine.beta
    name = graph.node(
        "Conv",
        value.name,
        graph.constant(filters),
        graph.constant(bias),
        kernel_shape=[rows, columns],
        strides=layer.stride,
        pads=[*layer.padding, *layer.padding],
    )
    return _Value(
        name,
        out,
        _steps(value.rows + 2 * layer.padding[0], rows, layer.stride[0]),
        _steps(value.columns + 2 * layer.padding[1], columns, layer.stride[1]),
    )


def _pool(graph: _Graph, value: _Value, layer: Pool) -> _Value:
    if layer.window == (0, 0):
        if layer.kind != "avg":
            raise ModelError("a pool over the whole image that is not an average")
        return _Value(graph.node("GlobalAveragePool", value.name), value.channels, 1, 1)
    operator = "MaxPool" if layer.kind == "max" else "AveragePool"
    name = graph.node(operator, value.name, kernel_shape=layer.window, strides=layer.stride)
    return _Value(
        name,
        value.channels,
        _steps(value.rows, layer.window[0], layer.stride[0]),
        _steps(value.columns, layer.window[1], layer.stride[1]),
    )


def _steps(size: int, window: int, stride: int) -> int:
    if size < window:
        raise ModelError(f"a window of {window} on {size} pixels")
    return (size - window) // stride + 1


def _sum(graph: _Graph, one: _Value, other: _Value) -> _Value:
    channels = max(one.channels, other.channels)
    rows, columns = max(one.rows, other.rows), max(one.columns, other.columns)
    padded = [_padded(graph, value, (channels, rows, columns)) for value in (one, other)]
    return _Value(graph.node("Add", *padded), channels, rows, columns)


def _padded(graph: _Graph, value: _Value, size: tuple[int, int, int]) -> str:
    missing = [wanted - has for wanted, has in zip(size, (value.channels, value.rows, value.columns), strict=True)]
    if not any(missing):
        return value.name
    return graph.node("Pad", value.name, graph.constant(np.array([0, 0, 0, 0, 0, *missing], np.int64)))


def _fully_connected(graph: _Graph, value: _Value, layer: FullyConnected) -> _Value:
    inputs, outputs = layer.weights.shape
    if inputs != value.channels * value.rows * value.columns:
        raise ModelError(f"{inputs} weights on {value.channels}x{value.rows}x{value.columns} values")
    flat = graph.node("Flatten", value.name)
    return _Value(graph.node("MatMul", flat, graph.constant(layer.weights)), outputs, 1, 1)


def _serialized(graph: _Graph, network: Network) -> bytes:
    chips = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["n", *network.size, 3])
    embeddings = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", EMBEDDING_SIZE])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "face_encoder", [chips], [embeddings], graph.constants),
        opset_imports=[helper.make_opsetid("", _OPSET)],
    )
    model.ir_version = _IR_VERSION  # the oldest that carries this opset: more runtimes read it
    onnx.checker.check_model(model)
    serialized: bytes = model.SerializeToString(deterministic=True)
    return serialized
