"""How each numerics flavour computes with float inputs and integer weights.

litert-ref and litert-opt quantize activations as hybrid.py says; they differ in the order of the multiplications by
scales. XNNPACK quantizes asymmetrically in float32 throughout (its qd8 type), and ends with a fused multiply-add.
Sources: LiteRT tflite/kernels/internal/optimized/{optimized_ops.h,integer_ops/depthwise_conv_hybrid.h,4bit/**}, XNNPACK
src/xnnpack/quantization.h, src/qd8-f32-qc8w-{gemm,igemm}.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from litejit.kernels.fixedpoint import round_half_away
from litejit.kernels.reference.hybrid import (
    QuantizedRows,
    counted_as_zeros,
    quantize_rows_asymmetric,
    quantize_rows_symmetric,
)
from litejit.schema import BatchMatMulOptions, FullyConnectedOptions

__all__ = [
    "Finish",
    "HybridArithmetic",
    "asymmetric",
    "depthwise_blocks",
    "filter_scale_first",
    "four_bit",
    "multiply_add",
    "product_of_scales",
    "quantize_rows_qd8",
    "rows_as_asked",
    "symmetric",
    "transposed",
    "xnnpack",
    "zeros_left_out",
]

Finish = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None], np.ndarray]
"""(sums, scales of the batches, scales of the filter, bias) -> real values; all float32."""


@dataclass(frozen=True)
class HybridArithmetic:
    """quantize: rows of floats, to values at most span from their zero point. finish: sums of products to real values.

    row_axes: how many leading dimensions of the input count its rows. scaled_products: each product is scaled before
    they are added up, in the order of the official loops, so that all `finish` has to add is the bias.
    """

    quantize: Callable[[np.ndarray], QuantizedRows]
    span: int
    finish: Finish
    row_axes: int = 1
    scaled_products: bool = False


def symmetric(finish: Finish) -> HybridArithmetic:
    """Activations are quantized symmetrically."""
    return HybridArithmetic(quantize_rows_symmetric, 127, finish)


def asymmetric(finish: Finish) -> HybridArithmetic:
    """Activations are quantized asymmetrically."""
    return HybridArithmetic(quantize_rows_asymmetric, 255, finish)


def rows_as_asked(options: FullyConnectedOptions | BatchMatMulOptions, delegated: bool) -> HybridArithmetic:
    """Of matrix products: rows are quantized as asymmetric_quantize_inputs says, unless XNNPACK takes the node."""
    if delegated:
        return xnnpack()
    return (asymmetric if options.asymmetric_quantize_inputs else symmetric)(product_of_scales)


def zeros_left_out(arithmetic: HybridArithmetic) -> HybridArithmetic:
    """The same, but all rows are zeros where the official kernel takes them, as one vector, for zeros."""
    return replace(arithmetic, quantize=lambda x: arithmetic.quantize(counted_as_zeros(x, len(x))))


def transposed() -> HybridArithmetic:
    """Of transposed convolutions."""
    return HybridArithmetic(
        quantize_rows_asymmetric, 255, lambda sums, _, __, bias: _plus(sums, bias), scaled_products=True
    )


def four_bit() -> HybridArithmetic:
    """Of litert-opt's matrix products with INT4 weights, which it holds as weights + 7; see `shifted_weights`."""
    return HybridArithmetic(quantize_rows_four_bit, 127, shifted_weights)


def xnnpack(row_axes: int = 1) -> HybridArithmetic:
    """Activations are quantized in XNNPACK's way."""
    return HybridArithmetic(quantize_rows_qd8, 255, fused, row_axes)


def product_of_scales(
    sums: np.ndarray, batch_scale: np.ndarray, filter_scale: np.ndarray, bias: np.ndarray | None
) -> np.ndarray:
    """sums * (filter_scale * batch_scale) + bias."""
    return _plus(sums * (filter_scale * batch_scale), bias)


