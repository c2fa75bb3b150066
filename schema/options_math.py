"""Options of arithmetic, comparison, logic and reduction operators."""

from .declare import Array, Table, boolean, enum8, float32s
from .enums import ActivationFunctionType, TensorType

__all__ = [
    "ATan2Options",
    "AbsOptions",
    "AddNOptions",
    "AddOptions",
    "ArgMaxOptions",
    "ArgMinOptions",
    "BitwiseXorOptions",
    "BucketizeOptions",
    "CosOptions",
    "CumsumOptions",
    "DivOptions",
    "EqualOptions",
    "ExpOptions",
    "FloorDivOptions",
    "FloorModOptions",
    "GreaterEqualOptions",
    "GreaterOptions",
    "LessEqualOptions",
    "LessOptions",
    "LogicalAndOptions",
    "LogicalNotOptions",
    "LogicalOrOptions",
    "MaximumMinimumOptions",
    "MulOptions",
    "NegOptions",
    "NotEqualOptions",
    "PowOptions",
    "ReducerOptions",
    "RightShiftOptions",
    "SegmentSumOptions",
    "SignOptions",
    "SquareOptions",
    "SquaredDifferenceOptions",
    "SubOptions",
    "UnsortedSegmentMaxOptions",
    "UnsortedSegmentMinOptions",
    "UnsortedSegmentProdOptions",
    "UnsortedSegmentSumOptions",
]


class AddOptions(Table):
    """Options of ADD."""

    fused_activation_function: ActivationFunctionType = enum8(ActivationFunctionType)
    pot_scale_int16: bool = boolean(True)


class SubOptions(Table):
    """Options of SUB."""

    fused_activation_function: ActivationFunctionType = enum8(ActivationFunctionType)
    pot_scale_int16: bool = boolean(True)


class MulOptions(Table):
    """Options of MUL."""

    fused_activation_function: ActivationFunctionType = enum8(ActivationFunctionType)


class DivOptions(Table):
    """Options of DIV."""

    fused_activation_function: ActivationFunctionType = enum8(ActivationFunctionType)


class FloorDivOptions(Table):
    """Options of FLOOR_DIV."""


class FloorModOptions(Table):
    """Options of FLOOR_MOD."""


class PowOptions(Table):
    """Options of POW."""


class SquaredDifferenceOptions(Table):
    """Options of SQUARED_DIFFERENCE."""


class MaximumMinimumOptions(Table):
    """Options of MAXIMUM and MINIMUM."""


class ATan2Options(Table):
    """Options of ATAN2."""


class AddNOptions(Table):
    """Options of ADD_N."""


class AbsOptions(Table):
    """Options of ABS."""


class NegOptions(Table):
    """Options of NEG."""


class SignOptions(Table):
    """Options of SIGN."""


class SquareOptions(Table):
    """Options of SQUARE."""


class ExpOptions(Table):
    """Options of EXP."""


class CosOptions(Table):
    """Options of COS."""


class LessOptions(Table):
    """Options of LESS."""


class LessEqualOptions(Table):
    """Options of LESS_EQUAL."""


class GreaterOptions(Table):
    """Options of GREATER."""


class GreaterEqualOptions(Table):
    """Options of GREATER_EQUAL."""


class EqualOptions(Table):
    """Options of EQUAL."""


class NotEqualOptions(Table):
    """Options of NOT_EQUAL."""


class LogicalAndOptions(Table):
    """Options of LOGICAL_AND."""


class LogicalOrOptions(Table):
    """Options of LOGICAL_OR."""


class LogicalNotOptions(Table):
    """Options of LOGICAL_NOT."""


class BitwiseXorOptions(Table):
    """Options of BITWISE_XOR."""


class RightShiftOptions(Table):
    """Options of RIGHT_SHIFT."""


class ReducerOptions(Table):
    """Options of MEAN, SUM, REDUCE_PROD, REDUCE_MAX, REDUCE_MIN, REDUCE_ANY and REDUCE_ALL."""

    keep_dims: bool = boolean()


class ArgMaxOptions(Table):
    """Options of ARG_MAX."""

    output_type: TensorType = enum8(TensorType)


class ArgMinOptions(Table):
    """Options of ARG_MIN."""

    output_type: TensorType = enum8(TensorType)


class CumsumOptions(Table):
    """Options of CUMSUM."""

    exclusive: bool = boolean()
    reverse: bool = boolean()


class SegmentSumOptions(Table):
    """Options of SEGMENT_SUM."""


class UnsortedSegmentSumOptions(Table):
    """Options of UNSORTED_SEGMENT_SUM."""


class UnsortedSegmentProdOptions(Table):
    """Options of UNSORTED_SEGMENT_PROD."""


class UnsortedSegmentMaxOptions(Table):
    """Options of UNSORTED_SEGMENT_MAX."""


class UnsortedSegmentMinOptions(Table):
    """Options of UNSORTED_SEGMENT_MIN."""


class BucketizeOptions(Table):
    """Options of BUCKETIZE."""

    boundaries: Array = float32s()
