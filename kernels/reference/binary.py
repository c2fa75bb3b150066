"""FLOOR_DIV, FLOOR_MOD, POW, MAXIMUM, MINIMUM, ATAN2, RIGHT_SHIFT, BITWISE_XOR: two operands of plain numbers.

None of them rescales: on quantized tensors they compute with the raw values, as the official kernels do.
"""

from __future__ import annotations

import numpy as np

from litejit.kernels.fixedpoint import float_activation
from litejit.kernels.node import Node
from litejit.kernels.reference.elementwise import Broadcast
from litejit.kernels.reference.first_elements import first_elements, first_elements_of
from litejit.kernels.registry import builtin
from litejit.schema import ActivationFunctionType, BuiltinOperator, TensorType
from litejit.schema.errors import InvalidInputError

__all__ = ["Atan2", "BitwiseXor", "FloorDiv", "FloorMod", "Maximum", "Minimum", "Pow", "RightShift"]

_INTEGERS = (
    TensorType.INT8,
    TensorType.UINT8,
    TensorType.INT16,
    TensorType.UINT16,
    TensorType.INT32,
    TensorType.UINT32,
)


def _refuse_zeros(divisor: np.ndarray) -> None:
    if not divisor.all():
        raise InvalidInputError(f"division by zero: {np.sum(divisor == 0)} elements of input2 are 0")


