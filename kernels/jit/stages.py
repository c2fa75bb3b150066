"""Packed weights and output stages for the integer products of `native.products`, with the proofs that sums fit.

Integer panels hold [depth / 2][16][2] of int16 or int8: two consecutive elements of the depth side by side, less the
zero point. Columns are permuted as in `packing`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from litejit.kernels.fixedpoint import Multiplier, wrap32
from litejit.kernels.jit.call import padded
from litejit.kernels.jit.convolution import float_clamp
from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.packing import PERMUTED, pack_stage, panels_of
from litejit.kernels.reference.hybrid_flavours import filter_scale_first, product_of_scales
from litejit.kernels.reference.output_stage import OutputStage
from litejit.kernels.reference.products import HybridProducts, QuantizedProducts
from litejit.schema import ActivationFunctionType

__all__ = [
    "PackedStage",
    "channels_of",
    "float_stage",
    "integer_stage",
    "pack_pairs",
    "scaled_columns",
    "scaled_stage",
    "sums_within",
    "wide_segments",
    "without_still_columns",
]

_CLAMPS = (
    ActivationFunctionType.NONE,
    ActivationFunctionType.RELU,
    ActivationFunctionType.RELU_N1_TO_1,
    ActivationFunctionType.RELU6,
)


@dataclass(frozen=True, eq=False)
class PackedStage:
    """kind: of `native.stages`, None for floats. factor: what the weights are multiplied with. wide: sums of 64 bits.

    data: [panels, …] bytes; low, high: as the kind wants them. item_bytes: of a result.
    """

    kind: str
    data: np.ndarray
    zero_point: int
    low: float
    high: float
    item_bytes: int
    factor: int = 1
    wide: bool = False


def pack_pairs(matrix: np.ndarray, factor: int, narrow: bool) -> np.ndarray:
    """[segments, depth, columns] -> [panels, segments, ceil(depth / 2), 16, 2] int16, int8 if narrow."""
    segments, depth, columns = matrix.shape
    pairs = -(-depth // 2)
    whole = np.zeros((segments, 2 * pairs, panels_of(columns) * COLUMNS), np.int8 if narrow else np.int16)
    whole[:, :depth, :columns] = matrix if factor == 1 else factor * matrix.astype(np.int16)
    split = whole.reshape(segments, pairs, 2, -1, COLUMNS)[..., PERMUTED]
    return padded(split.transpose(3, 0, 1, 4, 2))


def sums_within(matrix: np.ndarray, low: int, high: int, bias: np.ndarray | int = 0) -> np.ndarray:
    """[columns] how large sums of [..., depth, columns] times inputs in low .. high can get, partial ones included."""
    w = matrix.reshape(-1, matrix.shape[-1])
    positive = np.maximum(w, 0).sum(0, dtype=np.int64)
    negative = -np.minimum(w, 0).sum(0, dtype=np.int64)
    low, high = min(low, 0), max(high, 0)
    return np.maximum(positive * high - negative * low, negative * high - positive * low) + np.abs(bias)


def _by_panel(values: Any, columns: int, dtype: Any, permuted: bool = True, fill: int = 0) -> np.ndarray:
    """[columns], or one for all -> [panels, 16]."""
    whole = np.full(panels_of(columns) * COLUMNS, fill, dtype)
    whole[:columns] = values
    panels = whole.reshape(-1, COLUMNS)
    return panels[:, PERMUTED] if permuted else panels


def _joined(*parts: np.ndarray) -> np.ndarray:
    """[panels, …] side by side, as bytes."""
    return padded(
        np.concatenate([np.ascontiguousarray(part).reshape(len(part), -1).view(np.uint8) for part in parts], axis=1)
    )


def float_stage(
    activation: ActivationFunctionType | None, bias: np.ndarray | None, columns: int, infinite: bool = False
) -> PackedStage:
    """Of FLOAT32 products."""
    low, high = _bounds(activation, infinite)
    return PackedStage(
        "float", _joined(_by_panel(0 if bias is None else bias, columns, np.float32, False)), 0, low, high, 4
    )


def _bounds(activation: ActivationFunctionType | None, infinite: bool) -> tuple[float, float]:
    """infinite: without a bound infinities stay what they are."""
    if activation is None:
        return -np.inf, np.inf
    low, high = float_clamp(activation)
    most = float(np.finfo(np.float32).max)
    if infinite:
        low, high = -np.inf if low == -most else low, np.inf if high == most else high
    return low, high


def scaled_stage(
    products: HybridProducts,
    activation: ActivationFunctionType | None,
    bias: np.ndarray | None,
    columns: int,
    infinite: bool,
) -> PackedStage | None:
    """Of dynamic-range products; None where the activation or the order of operations is another one."""
    kinds: dict[Any, str] = {product_of_scales: "scaled", filter_scale_first: "scaled_apart"}
    kind = kinds.get(products.arithmetic.finish)
    if kind is None or products.arithmetic.scaled_products or activation not in (None, *_CLAMPS):
        return None
    low, high = _bounds(activation, infinite)
    return replace(scaled_columns(products.filter_scales, bias, columns), kind=kind, low=low, high=high)


def scaled_columns(scales: np.ndarray, bias: np.ndarray | None, columns: int) -> PackedStage:
    """sum * (scale * scale of the row) + bias in FLOAT32, without a clamp."""
    # Nothing is added where there is no bias; -0.0 leaves every number as it is.
    biases = _by_panel(np.float32(-0.0) if bias is None else bias, columns, np.float32)
    scales = _by_panel(scales, columns, np.float32)
    return PackedStage("scaled", _joined(scales, biases), 0, -np.inf, np.inf, 4)


def integer_stage(
    products: QuantizedProducts, matrix: np.ndarray, bias: np.ndarray | int, centred: bool
) -> PackedStage | None:
    """Of integer products with a matrix [segments, depth, columns].

    centred: inputs come less their zero point. None where the arithmetic is another one, or results are not provably
    the same.
    """
    stage, columns = products.stage, matrix.shape[-1]
    if not isinstance(stage, OutputStage) or np.abs(matrix).max(initial=0) > 255:
        return None
    total = np.broadcast_to(np.asarray(bias, np.int64), columns)
    low, high = products.low, products.high
    if not centred and products.zero_point:
        total = total - products.zero_point * matrix.sum((0, 1), dtype=np.int64)
        low, high = low + products.zero_point, high + products.zero_point
    bound = sums_within(matrix, low, high, total)
    if stage.dtype == np.int32:
        fits = bool((bound < 1 << 31).all())
        return PackedStage("plain", _joined(_by_panel(total, columns, np.int32)), 0, 0, 0, 4) if fits else None
    if stage.rescale.rounding == "double":
        return _fixed(stage, total, bound, sums_within(matrix, 0, 1) == 0)
    make = {"float64": _double, "q15": _fifteen_bits}.get(stage.rescale.rounding)
    return None if make is None else make(stage, total, bound)


def without_still_columns(products: QuantizedProducts, matrix: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """The matrix [segments, depth, columns], zeros in columns whose results are the same for all inputs.

    Converters give such columns biases that leave sums no room, and factors as small.
    """
    stage, low, high = products.stage, products.low, products.high
    if not isinstance(stage, OutputStage) or stage.rescale.rounding != "double":
        return matrix
    w, bias = matrix.reshape(-1, matrix.shape[-1]), bias.astype(np.int64)
    positive, negative = np.maximum(w, 0).sum(0, dtype=np.int64), np.minimum(w, 0).sum(0, dtype=np.int64)
    ends = np.stack([bias + positive * low + negative * high, bias + positive * high + negative * low])
    least, most = stage.rescale(np.clip(ends, -(1 << 31), (1 << 31) - 1))
    still = (least == most) & (np.abs(ends).max(0) < 1 << 31)
    return np.where(still, 0, matrix) if still.any() else matrix


def _fixed(stage: OutputStage, bias: np.ndarray, bound: np.ndarray, empty: np.ndarray) -> PackedStage | None:
    """empty: columns whose weights are all 0, which converters give biases and factors out of all proportion."""
    item_bytes, columns = stage.dtype.itemsize, bias.size
    mantissa = np.broadcast_to(stage.rescale.multiplier.mantissa, columns)
    exponent = np.broadcast_to(stage.rescale.multiplier.exponent, columns)
    # What does not depend on the inputs is computed here: the bias becomes the result, or does not matter.
    results = stage.rescale(wrap32(bias)[None])[0] if stage.wraps or (np.abs(bias) < 1 << 31).all() else None
    if results is not None:
        nothing = (mantissa == 0) & ~empty
        bound = np.where(empty, 0, np.where(nothing, bound - np.abs(bias), bound))
        bias = np.where(empty, np.clip(results, -(1 << 16), 1 << 16), np.where(nothing, 0, bias))
        mantissa, exponent = np.where(empty, 1 << 30, mantissa), np.where(empty, 1, exponent)
    left = np.maximum(exponent, 0)
    if left.max() > 8 or item_bytes > 2 or not (bound < np.int64(1) << (30 - left)).all():
        return None
    data, _ = pack_stage(bias, Multiplier(mantissa, exponent), columns)
    return PackedStage(f"fixed{8 * item_bytes}", data, stage.zero_point, stage.low, stage.high, item_bytes, 2)


def _double(stage: OutputStage, bias: np.ndarray, bound: np.ndarray) -> PackedStage | None:
    item_bytes, columns = stage.dtype.itemsize, bias.size
    wide = bool((bound >= 1 << 31).any())
    if (wide and (stage.wraps or item_bytes == 1)) or item_bytes > 2 or (bound >= 1 << 53).any():
        return None
    factors = _by_panel(stage.rescale.real, columns, np.float64, not wide)
    data = _joined(_by_panel(bias, columns, np.int64 if wide else np.int32, not wide), factors)
    low, high = float(stage.low - stage.zero_point), float(stage.high - stage.zero_point)
    if low < -32768 or high > 32767:
        return None
    kind = f"double{8 * item_bytes}{'_wide' if wide else ''}"
    return PackedStage(kind, data, stage.zero_point, low, high, item_bytes, wide=wide)


def _fifteen_bits(stage: OutputStage, bias: np.ndarray, bound: np.ndarray) -> PackedStage | None:
    multiplier, columns = stage.rescale.multiplier, bias.size
    mantissa = np.where(multiplier.mantissa >= 0x7FFF0000, 0x7FFF, (multiplier.mantissa + (1 << 15)) >> 16)
    shift = 15 - multiplier.exponent
    if stage.dtype != np.int16 or shift.min() < 1 or shift.max() > 60 or (bound >= 1 << 45).any():
        return None
    wide = bool((bound >= 1 << 31).any() or (((bound + 1) * mantissa >> shift) >= (1 << 31) - 1).any())
    tables = [mantissa, (np.int64(1) << (shift - 1)) + (1 << 62), shift, np.int64(1 << 62) >> shift]
    if wide:
        rows = [_by_panel(bias, columns, np.int64, False)]
        rows += [_by_panel(table, columns, np.int64, False, 1) for table in tables]
    else:
        # Of each half: tables of even and of odd columns.
        parts = [_by_panel(table, columns, np.int64, True, 1).reshape(-1, 2, 4, 2).swapaxes(2, 3) for table in tables]
        halves = np.stack(parts, axis=2)  # [panels, halves, tables, parity, 4]
        rows = [_by_panel(bias, columns, np.int32), halves]
    kind = "q15_wide" if wide else "q15"
    return PackedStage(kind, _joined(*rows), stage.zero_point, stage.low, stage.high, 2, wide=wide)


def wide_segments(matrix: np.ndarray, offsets: np.ndarray, element_bytes: int, largest: int) -> Any:
    """The matrix in segments short enough for sums of 32 bits, and their offsets."""
    segments, depth, columns = matrix.shape
    parts = 1
    while True:
        length = -(-depth // parts)
        length += length & 1
        count = -(-depth // length)
        whole = np.zeros((segments, count * length, columns), matrix.dtype)
        whole[:, :depth] = matrix
        split = whole.reshape(segments * count, length, columns)
        if (np.abs(split.astype(np.int64)).sum(1) * largest < 1 << 31).all():
            starts = offsets[:, None] + np.arange(count) * length * element_bytes
            return split, starts.ravel()
        parts += 1


def channels_of(products: Any, channels: slice) -> Any:
    """The arithmetic of some of the output channels."""
    if isinstance(products, HybridProducts):
        scales = products.filter_scales
        return replace(products, filter_scales=scales[channels] if scales.size > 1 else scales)
    stage = products.stage
    if not isinstance(stage, OutputStage):
        return products
    real, multiplier = stage.rescale.real, stage.rescale.multiplier
    if real.size > 1:
        multiplier = Multiplier(multiplier.mantissa[channels], multiplier.exponent[channels])
        real = real[channels]
    return replace(products, stage=replace(stage, rescale=replace(stage.rescale, real=real, multiplier=multiplier)))