def filter_scale_first(
    sums: np.ndarray, batch_scale: np.ndarray, filter_scale: np.ndarray, bias: np.ndarray | None
) -> np.ndarray:
    """(sums * filter_scale) * batch_scale + bias."""
    return _plus(sums * filter_scale * batch_scale, bias)


def depthwise_blocks(
    sums: np.ndarray, batch_scale: np.ndarray, filter_scale: np.ndarray, bias: np.ndarray | None
) -> np.ndarray:
    """Blocks of four channels are multiplied by the filter's scale first, those left over by the batch's."""
    channels = np.arange(sums.shape[-1])
    in_block = channels < channels.size // 4 * 4
    return _plus(np.where(in_block, sums * filter_scale * batch_scale, sums * batch_scale * filter_scale), bias)


def fused(sums: np.ndarray, batch_scale: np.ndarray, filter_scale: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """(sums * batch_scale) * filter_scale + bias, the last two operations rounded once."""
    return multiply_add(sums * batch_scale, filter_scale, np.float32(0) if bias is None else bias)


def shifted_weights(
    sums: np.ndarray, batch_scale: np.ndarray, filter_scale: np.ndarray, bias: np.ndarray | None
) -> np.ndarray:
    """Sums of products with weights + 7, less 7 times the sums of the row, scaled apart.

    The last channel of the sums is that of the row's elements, the products with a column of ones.
    """
    sums, row = sums[..., :-1], sums[..., -1:]
    offset = _plus((np.float32(-7) * row) * batch_scale * filter_scale, bias)
    return offset + (sums + np.float32(7) * row) * batch_scale * filter_scale


def _plus(result: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    return result if bias is None else result + bias


def multiply_add(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """The fused multiply-add a * b + c of float32, rounded once.

    The product is exact in float64. The sum may not be, and rounding it twice could go wrong; so it is rounded to odd
    first, which keeps in its last bit on which side of a tie between float32 numbers it lies.
    """
    product, c = np.asarray(a, np.float64) * b, np.asarray(c, np.float64)
    total = product + c
    with np.errstate(invalid="ignore"):
        rest = total - product
        error = (product - (total - rest)) + (c - rest)
    even = (total.view(np.int64) & 1) == 0
    inexact = even & (error != 0) & np.isfinite(total)
    total = np.where(inexact, np.nextafter(total, np.copysign(np.inf, error)), total)
    return total.astype(np.float32)


def quantize_rows_qd8(x: np.ndarray) -> QuantizedRows:
    """XNNPACK's quantization of rows of x: [rows, size] float32 to int8, so that 0 is a value."""
    one = np.float32(1)
    low = x.min(axis=1, initial=0).astype(np.float32)
    high = x.max(axis=1, initial=0).astype(np.float32)
    with np.errstate(all="ignore"):
        inverse = np.where(low == high, one, np.float32(255) / (high - low))
        low_steps, high_steps = low * inverse, high * inverse
        low_is_better = (np.float32(-128) + low_steps) + (np.float32(127) + high_steps) > 0
        zero_point = np.where(low_is_better, np.float32(-128) - low_steps, np.float32(127) - high_steps)
        zero_point = np.rint(np.clip(zero_point, -128, 127))
        steps = np.rint(np.minimum(x * inverse[:, None], np.float32(32767))) + zero_point[:, None]
        values = np.clip(np.nan_to_num(steps, nan=-128), -128, 127).astype(np.int8)
        return QuantizedRows(values, one / inverse, np.nan_to_num(zero_point).astype(np.int32))


def quantize_rows_four_bit(x: np.ndarray) -> QuantizedRows:
    """Symmetric quantization as in hybrid.py, but with factors computed in float64 and one rounding for all."""
    largest = np.abs(x).max(axis=1, initial=0).astype(np.float64)
    largest = np.where(largest == 0, 127, largest)
    with np.errstate(all="ignore"):
        steps = round_half_away(x * (127 / largest).astype(np.float32)[:, None])
    values = np.clip(np.nan_to_num(steps), -128, 127).astype(np.int8)
    return QuantizedRows(values, (largest / 127).astype(np.float32), np.zeros(len(x), np.int32))
