"""StableHLO operators that compare, choose and convert: COMPARE, SELECT, CLAMP, CONVERT.

The official runtime does not have them. Semantics: the StableHLO specification.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.reference.stablehlo import FLOATS, INTEGERS, SIGNED
from litejit.kernels.reference.stablehlo_elements import COMPLEX, NUMBERS, refuse_quantized
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, StablehloCompareOptions, TensorType
from litejit.schema.enums import StablehloComparisonDirection, StablehloComparisonType

__all__ = ["StablehloClamp", "StablehloCompare", "StablehloConvert", "StablehloSelect"]

_COMPARISONS: dict[StablehloComparisonDirection, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    StablehloComparisonDirection.STABLEHLO_COMPARISON_DIRECTION_EQ: np.equal,
    StablehloComparisonDirection.STABLEHLO_COMPARISON_DIRECTION_NE: np.not_equal,
    StablehloComparisonDirection.STABLEHLO_COMPARISON_DIRECTION_GE: np.greater_equal,
    StablehloComparisonDirection.STABLEHLO_COMPARISON_DIRECTION_GT: np.greater,
    StablehloComparisonDirection.STABLEHLO_COMPARISON_DIRECTION_LE: np.less_equal,
    StablehloComparisonDirection.STABLEHLO_COMPARISON_DIRECTION_LT: np.less,
}
_PLAIN, _FLOAT, _TOTAL_ORDER, _SIGNED, _UNSIGNED = StablehloComparisonType
_KINDS: dict[StablehloComparisonType, tuple[TensorType, ...]] = {
    _PLAIN: (*NUMBERS, TensorType.BOOL),
    _FLOAT: (*FLOATS, *COMPLEX),
    _TOTAL_ORDER: FLOATS,
    _SIGNED: SIGNED,
    _UNSIGNED: (*(type for type in INTEGERS if type not in SIGNED), TensorType.BOOL),
}
"""compare_type -> types that it is for."""


def _less(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a < b; of complex numbers, by the imaginary parts where the real ones are equal."""
    if a.dtype.kind != "c":
        return np.asarray(a < b)
    return (a.real < b.real) | ((a.real == b.real) & (a.imag < b.imag))


_ORDERS: dict[StablehloComparisonDirection, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    StablehloComparisonDirection.STABLEHLO_COMPARISON_DIRECTION_LT: _less,
    StablehloComparisonDirection.STABLEHLO_COMPARISON_DIRECTION_GT: lambda a, b: _less(b, a),
    StablehloComparisonDirection.STABLEHLO_COMPARISON_DIRECTION_LE: lambda a, b: _less(a, b) | (a == b),
    StablehloComparisonDirection.STABLEHLO_COMPARISON_DIRECTION_GE: lambda a, b: _less(b, a) | (a == b),
}
"""Of complex numbers."""


