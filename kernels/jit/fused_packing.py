"""Weights, biases and clamps of fused blocks, in the layouts that their kernels read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from litejit.kernels.jit.call import Call, Jump, Label, Tensor, padded
from litejit.kernels.jit.choosing import Illegal
from litejit.kernels.jit.convolution import float_clamp, proved_stage_of_8_bit, stage_of_8_bit
from litejit.kernels.jit.forced import forced
from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.lowering import Lowering
from litejit.kernels.jit.packing import pack_channels, pack_float_panels, pack_int16_panels, panels_of
from litejit.kernels.jit.patching import depth_of
from litejit.kernels.jit.quantized import linear_sum
from litejit.kernels.jit.target import has_feature
from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.products import FloatProducts
from litejit.schema import TensorType

__all__ = ["Addition", "Function", "Packed", "pack_bytes", "pack_floats"]

_FINITE = [f"pointwise.{name}" for name in ("swish", "logistic_f32", "tanh_f32", "elu")]
"""What they make of finite numbers is finite."""
_FUNCTIONS = [*_FINITE, *(f"pointwise.{name}" for name in ("hard_swish", "leaky", "gelu"))]
_STAGE = ("", "_stage", "_bytes", "_zero", "_low", "_high")
_ADDED = [f"added_{slot}" for slot in ("low", "high", "first", "second", "start", "shift", "zero", "mask")]
_ROLES = {"expand": "expansion", "taps": "depthwise convolution", "project": "projection"}


@dataclass(frozen=True, eq=False)
class Packed:
    """numbers: which kernels read them. values: slots of the argument block."""

    numbers: str
    values: dict[str, Any]


def pack_floats(expand: Lowering | None, depthwise: Lowering, project: Lowering | None) -> Packed | Illegal:
    """Panels of floats; Illegal if one of the operators has another arithmetic."""
    if not all(isinstance(part.kernel.products, FloatProducts) for part in (expand, depthwise, project) if part):
        return Illegal("another arithmetic than that of floats")
    taps = _weights(depthwise)[0].reshape(-1, depthwise.outputs[0].dims[3])
    values = _nothing("expand", 0.0) | _nothing("project", 0.0) | {"expand_steps": 0}
    if expand is not None:
        values |= _floats(expand, "expand", pack_float_panels(_to_whole_chunks(_matrix(expand))))
        taps = _to_whole_chunks(taps)
    values |= _floats(depthwise, "taps", padded(pack_channels(taps)))
    if project is not None:
        values |= _floats(project, "project", pack_float_panels(_filled_up(_matrix(project))))
    return Packed("float", {**values, "pad_value": 0})


def _floats(part: Lowering, name: str, weights: np.ndarray) -> dict[str, Any]:
    bias = part.constant_bias(2, part.outputs[0].dims[3])
    assert bias is not None
    low, high = float_clamp(part.kernel.products.activation)
    bias = _to_whole_chunks(bias.reshape(1, -1).astype(np.float32))
    slots = (weights, padded(pack_channels(bias)), weights[0].nbytes, 0, low, high)
    return dict(zip((name + slot for slot in _STAGE), slots, strict=True)) | _steps(part, name, 1)


def pack_bytes(expand: Lowering | None, depthwise: Lowering, project: Lowering | None) -> Packed | Illegal:
    """Panels of pairs of 16 bits; Illegal where 32-bit sums might overflow, or the arithmetic is another one.

    The first two convolutions are rescaled in floats, in panels that have been proved to give the same results, or by
    the fixed-point formula where that is asked for as "fixed"; the projection always is.
    """
    # Where bytes are multiplied as they are, operators by themselves are quicker.
    if has_feature("dotprod"):
        return Illegal("bytes are multiplied as they are")
    values: dict[str, Any] = _nothing("expand", 0) | _nothing("project", 0) | {"expand_steps": 0}
    for name, part in (("expand", expand), ("taps", depthwise), ("project", project)):
        if part is None:
            continue
        bias = part.constant_bias(2, part.outputs[0].dims[3])
        assert bias is not None
        stage = _stage_of_bytes(part, name, bias)
        if isinstance(stage, Illegal):
            return Illegal(f"{_ROLES[name]}: {stage.reason}")
        weights = _panels_of_bytes(part, name, stage["factors"])
        slots = (weights, stage["stage"], weights[0].nbytes, stage["zero_point"], stage["low"], stage["high"])
        values |= dict(zip((name + slot for slot in _STAGE), slots, strict=True)) | _steps(part, name, 2)
    return Packed("int8", {**values, "pad_value": depthwise.input(0).zero_point})


@dataclass(frozen=True, eq=False)
class Function:
    """A function of the single elements of a tensor. input, output: indices of that and of what it makes of it.

    call: of its kernel; a copy of the argument block is given other elements.
    """

    input: int
    output: int
    call: Call

    @property
    def stays_finite(self) -> bool:
        """Whether it makes finite numbers of finite numbers, as it must in channels that fill up a chunk."""
        return self.call.kernel in _FINITE

    @classmethod
    def of(cls, calls: Sequence[Call | Jump | Label], input: int, output: int) -> Function | None:
        """What an operator has been lowered to; None if blocks do not apply it."""
        call = calls[0]
        if len(calls) > 1 or not isinstance(call, Call) or call.kernel not in _FUNCTIONS:
            return None
        values = {**call.values, "source": 0, "out": 0, "count": 0}
        return cls(input, output, Call(call.kernel, call.layout, values))


@dataclass(frozen=True, eq=False)
class Addition:
    """What is added to what a block projects: a tensor of the same shape, and how (slots of the argument block)."""

    residual: TensorSpec
    output: TensorSpec
    values: dict[str, Any]

    @classmethod
    def of(cls, addition: Lowering, projected: int) -> Addition | None:
        """The sum of the tensor that is projected and another; None if blocks do not compute it."""
        one, other = addition.input(0), addition.input(1)
        if one.dims != other.dims or one.index == other.index or one.value is not None or other.value is not None:
            return None
        residual, output = other if one.index == projected else one, addition.outputs[0]
        slots = dict.fromkeys(_ADDED, 0)
        if output.type == TensorType.FLOAT32:
            low, high = float_clamp(addition.kernel.options.fused_activation_function)
            return cls(residual, output, {**slots, "added_low": low, "added_high": high})
        found = linear_sum(addition)
        if found is None:
            return None
        zero, mask = (128, 255) if output.type == TensorType.UINT8 else (0, -1)
        first, second = (found["p0"], found["p1"]) if residual is other else (found["p1"], found["p0"])
        given = (found["low"] + zero, found["high"] + zero, first, second, found["p2"], found["table"], zero, mask)
        return cls(residual, output, dict(zip(_ADDED, given, strict=True)))

    @staticmethod
    def slots(addition: Addition | None) -> dict[str, Any]:
        """Slots of the argument block, for a block with or without one."""
        if addition is None:
            return {"residual": 0, **dict.fromkeys(_ADDED, 0)}
        return {"residual": Tensor(addition.residual.index), **addition.values}


def _stage_of_bytes(part: Lowering, name: str, bias: np.ndarray) -> dict[str, Any] | Illegal:
    matrix = _matrix(part)[None] if name != "taps" else _weights(part)[0].reshape(1, -1, bias.size)
    if name != "project":
        return proved_stage_of_8_bit(part.kernel.products, matrix, bias, "fixed" in forced())
    stage = stage_of_8_bit(part.kernel.products, matrix, bias, slice(None))
    if stage is None or stage["kind"] != "int8":
        return Illegal("factors of 1/2 or more, sums that might overflow, or another arithmetic")
    return {**stage, "factors": 2}


def _panels_of_bytes(part: Lowering, name: str, factors: int | np.ndarray) -> np.ndarray:
    """The packed weights."""
    if name != "taps":
        matrix = _matrix(part)
        split = _filled_up(matrix).reshape(-1, COLUMNS, matrix.shape[1]) if name == "project" else matrix[None]
        return pack_int16_panels(split, factors)
    taps = _weights(part)[0]  # [height, width, channels]
    height, width, channels = taps.shape
    pairs = np.zeros((-(-height // 2) * 2, width, channels), np.int16)
    pairs[:height] = factors * taps
    rows = [pack_channels(pairs[slot::2].reshape(-1, channels), permuted=True) for slot in range(2)]
    return padded(np.stack(rows, -1))


def _weights(part: Lowering) -> np.ndarray:
    filter = part.input(1).value
    assert filter is not None
    weights: np.ndarray = part.kernel.products.weights(filter)
    return weights


def _matrix(part: Lowering) -> np.ndarray:
    """[depth, columns] the weights of a convolution, taps in the order in which patches have them."""
    return _weights(part).reshape(part.outputs[0].dims[3], -1).T


def _to_whole_chunks(rows: np.ndarray) -> np.ndarray:
    """[n, channels] with the last channel again and again, as far as the last chunk goes.

    The projection multiplies what is computed for these by 0, which makes 0 of it or, where that channel is not a
    number, what the channel itself makes of the result. With weights of 0, an infinite input would not be a number.
    """
    return np.pad(rows, ((0, 0), (0, panels_of(rows.shape[1]) * COLUMNS - rows.shape[1])), mode="edge")


def _filled_up(matrix: np.ndarray) -> np.ndarray:
    """Zeros for the channels that are missing in the last chunk."""
    whole = np.zeros((panels_of(len(matrix)) * COLUMNS, matrix.shape[1]), matrix.dtype)
    whole[: len(matrix)] = matrix
    return whole


def _steps(part: Lowering, name: str, elements: int) -> dict[str, int]:
    """Of the expansion: of so many elements."""
    return {"expand_steps": -(-depth_of(part) // elements)} if name == "expand" else {}


def _nothing(name: str, bound: float) -> dict[str, Any]:
    """Slots of a convolution that is not there."""
    return {name + slot: bound if slot in ("_low", "_high") else 0 for slot in _STAGE}
