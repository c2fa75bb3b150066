"""Exporting the digits network as TensorFlow Lite models of every common kind, through `ModelBuilder`."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from digits_network import Network

from litejit.schema import AssociatedFileType, ModelBuilder, ModelMetadata, TensorMetadata, encode_metadata

LAYERS = ("conv", "depthwise", "wide", "dense")
CHANNEL_AXIS = {"conv": 0, "depthwise": 3, "wide": 0, "dense": 0}


def _graph(
    b: ModelBuilder,
    x: Any,
    tensor: Callable[[str], dict[str, Any]],
    weights: dict[str, Any],
    head: Callable[[Any], Any],
) -> Any:
    """The network's operators. tensor: declaration of an activation; weights: handles; head: from logits to output."""
    same = {"padding": "SAME", "stride_w": 1, "stride_h": 1, "fused_activation_function": "RELU"}
    conv = b.op("CONV_2D", [x, weights["conv_w"], weights["conv_b"]], outputs=[tensor("conv")], version=3, **same)
    depthwise = b.op(
        "DEPTHWISE_CONV_2D",
        [conv, weights["depthwise_w"], weights["depthwise_b"]],
        outputs=[tensor("depthwise")],
        version=3,
        depth_multiplier=1,
        **same,
    )
    wide = b.op(
        "CONV_2D", [depthwise, weights["wide_w"], weights["wide_b"]], outputs=[tensor("wide")], version=3, **same
    )
    pool = b.op(
        "AVERAGE_POOL_2D",
        [wide],
        outputs=[tensor("pool")],
        version=2,
        padding="VALID",
        stride_w=2,
        stride_h=2,
        filter_width=2,
        filter_height=2,
    )
    shape = b.constant(np.array([-1, 512], np.int32), "flat_shape")
    flat = b.op("RESHAPE", [pool, shape], outputs=[{**tensor("pool"), "name": "flat", "shape": (1, 512)}])
    logits = b.op(
        "FULLY_CONNECTED", [flat, weights["dense_w"], weights["dense_b"]], outputs=[tensor("logits")], version=4
    )
    return head(logits)


SHAPES = {
    "conv": (1, 8, 8, 16), "depthwise": (1, 8, 8, 16), "wide": (1, 8, 8, 32), "pool": (1, 4, 4, 32), "logits": (1, 10),
}  # fmt: skip


LABELS = "labels.txt"
METADATA = ModelMetadata(
    name="digits",
    description="Handwritten digits, 8x8 pixels, white on black",
    version="1",
    author="litejit",
    license="Apache-2.0",
    inputs=(
        TensorMetadata(
            name="image",
            description="pixels 0 .. 255 divided by 255",
            mean=np.zeros(1, np.float32),
            std=np.full(1, 255, np.float32),
            min=np.zeros(1, np.float32),
            max=np.ones(1, np.float32),
            files=(),
            labels=(),
        ),
    ),
    outputs=(
        TensorMetadata(
            name="scores",
            description="probability of each digit",
            mean=np.zeros(0, np.float32),
            std=np.zeros(0, np.float32),
            min=np.zeros(1, np.float32),
            max=np.ones(1, np.float32),
            files=((LABELS, AssociatedFileType.TENSOR_AXIS_LABELS),),
            labels=(),
        ),
    ),
)


def _finish(b: ModelBuilder, x: Any, y: Any) -> bytes:
    b.output(y)
    b.signature("serving_default", {"image": x}, {"scores": y})
    b.metadata("TFLITE_METADATA", encode_metadata(METADATA))
    file = io.BytesIO(b.to_bytes())
    file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(zipfile.ZipInfo(LABELS), "".join(f"{digit}\n" for digit in range(10)))
    return file.getvalue()


def _float_model(weights: Callable[[ModelBuilder, Network], dict[str, Any]], dynamic_batch: bool) -> Any:
    def export(network: Network, _: np.ndarray) -> bytes:
        b = ModelBuilder("digits")
        signature = (-1, 8, 8, 1) if dynamic_batch else None
        x = b.input("image", (1, 8, 8, 1), np.float32, shape_signature=signature)

        def tensor(name: str) -> dict[str, Any]:
            return {"name": name, "shape": SHAPES[name], "dtype": np.float32}

        def head(logits: Any) -> Any:
            return b.op("SOFTMAX", [logits], outputs=[{**tensor("logits"), "name": "scores"}], beta=1.0)

        return _finish(b, x, _graph(b, x, tensor, weights(b, network), head))

    return export


def _float32(b: ModelBuilder, network: Network) -> dict[str, Any]:
    return {name: b.constant(value, name) for name, value in network.weights.items()}


def _float16(b: ModelBuilder, network: Network) -> dict[str, Any]:
    return {
        name: b.op(
            "DEQUANTIZE",
            [b.constant(value.astype(np.float16), f"{name}_f16")],
            outputs=[{"name": name, "shape": value.shape, "dtype": np.float32}],
            version=3,
        )
        for name, value in network.weights.items()
    }


