"""Options of operators that build, move, select and convert array elements."""

from .declare import Array, Table, boolean, enum8, int32, int32s
from .enums import ActivationFunctionType, MirrorPadMode, TensorType

__all__ = [
    "BatchToSpaceNDOptions",
    "BitcastOptions",
    "BroadcastToOptions",
    "CastOptions",
    "ConcatenationOptions",
    "DepthToSpaceOptions",
    "DilateOptions",
    "DynamicUpdateSliceOptions",
    "ExpandDimsOptions",
    "FillOptions",
    "GatherNdOptions",
    "GatherOptions",
    "MatrixDiagOptions",
    "MatrixSetDiagOptions",
    "MirrorPadOptions",
    "OneHotOptions",
    "PackOptions",
    "PadOptions",
    "PadV2Options",
    "RangeOptions",
    "RankOptions",
    "ReshapeOptions",
    "ReverseSequenceOptions",
    "ReverseV2Options",
    "ScatterNdOptions",
    "SelectOptions",
    "SelectV2Options",
    "ShapeOptions",
    "SliceOptions",
    "SpaceToBatchNDOptions",
    "SpaceToDepthOptions",
    "SparseToDenseOptions",
    "SplitOptions",
    "SplitVOptions",
    "SqueezeOptions",
    "StridedSliceOptions",
    "TileOptions",
    "TopKV2Options",
    "TransposeOptions",
    "UniqueOptions",
    "UnpackOptions",
    "WhereOptions",
    "ZerosLikeOptions",
]


class ReshapeOptions(Table):
    """Options of RESHAPE."""

    new_shape: Array = int32s()


class SqueezeOptions(Table):
    """Options of SQUEEZE."""

    squeeze_dims: Array = int32s()


class ExpandDimsOptions(Table):
    """Options of EXPAND_DIMS."""


class TransposeOptions(Table):
    """Options of TRANSPOSE."""


class PadOptions(Table):
    """Options of PAD."""


class PadV2Options(Table):
    """Options of PADV2."""


class MirrorPadOptions(Table):
    """Options of MIRROR_PAD."""

    mode: MirrorPadMode = enum8(MirrorPadMode)


class ConcatenationOptions(Table):
    """Options of CONCATENATION."""

    axis: int = int32()
    fused_activation_function: ActivationFunctionType = enum8(ActivationFunctionType)


class SplitOptions(Table):
    """Options of SPLIT."""

    num_splits: int = int32()


class SplitVOptions(Table):
    """Options of SPLIT_V."""

    num_splits: int = int32()


class PackOptions(Table):
    """Options of PACK."""

    values_count: int = int32()
    axis: int = int32()


class UnpackOptions(Table):
    """Options of UNPACK."""

    num: int = int32()
    axis: int = int32()


class SliceOptions(Table):
    """Options of SLICE."""


class StridedSliceOptions(Table):
    """Options of STRIDED_SLICE."""

    begin_mask: int = int32()
    end_mask: int = int32()
    ellipsis_mask: int = int32()
    new_axis_mask: int = int32()
    shrink_axis_mask: int = int32()
    offset: bool = boolean()


class DynamicUpdateSliceOptions(Table):
    """Options of DYNAMIC_UPDATE_SLICE."""


class TileOptions(Table):
    """Options of TILE."""


class BroadcastToOptions(Table):
    """Options of BROADCAST_TO."""


class ReverseV2Options(Table):
    """Options of REVERSE_V2."""


class ReverseSequenceOptions(Table):
    """Options of REVERSE_SEQUENCE."""

    seq_dim: int = int32()
    batch_dim: int = int32()


class SpaceToDepthOptions(Table):
    """Options of SPACE_TO_DEPTH."""

    block_size: int = int32()


class DepthToSpaceOptions(Table):
    """Options of DEPTH_TO_SPACE."""

    block_size: int = int32()


class SpaceToBatchNDOptions(Table):
    """Options of SPACE_TO_BATCH_ND."""


class BatchToSpaceNDOptions(Table):
    """Options of BATCH_TO_SPACE_ND."""


class GatherOptions(Table):
    """Options of GATHER."""

    axis: int = int32()
    batch_dims: int = int32()


class GatherNdOptions(Table):
    """Options of GATHER_ND."""


class ScatterNdOptions(Table):
    """Options of SCATTER_ND."""


class SparseToDenseOptions(Table):
    """Options of SPARSE_TO_DENSE."""

    validate_indices: bool = boolean()


class OneHotOptions(Table):
    """Options of ONE_HOT."""

    axis: int = int32()


class SelectOptions(Table):
    """Options of SELECT."""


class SelectV2Options(Table):
    """Options of SELECT_V2."""


class WhereOptions(Table):
    """Options of WHERE."""


class TopKV2Options(Table):
    """Options of TOPK_V2."""


class UniqueOptions(Table):
    """Options of UNIQUE."""

    idx_out_type: TensorType = enum8(TensorType, TensorType.INT32)


class ShapeOptions(Table):
    """Options of SHAPE."""

    out_type: TensorType = enum8(TensorType)


class RankOptions(Table):
    """Options of RANK."""


class FillOptions(Table):
    """Options of FILL."""


class RangeOptions(Table):
    """Options of RANGE."""


class ZerosLikeOptions(Table):
    """Options of ZEROS_LIKE."""


class MatrixDiagOptions(Table):
    """Options of MATRIX_DIAG."""


class MatrixSetDiagOptions(Table):
    """Options of MATRIX_SET_DIAG."""


class CastOptions(Table):
    """Options of CAST."""

    in_data_type: TensorType = enum8(TensorType)
    out_data_type: TensorType = enum8(TensorType)


class BitcastOptions(Table):
    """Options of BITCAST."""


class DilateOptions(Table):
    """Options of DILATE."""
