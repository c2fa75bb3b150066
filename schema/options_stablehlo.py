"""Options of the STABLEHLO operators."""

from .declare import (
    Array,
    Table,
    boolean,
    bools,
    enum8,
    enum32,
    enumu32,
    int32,
    int32s,
    int64,
    int64s,
    string,
    uint8s,
    uint32s,
)
from .enums import (
    CustomOptionsFormat,
    ReduceWindowFunction,
    RngAlgorithm,
    StablehloComparisonDirection,
    StablehloComparisonType,
)

__all__ = [
    "ReduceWindowOptions",
    "StableHLOCompositeOptions",
    "StablehloBroadcastInDimOptions",
    "StablehloCaseOptions",
    "StablehloCompareOptions",
    "StablehloConcatenateOptions",
    "StablehloConvolutionOptions",
    "StablehloCustomCallOptions",
    "StablehloDotGeneralOptions",
    "StablehloDynamicSliceOptions",
    "StablehloGatherOptions",
    "StablehloIotaOptions",
    "StablehloPadOptions",
    "StablehloReduceOptions",
    "StablehloReduceWindowOptions",
    "StablehloRngBitGeneratorOptions",
    "StablehloScatterOptions",
    "StablehloShiftLeftOptions",
    "StablehloSliceOptions",
    "StablehloSortOptions",
    "StablehloTransposeOptions",
    "StablehloWhileOptions",
]


class StablehloConcatenateOptions(Table):
    """Options of STABLEHLO_CONCATENATE."""

    dimension: int = int64()


class StablehloBroadcastInDimOptions(Table):
    """Options of STABLEHLO_BROADCAST_IN_DIM."""

    broadcast_dimensions: Array = int64s()


class StablehloSliceOptions(Table):
    """Options of STABLEHLO_SLICE."""

    start_indices: Array = int64s()
    limit_indices: Array = int64s()
    strides: Array = int64s()


class StablehloConvolutionOptions(Table):
    """Options of STABLEHLO_CONVOLUTION."""

    window_strides: Array = int64s()
    padding: Array = int64s()
    lhs_dilation: Array = int64s()
    rhs_dilation: Array = int64s()
    window_reversal: Array = bools()
    input_batch_dimension: int = int64()
    input_feature_dimension: int = int64()
    input_spatial_dimensions: Array = int64s()
    kernel_input_feature_dimension: int = int64()
    kernel_output_feature_dimension: int = int64()
    kernel_spatial_dimensions: Array = int64s()
    output_batch_dimension: int = int64()
    output_feature_dimension: int = int64()
    output_spatial_dimensions: Array = int64s()
    feature_group_count: int = int64()
    batch_group_count: int = int64()
    precision_config: Array = uint32s()


class StablehloCustomCallOptions(Table):
    """Options of STABLEHLO_CUSTOM_CALL."""

    call_target_name: str = string()
    has_side_effect: bool = boolean()
    backend_config: str = string()
    api_version: int = int32()
    called_computations: Array = int32s()
    custom_attributes: Array = uint8s()


class StablehloReduceOptions(Table):
    """Options of STABLEHLO_REDUCE."""

    dimensions: Array = int64s()
    body_subgraph_index: int = int32()


class StablehloScatterOptions(Table):
    """Options of STABLEHLO_SCATTER."""

    indices_are_sorted: bool = boolean()
    update_window_dims: Array = int64s()
    inserted_window_dims: Array = int64s()
    scatter_dims_to_operand_dims: Array = int64s()
    index_vector_dim: int = int64()
    unique_indices: bool = boolean()
    update_computation_subgraph_index: int = int32()


class StablehloCompareOptions(Table):
    """Options of STABLEHLO_COMPARE."""

    comparison_direction: StablehloComparisonDirection = enumu32(StablehloComparisonDirection)
    compare_type: StablehloComparisonType = enumu32(StablehloComparisonType)


class StablehloDynamicSliceOptions(Table):
    """Options of STABLEHLO_DYNAMIC_SLICE."""

    slice_sizes: Array = int64s()


class StablehloPadOptions(Table):
    """Options of STABLEHLO_PAD."""

    edge_padding_low: Array = int64s()
    edge_padding_high: Array = int64s()
    interior_padding: Array = int64s()


class StablehloIotaOptions(Table):
    """Options of STABLEHLO_IOTA."""

    iota_dimension: int = int64()


class StablehloDotGeneralOptions(Table):
    """Options of STABLEHLO_DOT_GENERAL."""

    lhs_batching_dimensions: Array = int64s()
    rhs_batching_dimensions: Array = int64s()
    lhs_contracting_dimensions: Array = int64s()
    rhs_contracting_dimensions: Array = int64s()
    precision_config: Array = uint32s()


class StablehloReduceWindowOptions(Table):
    """Options of STABLEHLO_REDUCE_WINDOW."""

    window_dimensions: Array = int64s()
    window_strides: Array = int64s()
    base_dilations: Array = int64s()
    window_dilations: Array = int64s()
    padding: Array = int64s()
    body_subgraph_index: int = int32()


class StablehloSortOptions(Table):
    """Options of STABLEHLO_SORT."""

    dimension: int = int64()
    is_stable: bool = boolean()
    comparator_subgraph_index: int = int32()


class StablehloWhileOptions(Table):
    """Options of STABLEHLO_WHILE."""

    cond_subgraph_index: int = int32()
    body_subgraph_index: int = int32()


class StablehloGatherOptions(Table):
    """Options of STABLEHLO_GATHER."""

    offset_dims: Array = int64s()
    collapsed_slice_dims: Array = int64s()
    start_index_map: Array = int64s()
    index_vector_dim: int = int64()
    slice_sizes: Array = int64s()
    indices_are_sorted: bool = boolean()


class StablehloTransposeOptions(Table):
    """Options of STABLEHLO_TRANSPOSE."""

    permutation: Array = int64s()


class StablehloRngBitGeneratorOptions(Table):
    """Options of STABLEHLO_RNG_BIT_GENERATOR."""

    algorithm: RngAlgorithm = enum8(RngAlgorithm)


class StableHLOCompositeOptions(Table):
    """Options of STABLEHLO_COMPOSITE."""

    name: str | None = string(required=True)
    decomposition_subgraph_index: int = int32()
    composite_attributes: Array | None = uint8s(optional=True)
    composite_attributes_format: CustomOptionsFormat = enum8(CustomOptionsFormat)
    version: int = int32()


class StablehloShiftLeftOptions(Table):
    """Options of STABLEHLO_SHIFT_LEFT."""


class StablehloCaseOptions(Table):
    """Options of STABLEHLO_CASE."""

    branch_subgraph_indices: Array = int32s()


class ReduceWindowOptions(Table):
    """Options of the deprecated REDUCE_WINDOW."""

    reduce_function: ReduceWindowFunction = enum32(ReduceWindowFunction)