def _quantize_weights(value: np.ndarray, axis: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric int8 and its scales: one for each slice of axis, or a single one."""
    others = None if axis is None else tuple(i for i in range(value.ndim) if i != axis)
    scale = (np.abs(value).max(axis=others, keepdims=True) / 127).astype(np.float32)
    return np.clip(np.round(value / scale), -127, 127).astype(np.int8), scale.ravel()


def _dynamic(b: ModelBuilder, network: Network) -> dict[str, Any]:
    handles = {}
    for layer in LAYERS:
        axis = None if layer == "dense" else CHANNEL_AXIS[layer]
        values, scale = _quantize_weights(network.weights[f"{layer}_w"], axis)
        handles[f"{layer}_w"] = b.constant(values, f"{layer}_w", scale=scale, quantized_dimension=axis or 0)
        handles[f"{layer}_b"] = b.constant(network.weights[f"{layer}_b"], f"{layer}_b")
    return handles


@dataclass(frozen=True)
class Scheme:
    """A full-integer scheme: types of activations and biases, and whether weights have a scale for each channel."""

    dtype: Any
    bias: Any
    low: int
    high: int
    symmetric: bool = False
    per_channel: bool = True

    def activation(self, values: np.ndarray) -> dict[str, Any]:
        """Quantization of an activation from what was seen of it."""
        if self.symmetric:
            return {"scale": float(np.abs(values).max()) / self.high, "zero_point": 0}
        low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
        scale = (high - low) / (self.high - self.low)
        return {"scale": scale, "zero_point": round(self.low - low / scale)}


def _integer_model(scheme: Scheme) -> Any:
    def export(network: Network, calibration: np.ndarray) -> bytes:
        seen = network.forward(calibration)
        b = ModelBuilder("digits")
        declared = {name: {"name": name, "dtype": scheme.dtype, **scheme.activation(seen[name])} for name in SHAPES}
        declared["pool"].update(scheme.activation(seen["wide"]))
        declared["wide"] = {**declared["wide"], **scheme.activation(seen["wide"])}
        image = scheme.activation(np.array([0, 1], np.float32))
        x = b.input("image", (1, 8, 8, 1), scheme.dtype, **image)
        inputs = {
            "conv": image,
            "depthwise": declared["conv"],
            "wide": declared["depthwise"],
            "dense": declared["pool"],
        }
        weights = _integer_weights(b, network, scheme, {layer: float(q["scale"]) for layer, q in inputs.items()})

        def tensor(name: str) -> dict[str, Any]:
            return {**declared[name], "shape": SHAPES[name]}

        def head(logits: Any) -> Any:
            if scheme.symmetric:
                scores = {"scale": 1 / 32768, "zero_point": 0}
            else:
                scores = {"scale": 1 / 256, "zero_point": scheme.low}
            output = {"name": "scores", "shape": (1, 10), "dtype": scheme.dtype, **scores}
            return b.op("SOFTMAX", [logits], outputs=[output], version=3 if scheme.symmetric else 2, beta=1.0)

        return _finish(b, x, _graph(b, x, tensor, weights, head))

    return export


def _integer_weights(b: ModelBuilder, network: Network, scheme: Scheme, scales: dict[str, float]) -> dict[str, Any]:
    handles = {}
    for layer in LAYERS:
        per_channel = scheme.per_channel and layer != "dense"
        axis = CHANNEL_AXIS[layer] if per_channel else None
        values, scale = _quantize_weights(network.weights[f"{layer}_w"], axis)
        keywords: dict[str, Any] = {"scale": scale, "quantized_dimension": axis or 0}
        if scheme.dtype == np.uint8:
            values = (values.astype(np.int16) + 128).astype(np.uint8)
            keywords["zero_point"] = 128
        handles[f"{layer}_w"] = b.constant(values, f"{layer}_w", **keywords)
        bias_scale = (np.float32(scales[layer]) * scale).astype(np.float32)
        bias = np.round(network.weights[f"{layer}_b"] / bias_scale).astype(scheme.bias)
        handles[f"{layer}_b"] = b.constant(bias, f"{layer}_b", scale=bias_scale)
    return handles


EXPORTS: dict[str, Callable[[Network, np.ndarray], bytes]] = {
    "digits_float32": _float_model(_float32, dynamic_batch=True),
    "digits_float16": _float_model(_float16, dynamic_batch=False),
    "digits_dynamic": _float_model(_dynamic, dynamic_batch=False),
    "digits_int8": _integer_model(Scheme(np.int8, np.int32, -128, 127)),
    "digits_uint8": _integer_model(Scheme(np.uint8, np.int32, 0, 255, per_channel=False)),
    "digits_int16x8": _integer_model(Scheme(np.int16, np.int64, -32767, 32767, symmetric=True)),
}
"""File name -> what makes the model from the trained network and calibration images."""
