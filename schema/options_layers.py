"""Options of layers: convolution, pooling, matrix products, normalisation, resizing, quantization, detection."""

from .declare import Array, Table, boolean, enum8, float32, int32, int32s
from .enums import (
    ActivationFunctionType,
    CombinerType,
    FullyConnectedOptionsWeightsFormat,
    LSHProjectionType,
    Padding,
    TensorType,
)

__all__ = [
    "BatchMatMulOptions",
    "ConcatEmbeddingsOptions",
    "Conv2DOptions",
    "Conv3DOptions",
    "DensifyOptions",
    "DepthwiseConv2DOptions",
    "DequantizeOptions",
    "EmbeddingLookupSparseOptions",
    "FakeQuantOptions",
    "FullyConnectedOptions",
    "GeluOptions",
    "HardSwishOptions",
    "L2NormOptions",
    "LSHProjectionOptions",
    "LeakyReluOptions",
    "LocalResponseNormalizationOptions",
    "LogSoftmaxOptions",
    "NonMaxSuppressionV4Options",
    "NonMaxSuppressionV5Options",
    "Pool2DOptions",
    "QuantizeOptions",
    "ResizeBilinearOptions",
    "ResizeNearestNeighborOptions",
    "Rfft2dOptions",
    "SkipGramOptions",
    "SoftmaxOptions",
    "TransposeConvOptions",
]


class Conv2DOptions(Table):
    """Options of CONV_2D."""

    padding: Padding = enum8(Padding)
    stride_w: int = int32()
    stride_h: int = int32()
    fused_activation_function: ActivationFunctionType = enum8(ActivationFunctionType)
    dilation_w_factor: int = int32(1)
    dilation_h_factor: int = int32(1)
    quantized_bias_type: TensorType = enum8(TensorType)


class DepthwiseConv2DOptions(Table):
    """Options of DEPTHWISE_CONV_2D."""

    padding: Padding = enum8(Padding)
    stride_w: int = int32()
    stride_h: int = int32()
    depth_multiplier: int = int32()
    fused_activation_function: ActivationFunctionType = enum8(ActivationFunctionType)
    dilation_w_factor: int = int32(1)
    dilation_h_factor: int = int32(1)


class TransposeConvOptions(Table):
    """Options of TRANSPOSE_CONV."""

    padding: Padding = enum8(Padding)
    stride_w: int = int32()
    stride_h: int = int32()
    fused_activation_function: ActivationFunctionType = enum8(ActivationFunctionType)
    quantized_bias_type: TensorType = enum8(TensorType)


class Conv3DOptions(Table):
    """Options of CONV_3D and CONV_3D_TRANSPOSE."""

    padding: Padding = enum8(Padding)
    stride_d: int = int32()
    stride_w: int = int32()
    stride_h: int = int32()
    fused_activation_function: ActivationFunctionType = enum8(ActivationFunctionType)
    dilation_d_factor: int = int32(1)
    dilation_w_factor: int = int32(1)
    dilation_h_factor: int = int32(1)


class Pool2DOptions(Table):
    """Options of AVERAGE_POOL_2D, MAX_POOL_2D and L2_POOL_2D."""

    padding: Padding = enum8(Padding)
    stride_w: int = int32()
    stride_h: int = int32()
    filter_width: int = int32()
    filter_height: int = int32()
    fused_activation_function: ActivationFunctionType = enum8(ActivationFunctionType)


class FullyConnectedOptions(Table):
    """Options of FULLY_CONNECTED."""

    fused_activation_function: ActivationFunctionType = enum8(ActivationFunctionType)
    weights_format: FullyConnectedOptionsWeightsFormat = enum8(FullyConnectedOptionsWeightsFormat)
    keep_num_dims: bool = boolean()
    asymmetric_quantize_inputs: bool = boolean()
    quantized_bias_type: TensorType = enum8(TensorType)


class BatchMatMulOptions(Table):
    """Options of BATCH_MATMUL."""

    adj_x: bool = boolean()
    adj_y: bool = boolean()
    asymmetric_quantize_inputs: bool = boolean()


class SoftmaxOptions(Table):
    """Options of SOFTMAX."""

    beta: float = float32()


class LogSoftmaxOptions(Table):
    """Options of LOG_SOFTMAX."""


class L2NormOptions(Table):
    """Options of L2_NORMALIZATION."""

    fused_activation_function: ActivationFunctionType = enum8(ActivationFunctionType)


class LocalResponseNormalizationOptions(Table):
    """Options of LOCAL_RESPONSE_NORMALIZATION."""

    radius: int = int32()
    bias: float = float32()
    alpha: float = float32()
    beta: float = float32()


class LeakyReluOptions(Table):
    """Options of LEAKY_RELU."""

    alpha: float = float32()


class HardSwishOptions(Table):
    """Options of HARD_SWISH."""


class GeluOptions(Table):
    """Options of GELU."""

    approximate: bool = boolean()


class ResizeBilinearOptions(Table):
    """Options of RESIZE_BILINEAR."""

    align_corners: bool = boolean(slot=2)
    half_pixel_centers: bool = boolean()


class ResizeNearestNeighborOptions(Table):
    """Options of RESIZE_NEAREST_NEIGHBOR."""

    align_corners: bool = boolean()
    half_pixel_centers: bool = boolean()


class FakeQuantOptions(Table):
    """Options of FAKE_QUANT."""

    min: float = float32()
    max: float = float32()
    num_bits: int = int32()
    narrow_range: bool = boolean()


class QuantizeOptions(Table):
    """Options of QUANTIZE."""


class DequantizeOptions(Table):
    """Options of DEQUANTIZE."""


class DensifyOptions(Table):
    """Options of DENSIFY."""


class ConcatEmbeddingsOptions(Table):
    """Options of CONCAT_EMBEDDINGS."""

    num_channels: int = int32()
    num_columns_per_channel: Array = int32s()
    embedding_dim_per_channel: Array = int32s()


class EmbeddingLookupSparseOptions(Table):
    """Options of EMBEDDING_LOOKUP_SPARSE."""

    combiner: CombinerType = enum8(CombinerType)


class LSHProjectionOptions(Table):
    """Options of LSH_PROJECTION."""

    type: LSHProjectionType = enum8(LSHProjectionType)


class SkipGramOptions(Table):
    """Options of SKIP_GRAM."""

    ngram_size: int = int32()
    max_skip_size: int = int32()
    include_all_ngrams: bool = boolean()


class NonMaxSuppressionV4Options(Table):
    """Options of NON_MAX_SUPPRESSION_V4."""


class NonMaxSuppressionV5Options(Table):
    """Options of NON_MAX_SUPPRESSION_V5."""


class Rfft2dOptions(Table):
    """Options of RFFT2D."""