@builtin(BuiltinOperator.FLOOR_DIV, versions=(1, 3))
class FloorDiv(Broadcast):
    """floor(input1 / input2), broadcast, by way of float64. The lowest integer divided by -1 wraps around to itself.

    Raises InvalidInputError when an element of input2 is 0, for FLOAT32 too.
    Semantics: LiteRT tflite/kernels/floor_div.cc, internal/reference/floor_div.h, which leaves that quotient open for
    INT8 and INT16: on x86 it is the highest integer in whole blocks of 8, the lowest one in the rest.
    """

    types = (TensorType.FLOAT32, TensorType.INT32, TensorType.INT16, TensorType.INT8)

    def plain(self, input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
        """The quotient."""
        _refuse_zeros(input2)
        quotient = np.floor(np.divide(input1, input2, dtype=np.float64))
        return quotient.astype(np.int64 if input1.dtype.kind == "i" else np.float32).astype(input1.dtype)


@builtin(BuiltinOperator.FLOOR_MOD, versions=(1, 2))
class FloorMod(Broadcast):
    """input1 - input2 * floor(input1 / input2), broadcast: the remainder with the divisor's sign.

    Raises InvalidInputError when an integer element of input2 is 0; for FLOAT32 the remainder is NaN then.
    Semantics: LiteRT tflite/kernels/floor_mod.cc, internal/reference/floor_mod.h.
    """

    types = (TensorType.FLOAT32, TensorType.INT64, TensorType.INT32, TensorType.INT16, TensorType.INT8)

    def plain(self, input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
        """The remainder."""
        if input1.dtype.kind == "i":
            _refuse_zeros(input2)
            return np.remainder(input1, input2)
        truncated = np.fmod(input1, input2)
        return np.where((truncated != 0) & ((input2 < 0) != (truncated < 0)), truncated + input2, truncated)


@builtin(BuiltinOperator.POW)
class Pow(Broadcast):
    """input1 ** input2, broadcast, for FLOAT32 and INT32.

    A single exponent for several elements that is a positive integer (to 1e-5) is computed by repeated squaring, whose
    integers wrap around and whose floats stay finite. INT32 is otherwise computed in float64; what does not fit is
    INT32_MIN. Raises InvalidInputError for negative INT32 exponents.
    Semantics: LiteRT tflite/kernels/pow.cc, internal/optimized/optimized_ops.h (BroadcastPow4D, IntegerExponentPow).
    """

    types = (TensorType.FLOAT32, TensorType.INT32)

    def prepare(self, node: Node) -> None:
        """Notes whether repeated squaring may be used."""
        input1, input2, _ = self.operands_of(node)
        self.single_exponent = input2.size == 1 and input1.dims != input2.dims

    def plain(self, input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
        """The power."""
        is_integer = input1.dtype.kind == "i"
        if is_integer and np.any(input2 < 0):
            raise InvalidInputError(f"INT32 exponents must not be negative, the smallest is {input2.min()}")
        exponent = self.whole_exponent(input2)
        if exponent is not None:
            return _power(input1, exponent).reshape(np.broadcast_shapes(input1.shape, input2.shape))
        # As arrays of the same shape, since NumPy takes a square root for a single exponent of 0.5, which -inf has not.
        power = np.power(*(x.astype(np.float64) for x in np.broadcast_arrays(input1, input2)))
        if is_integer:
            power = np.where(np.abs(power) < 1 << 31, power, np.iinfo(np.int32).min)
        return power.astype(input1.dtype)

    def whole_exponent(self, input2: np.ndarray) -> int | None:
        """The exponent for repeated squaring, None where that may not be used."""
        if not self.single_exponent:
            return None
        exponent = np.rint(input2.item())
        is_whole = 1 <= exponent < 1 << 31 and abs(input2.item() - exponent) < np.float32(1e-5)
        return int(exponent) if is_whole else None


def _power(base: np.ndarray, exponent: int) -> np.ndarray:
    if exponent == 1:
        return base
    half = _power(base, exponent // 2)
    square = float_activation(ActivationFunctionType.NONE, half * half)
    return float_activation(ActivationFunctionType.NONE, base * square) if exponent % 2 else square


class _Extremum(Broadcast):
    """Base: MAXIMUM and MINIMUM."""

    types = (
        TensorType.FLOAT32,
        TensorType.FLOAT16,
        TensorType.BFLOAT16,
        TensorType.INT64,
        TensorType.INT32,
        TensorType.INT16,
        TensorType.INT8,
        TensorType.UINT8,
    )


@builtin(BuiltinOperator.MAXIMUM, versions=(1, 4))
class Maximum(_Extremum):
    """input1 > input2 ? input1 : input2, broadcast: a NaN in input1 gives input2, a NaN in input2 gives NaN.

    Quantized tensors are compared by their raw values. Semantics: LiteRT tflite/kernels/maximum_minimum.cc.
    """

    def plain(self, input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
        """The larger one."""
        if input1.dtype.kind in "iu":
            return np.maximum(input1, input2)
        return np.where(input1 > input2, input1, input2)


@builtin(BuiltinOperator.MINIMUM, versions=(1, 4))
class Minimum(_Extremum):
    """input1 < input2 ? input1 : input2, broadcast: a NaN in input1 gives input2, a NaN in input2 gives NaN.

    Quantized tensors are compared by their raw values. Semantics: LiteRT tflite/kernels/maximum_minimum.cc.
    """

    def plain(self, input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
        """The smaller one."""
        if input1.dtype.kind in "iu":
            return np.minimum(input1, input2)
        return np.where(input1 < input2, input1, input2)


@builtin(BuiltinOperator.ATAN2)
class Atan2(Broadcast):
    """The angle of the point (input2, input1), in (-pi, pi]; of an input2 that is larger, the first elements count.

    Semantics: LiteRT tflite/kernels/atan2.cc, which reads out of bounds where input2 has fewer elements.
    """

    types = (TensorType.FLOAT32, TensorType.FLOAT64, TensorType.FLOAT16, TensorType.BFLOAT16)

    def prepare(self, node: Node) -> None:
        """Checks shapes."""
        input1 = node.input("input1")
        input2 = node.input("input2", types=input1.type, rank=input1.rank)
        first_elements(node, "input2", input1.dims, axes=())
        self.is_compilable = input2.dims == input1.dims
        node.output(input1.dims, types=input1.type)

    def plain(self, input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
        """The angle."""
        input2 = first_elements_of(input2, input1.shape)
        return np.arctan2(input1.astype(np.float64), input2.astype(np.float64)).astype(input1.dtype)


@builtin(BuiltinOperator.RIGHT_SHIFT)
class RightShift(Broadcast):
    """input1 >> input2, broadcast, arithmetic for signed types; counts outside 0 .. bits - 1 are clamped to that range.

    Semantics: LiteRT tflite/kernels/right_shift.cc.
    """

    types = _INTEGERS

    def plain(self, input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
        """The shifted bits."""
        return np.right_shift(input1, np.clip(input2, 0, 8 * input1.dtype.itemsize - 1))


@builtin(BuiltinOperator.BITWISE_XOR)
class BitwiseXor(Broadcast):
    """input1 ^ input2, broadcast. Semantics: LiteRT tflite/kernels/bitwise_xor.cc."""

    types = _INTEGERS

    def plain(self, input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
        """The exclusive or."""
        return np.bitwise_xor(input1, input2)
