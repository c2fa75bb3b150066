"""Operators on two broadcast operands on the fast tier: plain numbers and quantized ones."""

from __future__ import annotations

import math

from litejit.kernels.jit.broadcasting import broadcast_call
from litejit.kernels.jit.call import Call
from litejit.kernels.jit.convolution import float_clamp
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.jit.quantized import quantized
from litejit.kernels.kernel import Kernel
from litejit.kernels.reference.activation import Prelu
from litejit.kernels.reference.arithmetic import Add, Div, Mul, SquaredDifference, Sub
from litejit.kernels.reference.binary import Maximum, Minimum
from litejit.schema import ActivationFunctionType, TensorType

__all__ = ["BINARY", "plain"]

_KERNELS: dict[type[Kernel], str] = {
    Add: "add",
    Sub: "sub",
    Mul: "mul",
    Div: "div",
    SquaredDifference: "squared_difference",
    Maximum: "maximum",
    Minimum: "minimum",
    Prelu: "prelu",
}
BINARY = tuple(_KERNELS)
"""Kernels of two operands, element by element."""

_ACTIVATED = (Add, Sub, Mul, Div)
_INTEGER = (Add, Sub, Mul, Maximum, Minimum)
_SHORT = {TensorType.INT8: ("bytes", -1), TensorType.UINT8: ("bytes", 255), TensorType.INT16: ("words", -1)}


def plain(lowering: Lowering) -> list[Call] | None:
    """Float32 and int32; the larger or smaller one of shorter integers, too."""
    kernel, a, b = lowering.kernel, lowering.input(0), lowering.input(1)
    name = _KERNELS[type(kernel)]
    activation = (
        kernel.options.fused_activation_function if isinstance(kernel, _ACTIVATED) else ActivationFunctionType.NONE
    )
    if a.type == TensorType.FLOAT32:
        low, high = float_clamp(activation) if isinstance(kernel, _ACTIVATED) else (-math.inf, math.inf)
        return broadcast_call(lowering, f"arithmetic.{name}_f32", a, b, {"low": low, "high": high}, periods=True)
    if a.type == TensorType.INT32 and isinstance(kernel, _INTEGER) and activation == ActivationFunctionType.NONE:
        return broadcast_call(lowering, f"arithmetic.{name}_i32", a, b, {})
    if isinstance(kernel, (Maximum, Minimum)) and a.type in _SHORT:
        kind, mask = _SHORT[a.type]
        return broadcast_call(lowering, f"comparing.{name}_{kind}", a, b, {"p3": mask})
    return None


@lowers(*(kernel for kernel in BINARY if kernel is not Div))
def arithmetic(lowering: Lowering) -> list[Call] | None:
    """One call."""
    return plain(lowering) if lowering.kernel.quantized is None else quantized(lowering)