@builtin(BuiltinOperator.STABLEHLO_COMPARE)
class StablehloCompare(Kernel):
    """lhs and rhs of one shape and type -> bool, by comparison_direction. NaN is unequal to everything.

    In the total order of floats (compare_type) -0 is below +0 and NaN equals itself, below or above all others by its
    sign. Complex numbers are ordered by their real parts, and by the imaginary ones where those are equal.
    compare_type has to be the one of the operands' type, or none.
    """

    types = (*NUMBERS, TensorType.BOOL)
    flavours = ALL_FLAVOURS
    options: StablehloCompareOptions

    def prepare(self, node: Node) -> None:
        """compare: the function of arrays. total_order: whether floats are compared by their bits."""
        refuse_quantized(node)
        lhs = node.input("lhs")
        node.input("rhs", types=lhs.type, shape=lhs.dims)
        direction = self.options.comparison_direction
        node.require(direction in _COMPARISONS, "comparison_direction is {}, which is not known", direction)
        kind = self.options.compare_type
        node.require(kind in _KINDS, "compare_type is {}, which is not known", kind)
        node.require(lhs.type in _KINDS[kind], "compare_type {} is not for {}", kind.name, lhs.type.name)
        self.compare = (_ORDERS if lhs.type in COMPLEX else _COMPARISONS).get(direction, _COMPARISONS[direction])
        self.total_order = kind == _TOTAL_ORDER
        node.output(lhs.dims, types=TensorType.BOOL)

    def __call__(self, lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """Compares."""
        if self.total_order:
            lhs, rhs = _ordered_bits(lhs), _ordered_bits(rhs)
        return np.asarray(self.compare(lhs, rhs))


def _ordered_bits(x: np.ndarray) -> np.ndarray:
    """Integers that are ordered like the floats of the same bits: of negative ones, all bits but the sign flipped."""
    bits = np.ascontiguousarray(x).view(f"i{x.dtype.itemsize}").reshape(x.shape)
    return np.where(bits < 0, bits ^ np.iinfo(bits.dtype).max, bits)


@builtin(BuiltinOperator.STABLEHLO_SELECT)
class StablehloSelect(Kernel):
    """on_true where pred, else on_false, both of one shape and type; pred has that shape or is one bool."""

    types = (TensorType.BOOL,)
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Checks the shapes."""
        pred, on_true = node.input("pred"), node.input("on_true")
        node.input("on_false", types=on_true.type, shape=on_true.dims)
        node.require(pred.dims in ((), on_true.dims), "{} has shape {}, expected {}", pred, pred.dims, on_true.dims)
        node.output(on_true.dims, type=on_true.type)

    def __call__(self, pred: np.ndarray, on_true: np.ndarray, on_false: np.ndarray) -> np.ndarray:
        """Chooses."""
        return np.where(pred, on_true, on_false)


@builtin(BuiltinOperator.STABLEHLO_CLAMP)
class StablehloClamp(Kernel):
    """minimum(maximum(operand, min), max); min and max have operand's shape or are one element. NaN stays.

    Complex numbers are ordered as STABLEHLO_COMPARE does.
    """

    types = (*NUMBERS, TensorType.BOOL)
    typed_by = "operand"
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Checks the shapes."""
        refuse_quantized(node)
        operand = node.input("operand")
        for name in ("min", "max"):
            bound = node.input(name, types=operand.type)
            node.require(
                bound.dims in ((), operand.dims), "{} has shape {}, expected {}", bound, bound.dims, operand.dims
            )
        node.output(operand.dims, type=operand.type)

    def __call__(self, min: np.ndarray, operand: np.ndarray, max: np.ndarray) -> np.ndarray:
        """Clamps."""
        if operand.dtype.kind == "c":
            above = np.where(_less(operand, min), min, operand)
            return np.where(_less(max, above), max, above)
        return np.asarray(np.minimum(np.maximum(operand, min), max))


@builtin(BuiltinOperator.STABLEHLO_CONVERT)
class StablehloConvert(Kernel):
    """The operand in the output's type. Floats are rounded towards 0 to integers and held in their range, NaN is 0;
    everything but 0 is true; the imaginary part of complex numbers is dropped.
    """

    types = (*NUMBERS, TensorType.BOOL)
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """dtype: of the output."""
        refuse_quantized(node)
        output = node.output(node.input("operand").dims, types=self.types)
        self.dtype = output.dtype

    def __call__(self, operand: np.ndarray) -> np.ndarray:
        """Converts."""
        if operand.dtype.kind == "c" and self.dtype.kind != "c":
            operand = operand.real
        with np.errstate(all="ignore"):
            if operand.dtype.kind == "f" and self.dtype.kind in "iu":
                info = np.iinfo(self.dtype)
                whole = np.trunc(np.where(np.isnan(operand), 0, operand).astype(np.float64))
                above = whole >= float(info.max)
                inside = np.where(above, 0, np.maximum(whole, float(info.min))).astype(self.dtype)
                return np.where(above, self.dtype.type(info.max), inside)
            return operand.astype(self.dtype)
