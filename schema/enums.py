"""The enumerations of the file format. A value that an enumeration does not have stays a plain int when read."""

from enum import IntEnum

from .builtin_operator import BuiltinOperator
from .tensor_types import TensorType

__all__ = [
    "ActivationFunctionType",
    "BuiltinOperator",
    "CombinerType",
    "CustomOptionsFormat",
    "DimensionType",
    "FullyConnectedOptionsWeightsFormat",
    "LSHProjectionType",
    "LSTMKernelType",
    "MirrorPadMode",
    "Padding",
    "ReduceWindowFunction",
    "RngAlgorithm",
    "StablehloComparisonDirection",
    "StablehloComparisonType",
    "StablehloPrecisionConfig",
    "TensorType",
]


class DimensionType(IntEnum):
    """How a dimension of a sparse tensor is stored."""

    DENSE = 0
    SPARSE_CSR = 1


class StablehloPrecisionConfig(IntEnum):
    """Precision of a STABLEHLO product."""

    DEFAULT = 0
    HIGH = 1
    HIGHEST = 2


class StablehloComparisonDirection(IntEnum):
    """The comparison that STABLEHLO_COMPARE makes."""

    STABLEHLO_COMPARISON_DIRECTION_EQ = 0
    STABLEHLO_COMPARISON_DIRECTION_NE = 1
    STABLEHLO_COMPARISON_DIRECTION_GE = 2
    STABLEHLO_COMPARISON_DIRECTION_GT = 3
    STABLEHLO_COMPARISON_DIRECTION_LE = 4
    STABLEHLO_COMPARISON_DIRECTION_LT = 5


class StablehloComparisonType(IntEnum):
    """The kind of numbers that STABLEHLO_COMPARE compares."""

    STABLEHLO_COMPARISON_TYPE_NOTYPE = 0
    STABLEHLO_COMPARISON_TYPE_FLOAT = 1
    STABLEHLO_COMPARISON_TYPE_FLOAT_TOTAL_ORDER = 2
    STABLEHLO_COMPARISON_TYPE_SIGNED = 3
    STABLEHLO_COMPARISON_TYPE_UNSIGNED = 4


class RngAlgorithm(IntEnum):
    """Algorithm of STABLEHLO_RNG_BIT_GENERATOR."""

    DEFAULT = 0
    PHILOX = 1
    THREEFRY = 2


class Padding(IntEnum):
    """Padding of a sliding window."""

    SAME = 0
    VALID = 1


class ActivationFunctionType(IntEnum):
    """The activation fused into an operator."""

    NONE = 0
    RELU = 1
    RELU_N1_TO_1 = 2
    RELU6 = 3
    TANH = 4
    SIGN_BIT = 5


class LSHProjectionType(IntEnum):
    """Kind of locality sensitive hash."""

    UNKNOWN = 0
    SPARSE = 1
    DENSE = 2


class FullyConnectedOptionsWeightsFormat(IntEnum):
    """Layout of the weights of FULLY_CONNECTED."""

    DEFAULT = 0
    SHUFFLED4x16INT8 = 1


class LSTMKernelType(IntEnum):
    """FULL has peepholes and projection; BASIC is the plain cell."""

    FULL = 0
    BASIC = 1


class CombinerType(IntEnum):
    """How EMBEDDING_LOOKUP_SPARSE combines rows."""

    SUM = 0
    MEAN = 1
    SQRTN = 2


class MirrorPadMode(IntEnum):
    """REFLECT leaves the border element out, SYMMETRIC repeats it."""

    REFLECT = 0
    SYMMETRIC = 1


class ReduceWindowFunction(IntEnum):
    """What the deprecated REDUCE_WINDOW computed."""

    UNSUPPORTED = 0
    ADD = 1
    MUL = 2
    MINIMUM = 3
    MAXIMUM = 4
    ALL = 5
    ANY = 6


class CustomOptionsFormat(IntEnum):
    """Encoding of custom options."""

    FLEXBUFFERS = 0
