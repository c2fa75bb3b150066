"""How each numerics flavour rescales sums of integer products, and which nodes XNNPACK takes.

litert-ref follows the reference kernels. litert-opt follows the optimised ones, whose matrix products (ruy) round the
second time upwards, and whose other kernels do so in blocks of elements only. xnnpack rescales in float32 where the
XNNPACK delegate takes the node, and is litert-opt elsewhere. tflm and single-rounding have one formula for all.
Sources: LiteRT tflite/kernels/*.cc, internal/optimized/**, delegates/xnnpack/xnnpack_delegate.cc.
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
    "fully_connected_types",
    "has_clamp",
    "is_float_delegable",
    "is_integer_delegable",
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


def fully_connected_types(weights: TensorSpec) -> tuple[TensorType, ...]:
    """Types of weights that XNNPACK takes for FULLY_CONNECTED if they are like these: rows have to fill whole bytes."""
    features = weights.dims[1]
    types = [_INT8]
    if features % 2 == 0:
        types.append(TensorType.INT4)
    if features % 4 == 0 and weights.quantized.scale.size == weights.dims[weights.quantized.axis]:
        types.append(TensorType.INT2)
    return tuple(types)


def has_clamp(activation: ActivationFunctionType) -> bool:
    """Whether XNNPACK knows the fused activation."""
    return activation not in (ActivationFunctionType.TANH, ActivationFunctionType.SIGN_BIT)


def is_float_delegable(
    filter: TensorSpec, bias: TensorSpec | None, axis: int, types: tuple[TensorType, ...] = (_INT8,)
) -> bool:
    """Whether XNNPACK takes integer weights for float inputs: constants, with proper scales, along axis if several."""
    return (
        filter.value is not None
        and filter.type in types
        and _has_proper_scales(filter, axis)
        and (bias is None or bias.value is not None)
    )


def is_integer_delegable(
    input: TensorSpec,
    filter: TensorSpec,
    bias: TensorSpec | None,
    output: TensorSpec,
    axis: int,
    types: tuple[TensorType, ...] = (_INT8,),
    constant: bool = True,
) -> bool:
    """Whether XNNPACK takes such weights for 8-bit inputs: constants, with proper scales, and a bias likewise.

    axis: the dimension that the filter's scales may be along. types: of the filter of an INT8 input. constant: whether
    the filter has to be.
    """
    if input.type not in (_INT8, _UINT8) or output.type != input.type or (constant and filter.value is None):
        return False
    per_tensor = all(tensor.quantized.axis == 0 for tensor in (input, output))
    proper = _has_proper_scales(filter, 0 if filter.type == _UINT8 else axis)
    proper_bias = bias is None or (bias.value is not None and _has_proper_scales(bias, 0) and bias.quantized.axis == 0)
    allowed = types if input.type == _INT8 else (_UINT8,)
    if not (filter.type in allowed and per_tensor and proper and proper_bias):
        return False
    return bool(scale_of_products(input, filter.quantized.scale, output, "float32").max() < 256)


def _has_proper_scales(tensor: TensorSpec, axis: int) -> bool:
    """One scale or several along this axis, none 0 or subnormal. UINT8 has its axis checked for one scale, too."""
    quantization = tensor.quantization
    if quantization is None or quantization.block_size or (quantization.scale < np.finfo(np.float32).tiny).any():
        return False
    return quantization.axis == axis or not (quantization.per_channel or tensor.type == _UINT8)
