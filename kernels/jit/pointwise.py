"""Operators on one tensor, each element by itself, on the fast tier: floats by arithmetic, quantized ones by table."""

from __future__ import annotations

import math

import numpy as np

from litejit.kernels.jit.call import Call, Fault
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.jit.slopes import sloped
from litejit.kernels.jit.tables import FEW_WORDS, elements_call, table_call, tabulated
from litejit.kernels.kernel import Kernel
from litejit.kernels.reference.activation import HardSwish, LeakyRelu, Relu, Relu0To1, Relu6, ReluN1To1
from litejit.kernels.reference.binary import Pow
from litejit.kernels.reference.curves import Elu, Gelu, Logistic, Tanh
from litejit.kernels.reference.roots import Rsqrt, Sqrt
from litejit.kernels.reference.unary import Abs, Ceil, Exp, Floor, Log, Neg, Round, Square
from litejit.schema import TensorType

__all__ = ["UNARY", "swish"]

_QUANTIZED = (TensorType.INT8, TensorType.UINT8, TensorType.INT16)
_KERNELS: dict[type[Kernel], tuple[str, int]] = {
    Relu: ("clamp", 1),
    Relu6: ("clamp", 1),
    ReluN1To1: ("clamp", 1),
    Relu0To1: ("clamp", 1),
    LeakyRelu: ("leaky", 1),
    Logistic: ("logistic_f32", 8),
    Tanh: ("tanh_f32", 10),
    Exp: ("exp_f32", 6),
    Log: ("log_f32", 8),
    Elu: ("elu", 16),
    HardSwish: ("hard_swish", 2),
    Gelu: ("gelu", 10),
    Sqrt: ("sqrt_f32", 2),
    Rsqrt: ("rsqrt_f32", 2),
    Abs: ("abs_f32", 1),
    Neg: ("neg", 1),
    Square: ("square", 1),
    Floor: ("floor_f32", 1),
    Ceil: ("ceil_f32", 1),
    Round: ("round_f32", 1),
}
"""Kernel for floats, and its rough cost for an element."""

_CHECKED = (Sqrt, Rsqrt)
"""Their quantized forms refuse values, which compiled code does not."""


UNARY = tuple(kernel for kernel in _KERNELS if kernel not in _CHECKED)
"""Kernels of one operand, element by element, that take every value."""


@lowers(*_KERNELS)
def pointwise(lowering: Lowering) -> list[Call] | None:
    """One call."""
    kernel, type = lowering.kernel, lowering.input(0).type
    if type in _QUANTIZED:
        if isinstance(kernel, _CHECKED):
            return _root(lowering)
        return (_bent(lowering) if isinstance(kernel, LeakyRelu) else None) or tabulated(lowering)
    found = _KERNELS.get(kernel.__class__)
    if type != TensorType.FLOAT32 or found is None:
        return None
    name, work = found
    slots = {"p0": 0.0, "p1": 0.0}
    if name == "clamp":
        slots = {"p0": float(kernel.lower), "p1": math.inf if kernel.upper is None else float(kernel.upper)}
    elif name == "leaky":
        slots["p0"] = float(kernel.alpha)
    elif name == "gelu" and kernel.options.approximate:
        name = "gelu_tanh"
    return elements_call(lowering, f"pointwise.{name}", slots, work)


def _bent(lowering: Lowering) -> list[Call] | None:
    """LEAKY_RELU of bytes as two lines."""
    input, output = lowering.input(0), lowering.outputs[0]
    if input.dtype.itemsize != 1:
        return None
    ratio = float(input.scale) / float(output.scale)
    return sloped(lowering, ratio, ratio * float(lowering.kernel.alpha))


def _root(lowering: Lowering) -> list[Call] | None:
    """A table, and a look for numbers below 0, which are refused, before it."""
    kernel, input = lowering.kernel, lowering.input(0)
    if input.type == TensorType.INT16 and input.size < FEW_WORDS:
        return None
    values = np.arange(1 << 8 * input.dtype.itemsize, dtype=f"u{input.dtype.itemsize}").view(input.dtype)
    found = table_call(lowering, np.asarray(kernel(np.maximum(values, np.asarray(kernel.zero_point, input.dtype)))))
    name = "tables.refuse_bytes" if input.dtype.itemsize == 1 else "tables.refuse_words"
    refused = elements_call(lowering, name, {"p0": int(kernel.zero_point), "p1": Fault()})
    return None if found is None or refused is None else [*refused, *found]


@lowers(Pow)
def power(lowering: Lowering) -> list[Call] | None:
    """One positive integer as the exponent of floats: by repeated squaring."""
    base, given = lowering.input(0), lowering.input(1).value
    exponent = None if given is None else lowering.kernel.whole_exponent(given)
    if base.type != TensorType.FLOAT32 or exponent is None or base.size != lowering.outputs[0].size:
        return None
    return elements_call(lowering, "pointwise.power", {"p0": exponent}, work=2)


def swish(lowering: Lowering) -> list[Call] | None:
    """x * logistic(x) of floats, for the rewrite that finds it in two operators."""
    return elements_call(lowering, "pointwise.swish", {"p0": 0.0, "p1": 0.0}, 8)
