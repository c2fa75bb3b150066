"""How each numerics flavour rescales sums of integer products.

litert-ref follows the reference kernels. litert-opt follows the optimised ones, whose matrix products (ruy) round the
second time upwards, and whose other kernels do so in blocks of elements only. xnnpack rescales in float32 where the
XNNPACK delegate takes the node, and is litert-opt elsewhere. tflm and single-rounding have one formula for all.
Sources: LiteRT tflite/kernels/*.cc, internal/optimized/**.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.output_stage import BlockStage, OutputStage, Rescaling, scale_of_products
from litejit.schema import ActivationFunctionType, TensorType

__all__ = [
    "Q15",
    "Rounding",
    "batch_matmul_rounding",
    "convolution_rounding",
    "fully_connected_rounding",
    "output_stage",
]

_UINT8, _INT8, _INT16 = TensorType.UINT8, TensorType.INT8, TensorType.INT16


@dataclass(frozen=True)
class Rounding:
    """How sums are rescaled: `Rescaling` by the real multiplier that `scale_of_products` has in `precision`.

    block: elements that are rescaled together, 0 for no such thing; those left over are rescaled by "double".
    whole: blocks run through the whole output, not along its channels.
    """

    rescaling: str
    precision: str = "float64"
    block: int = 0
    whole: bool = False


Q15 = Rounding("q15")
_XNNPACK = Rounding("float32", "float32")
_FIXED_POINT = {"litert-ref": "double", "litert-opt": "up", "tflm": "double", "single-rounding": "single"}
"""The rounding of int32 sums by a 31-bit multiplier; litert-opt: of matrix products."""


def output_stage(
    rounding: Rounding,
    input: TensorSpec,
    scales: np.ndarray,
    output: TensorSpec,
    activation: ActivationFunctionType,
    wraps: bool,
) -> OutputStage | BlockStage:
    """The output stage of products of an input with a filter of these scales."""
    real = scale_of_products(input, scales, output, rounding.precision)
    stage = OutputStage.of(output, activation, Rescaling.by(rounding.rescaling, real), wraps)
    if rounding.block == 0:
        return stage
    tail = OutputStage.of(output, activation, Rescaling.by("double", real), wraps)
    return BlockStage(stage, tail, rounding.block, rounding.whole)


def convolution_rounding(flavour: str, kind: str, type: TensorType, wide: bool, delegated: bool) -> Rounding:
    """kind: "conv", "grouped", "depthwise" or "transposed"; type: of the input; wide: sums of 64 bits."""
    if wide:
        return Q15
    if flavour == "xnnpack" and delegated:
        return _XNNPACK
    precision = "mixed" if type == _UINT8 else "float64"
    if flavour not in ("litert-opt", "xnnpack"):
        return Rounding(_FIXED_POINT[flavour], precision)
    optimised = {
        ("conv", type): Rounding("up", precision),
        ("depthwise", _INT8): Rounding("up", precision, block=8),
        ("transposed", _INT8): Rounding("up", precision, block=8),
        ("transposed", _INT16): Rounding("up", precision, block=8),
        ("transposed", _UINT8): Rounding("up", precision, block=16, whole=True),
    }
    return optimised.get((kind, type), Rounding("double", precision))


def fully_connected_rounding(flavour: str, weights: TensorSpec, wide: bool, delegated: bool, double: bool) -> Rounding:
    """wide: sums of 64 bits. double: the weights are sparse or shuffled, which have kernels of their own."""
    precision = "float64" if weights.quantized.per_channel else "mixed"
    official = flavour in ("litert-ref", "litert-opt", "xnnpack")
    if weights.type == _INT16:
        return Rounding("q15", precision)
    if double:
        return Rounding("double", precision)
    if not official:
        return Rounding("q15" if wide else _FIXED_POINT[flavour], precision)
    if wide or flavour == "litert-ref":
        return Rounding("float64")
    return _XNNPACK if flavour == "xnnpack" and delegated else Rounding("up", precision)


def batch_matmul_rounding(flavour: str, type: TensorType, delegated: bool) -> Rounding:
    """type: of lhs. The optimised kernel is the reference kernel here."""
    if type == _INT16:
        return Rounding("q15", "mixed")
    if flavour == "xnnpack" and delegated:
        return _XNNPACK
    return Rounding("single" if flavour == "single-rounding" else "double", "mixed")
