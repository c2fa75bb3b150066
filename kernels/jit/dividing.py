"""Quotients and remainders of integers on the fast tier; kernels set their entry's fault where a divisor is 0."""

from __future__ import annotations

from litejit.kernels.jit.arithmetic import plain
from litejit.kernels.jit.broadcasting import broadcast_call
from litejit.kernels.jit.call import Call, Fault, Tensor
from litejit.kernels.jit.layouts.elements import ELEMENTS
from litejit.kernels.jit.lowering import Lowered, Lowering, lowers
from litejit.kernels.jit.quantized import quantized
from litejit.kernels.kernel import Kernel
from litejit.kernels.reference.arithmetic import Div
from litejit.kernels.reference.binary import FloorDiv, FloorMod
from litejit.schema import ActivationFunctionType, TensorType

__all__: list[str] = []

_NAMES: dict[type[Kernel], str] = {FloorDiv: "floor", FloorMod: "remainder"}
_SIZES = {TensorType.INT8: 8, TensorType.INT16: 16, TensorType.INT32: 32, TensorType.INT64: 64}


@lowers(FloorDiv, FloorMod)
def floored(lowering: Lowering) -> list[Call] | None:
    """One call."""
    a, b = lowering.input(0), lowering.input(1)
    if a.type not in _SIZES:
        return None
    kernel = f"dividing.{_NAMES[type(lowering.kernel)]}_i{_SIZES[a.type]}"
    return broadcast_call(lowering, kernel, a, b, {"table": Fault()}, work=8)


@lowers(Div)
def quotient(lowering: Lowering) -> Lowered | None:
    """Truncated quotients of int32; of bytes a table, and a look at the divisors before it."""
    kernel, a, b = lowering.kernel, lowering.input(0), lowering.input(1)
    if a.type == TensorType.FLOAT32:
        return plain(lowering)
    if a.type == TensorType.INT32 and kernel.options.fused_activation_function == ActivationFunctionType.NONE:
        return broadcast_call(lowering, "dividing.truncated_i32", a, b, {"table": Fault()}, work=8)
    calls = None if kernel.quantized is None else quantized(lowering)
    if calls is None or b.dtype.itemsize != 1 or b.size == 0:
        return None
    if b.value is not None and not (b.value == kernel.zero).any():
        return calls
    zero = kernel.zero - 256 if kernel.zero > 127 else kernel.zero
    slots = dict.fromkeys(ELEMENTS.names, 0) | {"source": Tensor(b.index), "count": b.size, "piece": b.size}
    slots |= {"p0": int(zero), "table": Fault()}
    return [Call("dividing.refuse_bytes", ELEMENTS, slots, work=b.size), *calls]
