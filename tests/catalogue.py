"""One small valid problem, or a few, for every operator: a newcomer's example of each, and what mutations start from.

CATALOGUE["ADD"][0] is a `Problem` whose main subgraph has that operator. Not a test of values: tests/ops has those.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from litejit.schema import encode_flexbuffer
from litejit.testing import Const, Input, Problem, Variable, out, single_op
from tests.catalogue_beyond import BEYOND
from tests.catalogue_graphs import GRAPHS

__all__ = ["CATALOGUE"]

CATALOGUE: dict[str, list[Problem]] = {}
"""Operator (the name of a custom one) -> problems."""

F32, I8, U8, I16, I32, I64, BOOL = np.float32, np.int8, np.uint8, np.int16, np.int32, np.int64, np.bool_


def add(name: str, operands: list[Any], outputs: list[Any] | None = None, **keywords: Any) -> None:
    CATALOGUE.setdefault(name, []).append(single_op(name, operands, outputs, **keywords))


def floats(*shape: int, low: float = -2.0, high: float = 2.0) -> Input:
    return Input(np.linspace(low, high, int(np.prod(shape))).reshape(shape), F32)


def ints(*shape: int, dtype: Any = I32, **keywords: Any) -> Input:
    return Input((np.arange(np.prod(shape)) * 7 % 11).reshape(shape), dtype, **keywords)


def int8(*shape: int, scale: Any = 0.05, zero_point: int = -3) -> Input:
    return ints(*shape, dtype=I8, scale=scale, zero_point=zero_point)


def weights(operand: Input) -> Const:
    """A constant with the values of an input; int8 with the zero point 0 that weights have."""
    keywords = {**operand.keywords, "zero_point": 0} if operand.keywords else {}
    return Const(operand.value, **keywords)


def const(values: Any, dtype: Any = I32) -> Const:
    return Const(values, dtype)


Q8 = out(I8, scale=0.07, zero_point=4)
IMAGE, QUANTIZED_IMAGE = floats(1, 5, 4, 2), int8(1, 5, 4, 2)

# Element by element ---------------------------------------------------------------------------------------------------

UNARY: dict[str, Any] = {
    "ABS": Q8, "CEIL": None, "COS": None, "ELU": Q8, "EXP": Q8, "FLOOR": None, "GELU": Q8, "HARD_SWISH": Q8,
    "L2_NORMALIZATION": out(I8, scale=1 / 128, zero_point=0), "LEAKY_RELU": Q8, "LOG": Q8,
    "LOGISTIC": out(I8, scale=1 / 256, zero_point=-128), "LOG_SOFTMAX": out(I8, scale=1 / 16, zero_point=127),
    "NEG": out(I8, scale=0.05, zero_point=-3), "RELU": Q8, "RELU6": Q8, "RELU_0_TO_1": Q8, "RELU_N1_TO_1": Q8,
    "ROUND": None, "RSQRT": Q8, "SIGN": None, "SIN": None, "SOFTMAX": out(I8, scale=1 / 256, zero_point=-128),
    "SQRT": Q8, "SQUARE": None, "TANH": out(I8, scale=1 / 128, zero_point=0), "ZEROS_LIKE": None,
}  # fmt: skip
"""Operator -> its int8 output, None where it has no int8 kernel."""
_VERSIONS = {"ABS": 2, "EXP": 2, "RSQRT": 2}
for _name, _output in UNARY.items():
    _options: dict[str, Any] = {"SOFTMAX": {"beta": 1.0}, "LEAKY_RELU": {"alpha": 0.25}}.get(_name, {})
    add(_name, [floats(2, 3, low=0.1)], **_options)
    if _output is not None:
        add(_name, [int8(2, 3)], [_output], version=_VERSIONS.get(_name, 1), **_options)

add("L2_NORMALIZATION", [ints(2, 3, dtype=U8, scale=0.05, zero_point=128)], [out(U8, scale=1 / 128, zero_point=128)])
add("LOG_SOFTMAX", [ints(2, 3, dtype=U8, scale=0.05, zero_point=128)], [out(U8, scale=1 / 16, zero_point=255)])
for _name in ("LOGISTIC", "SOFTMAX", "TANH"):
    _options = {"beta": 1.0} if _name == "SOFTMAX" else {}
    add(_name, [ints(2, 3, dtype=I16, scale=1 / 4096, zero_point=0)], [out(I16, scale=1 / 32768, zero_point=0)],
        version=3, **_options)  # fmt: skip

for _name in ("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "PRELU"):
    add(_name, [floats(2, 3), floats(3, low=1)])
    _same = out(I8, scale=0.05, zero_point=-3)
    if _name != "DIV":
        add(_name, [int8(2, 3), int8(3)], [_same if _name in ("MAXIMUM", "MINIMUM") else Q8])
add("DIV", [Input([[90, 80], [70, 60]], U8, scale=0.1, zero_point=3), ints(2, dtype=U8, scale=0.2, zero_point=250)],
    [out(U8, scale=0.3, zero_point=7)])  # fmt: skip
for _name in ("POW", "FLOOR_DIV", "FLOOR_MOD", "ATAN2"):
    add(_name, [floats(2, 3, low=0.5), floats(2, 3, low=1)])
for _name in ("FLOOR_DIV", "FLOOR_MOD", "POW", "DIV"):
    add(_name, [ints(2, 3), Input([3, 2, 5], I32)])
for _name in ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"):
    add(_name, [floats(2, 3), floats(3)], [out(BOOL)])
    add(_name, [int8(2, 3), int8(3, scale=0.1)], [out(BOOL)])
for _name in ("LOGICAL_AND", "LOGICAL_OR"):
    add(_name, [Input([[True], [False]]), Input([True, False])])
add("LOGICAL_NOT", [Input([True, False])])
for _name in ("BITWISE_XOR", "RIGHT_SHIFT", "STABLEHLO_AND", "STABLEHLO_SHIFT_LEFT"):
    add(_name, [ints(2, 3), Input([[1, 2, 3], [4, 5, 6]], I32)])
for _name in ("STABLEHLO_ADD", "STABLEHLO_MULTIPLY", "STABLEHLO_MAXIMUM", "STABLEHLO_MINIMUM"):
    add(_name, [floats(2, 3), floats(2, 3, low=1)])
add("ADD_N", [floats(2, 3), floats(2, 3), floats(2, 3)])
add("BUCKETIZE", [floats(2, 3)], [out(I32)], boundaries=[-1.0, 0.5, 1.5])
add("FAKE_QUANT", [floats(2, 3)], min=-1.0, max=1.0, num_bits=8)
for _name in ("REAL", "IMAG", "COMPLEX_ABS"):
    add(_name, [Input([[1 + 2j, -3j]], np.complex64)], [out()])
    add(_name, [Input([[1 + 2j, -3j]], np.complex128)], [out(np.float64)])
add("SELECT", [Input([True, False]), floats(2), floats(2, low=1)])
add("SELECT_V2", [Input([[True], [False]]), floats(2), floats(2, low=1)])
for _name in ("SELECT", "SELECT_V2"):
    add(_name, [Input([[True]]), Input([3], F32), Input(4, F32)], [out(shape=())])

# Types ----------------------------------------------------------------------------------------------------------------

add("CAST", [floats(2, 3)], [out(I32)], in_data_type="FLOAT32", out_data_type="INT32")
add("BITCAST", [floats(2, 3)], [out(I32)])
add("QUANTIZE", [floats(2, 3)], [Q8])
add("QUANTIZE", [int8(2, 3)], [Q8])
add("DEQUANTIZE", [int8(2, 3)], [out()])
add("NumericVerify", [int8(2, 3), floats(2, 3)], [out()], custom=True,
    custom_options=encode_flexbuffer({"tolerance": 5.0, "log_if_failed": False}))  # fmt: skip

# Products -------------------------------------------------------------------------------------------------------------

_CONVOLUTION = {"padding": "SAME", "stride_w": 1, "stride_h": 2}
_SCALES = [0.02, 0.03, 0.04]
_BIAS, _BIAS32 = Const([0.5, -1, 2], F32), Const([5, -9, 2], I32, scale=[0.001, 0.0015, 0.002])
add("CONV_2D", [IMAGE, Const(floats(3, 2, 2, 2).value), _BIAS], **_CONVOLUTION)
add("CONV_2D", [QUANTIZED_IMAGE, weights(int8(3, 2, 2, 2, scale=_SCALES)), _BIAS32], [Q8], **_CONVOLUTION)
add("CONV_2D", [IMAGE, weights(int8(3, 2, 2, 2, scale=_SCALES)), _BIAS], **_CONVOLUTION)
_BYTES = ints(1, 5, 4, 2, dtype=U8, scale=0.05, zero_point=125)
_BYTE_WEIGHTS = {"scale": 0.02, "zero_point": 7}
_QU8, _Q16, _BIAS64 = out(U8, scale=0.07, zero_point=4), out(I16, scale=0.001, zero_point=0), Const([5, -9, 2], I64)
_SHORTS = ints(1, 5, 4, 2, dtype=I16, scale=0.001, zero_point=0)
add("CONV_2D", [_BYTES, Const(ints(3, 2, 2, 2).value, U8, **_BYTE_WEIGHTS), const([5, -9, 2])], [_QU8], **_CONVOLUTION)
add("CONV_2D", [_SHORTS, weights(int8(3, 2, 2, 2, scale=_SCALES)), _BIAS64], [_Q16], **_CONVOLUTION)
_DEPTH = {**_CONVOLUTION, "depth_multiplier": 2}
add("DEPTHWISE_CONV_2D", [IMAGE, Const(floats(1, 2, 2, 4).value), Const([0, 1, 2, 3], F32)], **_DEPTH)
_channels = Const(int8(1, 2, 2, 4).value, scale=[0.1, 0.2, 0.3, 0.4], zero_point=0, quantized_dimension=3)
add("DEPTHWISE_CONV_2D", [QUANTIZED_IMAGE, _channels, const([0, 10, 20, 30])], [Q8], **_DEPTH)
add("DEPTHWISE_CONV_2D", [_BYTES, Const(ints(1, 2, 2, 4).value, U8, **_BYTE_WEIGHTS), const([0, 1, 2, 3])], [_QU8],
    **_DEPTH)  # fmt: skip
add("DEPTHWISE_CONV_2D", [_SHORTS, _channels, Const([0, 10, 20, 30], I64)], [_Q16], **_DEPTH)
add("TRANSPOSE_CONV", [const([1, 9, 4, 3]), Const(floats(3, 2, 2, 2).value), IMAGE], [out()], **_CONVOLUTION)
add("TRANSPOSE_CONV", [const([1, 9, 4, 3]), weights(int8(3, 2, 2, 2, scale=_SCALES)), QUANTIZED_IMAGE, _BIAS32], [Q8],
    version=3, **_CONVOLUTION)  # fmt: skip
add("TRANSPOSE_CONV", [const([1, 9, 4, 3]), weights(int8(3, 2, 2, 2, scale=_SCALES)), _SHORTS, _BIAS64], [_Q16],
    version=3, **_CONVOLUTION)  # fmt: skip
add("Convolution2DTransposeBias", [IMAGE, Const(floats(3, 2, 2, 2).value), _BIAS], [out(shape=(1, 10, 8, 3))],
    custom=True, custom_options=struct.pack("<3i", 1, 2, 2))  # fmt: skip
_VOLUME = {"padding": "VALID", "stride_d": 1, "stride_w": 1, "stride_h": 1}
add("CONV_3D", [floats(1, 3, 3, 3, 2), Const(floats(2, 2, 2, 2, 3).value), _BIAS], **_VOLUME)
add("CONV_3D_TRANSPOSE", [const([1, 4, 4, 4, 3]), Const(floats(2, 2, 2, 3, 2).value), floats(1, 3, 3, 3, 2), _BIAS],
    [out()], **_VOLUME)  # fmt: skip
add("FULLY_CONNECTED", [floats(2, 4), Const(floats(3, 4).value), _BIAS])
add("FULLY_CONNECTED", [int8(2, 4), weights(int8(3, 4, scale=0.02)), Const([5, -9, 2], I32)], [Q8], version=4)
add("FULLY_CONNECTED", [floats(2, 4), weights(int8(3, 4, scale=0.02)), _BIAS], version=4)
add("BATCH_MATMUL", [floats(2, 3, 4), floats(2, 4, 5)])
add("BATCH_MATMUL", [int8(2, 3, 4), int8(2, 4, 5)], [Q8])
add("aeq.hadamard_rotation", [floats(2, 8)], custom=True, custom_options=encode_flexbuffer({"hadamard_size": 4}))

# Windows and images ---------------------------------------------------------------------------------------------------

_POOL = {"padding": "SAME", "stride_w": 1, "stride_h": 2, "filter_width": 2, "filter_height": 3}
for _name in ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"):
    add(_name, [IMAGE], **_POOL)
    if _name != "L2_POOL_2D":
        add(_name, [QUANTIZED_IMAGE], **_POOL)
_HALVES = struct.pack("<6i", 2, 2, 2, 2, 2, 0) + bytes(16)
add("MaxPoolingWithArgmax2D", [floats(1, 4, 4, 2)], [out(shape=(1, 2, 2, 2))] * 2, custom=True, custom_options=_HALVES)
add("MaxUnpooling2D", [floats(1, 2, 2, 2), Input(np.zeros((1, 2, 2, 2)), F32)], [out(shape=(1, 4, 4, 2))], custom=True,
    custom_options=_HALVES)  # fmt: skip
for _name in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
    add(_name, [IMAGE, const([7, 3])], half_pixel_centers=True, version=3)
    add(_name, [QUANTIZED_IMAGE, const([7, 3])], version=3)
add("LOCAL_RESPONSE_NORMALIZATION", [IMAGE], radius=1, bias=1.0, alpha=0.5, beta=0.75)
add("SPACE_TO_DEPTH", [floats(1, 4, 2, 3)], block_size=2)
add("DEPTH_TO_SPACE", [floats(1, 2, 3, 8)], block_size=2)
add("SPACE_TO_BATCH_ND", [floats(1, 4, 2, 3), const([2, 2]), const([[0, 0], [1, 1]])])
add("BATCH_TO_SPACE_ND", [floats(4, 2, 3, 2), const([2, 2]), const([[0, 1], [1, 0]])])
add("REDUCE_WINDOW", [floats(4, 5), Const(0.0, F32), const([2, 3], I64), const([1, 2], I64), const([1, 1], I64)],
    reduce_function="ADD")  # fmt: skip
add("DILATE", [floats(2, 3), const([2, 3]), Const(-1.0, F32)])
add("RFFT2D", [floats(4, 8), const([4, 8])], [out(np.complex64)])
_SPECTROGRAM = {"window_size": 8, "stride": 4, "magnitude_squared": True}
add("AudioSpectrogram", [floats(40, 1)], custom=True, custom_options=encode_flexbuffer(_SPECTROGRAM))
_MFCC = {"upper_frequency_limit": 4000, "lower_frequency_limit": 20, "filterbank_channel_count": 10,
         "dct_coefficient_count": 5}  # fmt: skip
add("Mfcc", [floats(1, 3, 65, low=0), const([16000])], custom=True, custom_options=encode_flexbuffer(_MFCC))

# Shapes ---------------------------------------------------------------------------------------------------------------

add("RESHAPE", [floats(2, 6), const([3, -1])], new_shape=[3, -1])
add("SQUEEZE", [floats(1, 3, 1)], squeeze_dims=[0])
add("EXPAND_DIMS", [floats(2, 3), const(1)])
add("SHAPE", [floats(2, 3)], [out(I32)], out_type="INT32")
add("RANK", [floats(2, 3)], [out(I32)])
add("TRANSPOSE", [floats(2, 3, 4), const([2, 0, 1])])
add("BROADCAST_TO", [floats(2, 1), const([3, 2, 4])], version=2)
add("BROADCAST_ARGS", [const([2, 1]), const([3, 1, 4])])
add("TILE", [floats(2, 3), const([2, 1])])
add("PACK", [floats(2, 3), floats(2, 3)], values_count=2, axis=1)
add("UNPACK", [floats(3, 2)], [out(), out(), out()], num=3, axis=0)
add("CONCATENATION", [floats(2, 3), floats(2, 1)], axis=1)
add("CONCATENATION", [int8(2, 3), int8(2, 1)], axis=-1)
add("SPLIT", [const(1), floats(2, 6)], [out(), out()], num_splits=2)
add("SPLIT_V", [floats(2, 6), const([1, 5]), const(1)], [out(), out()], num_splits=2)
add("SLICE", [floats(3, 4), const([1, 0]), const([2, -1])], [out()])
add("STRIDED_SLICE", [floats(3, 4), const([0, 3]), const([3, 0]), const([1, -2])], end_mask=2)
add("DYNAMIC_UPDATE_SLICE", [floats(3, 4), floats(2, 2), const([1, 1])])
add("PAD", [floats(2, 3), const([[1, 0], [0, 2]])])
add("PAD", [int8(2, 3), const([[1, 0], [0, 2]])])
add("PADV2", [floats(2, 3), const([[1, 0], [0, 2]]), Const(9.0, F32)])
add("MIRROR_PAD", [floats(2, 3), const([[1, 0], [0, 2]])], mode="REFLECT")
add("STABLEHLO_PAD", [floats(2, 3), Const(9.0, F32)], edge_padding_low=[1, 0], edge_padding_high=[0, -1],
    interior_padding=[0, 1])  # fmt: skip
add("REVERSE_V2", [floats(2, 3), const([1])])
add("REVERSE_SEQUENCE", [floats(2, 4), const([3, 2])], seq_dim=1, batch_dim=0)
add("MATRIX_DIAG", [floats(2, 3)])
add("MATRIX_SET_DIAG", [floats(2, 3), floats(2)])
add("FILL", [const([2, 3]), Const(7.0, F32)], [out()])
add("RANGE", [const(1), const(9), const(2)])
add("ONE_HOT", [const([0, 2]), const(3), Const(1.0, F32), Const(0.0, F32)], [out()], axis=-1)
for _name in ("RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL"):
    add(_name, [const([2, 3])], [out()], seed=1, seed2=2)
add("MULTINOMIAL", [floats(2, 3), const(4)], [out(I32)], seed=1, seed2=2)
add("STABLEHLO_RNG_BIT_GENERATOR", [Input([1, 2], np.uint64)], [out(np.uint64, shape=(2,)), out(I32, shape=(2, 3))],
    algorithm="THREEFRY")  # fmt: skip

# Indices --------------------------------------------------------------------------------------------------------------

add("GATHER", [floats(3, 4), Input([2, 0], I32)], axis=0)
add("GATHER", [Const(np.array([b"a", b"b", b"c"], object)), Input([2, 0], I32)], [out(object)], axis=0)
add("GATHER_ND", [floats(3, 4), Input([[2, 1], [0, 3]], I32)])
add("SCATTER_ND", [Input([[2], [0]], I32), floats(2, 3), const([4, 3])], [out()])
add("SPARSE_TO_DENSE", [const([[0, 1], [1, 2]]), const([2, 3]), floats(2), Const(0.0, F32)], [out()])
add("STABLEHLO_GATHER", [floats(5, 3), Input([[4], [0]], I32)], [out(shape=(1, 1))], offset_dims=[1],
    collapsed_slice_dims=[0], start_index_map=[0], index_vector_dim=1, slice_sizes=[1, 3])  # fmt: skip
add("EMBEDDING_LOOKUP", [Input([2, 0], I32), Const(floats(3, 4).value)], [out()])
add("EMBEDDING_LOOKUP_SPARSE",
    [Input([1, 3, 0], I32), const([[0, 0], [2, 0], [2, 1]]), const([3, 2]), floats(3), Const(floats(4, 2).value)],
    [out()], combiner="SUM")  # fmt: skip
add("HASHTABLE_LOOKUP", [Input([2, 5], I32), Input([0, 2, 7], I32), floats(3, 2)], [out(), out(U8)])
add("SEGMENT_SUM", [floats(4, 2), const([0, 0, 1, 2])])
for _name in ("SUM", "PROD", "MIN", "MAX"):
    add(f"UNSORTED_SEGMENT_{_name}", [floats(4, 2), Input([2, 0, 0, -1], I32), const(3)])
add("WHERE", [Input([[True, False], [True, True]])], [out(I64)])
for _type in (I32, F32, I8, U8, I16, I64):
    add("UNIQUE", [Input([3, 1, 3], _type)], [out(_type), out(I32)])
add("TOPK_V2", [floats(2, 4), const(2)], [out(), out(I32)])
for _name in ("ARG_MAX", "ARG_MIN"):
    add(_name, [floats(2, 3), const(1)], [out(I32)], output_type="INT32")
    add(_name, [Input([[np.nan, 1, 2, 3, 0]], F32), const(1)], [out(I32)], output_type="INT32")
_SCENE = [Input(np.arange(20).reshape(5, 4), F32), floats(5, low=0)]
_NMS = [*_SCENE, const(3), Const(0.5, F32), Const(0.1, F32)]
add("NON_MAX_SUPPRESSION_V4", _NMS, [out(I32), out(I32)])
add("NON_MAX_SUPPRESSION_V5", [*_NMS, Const(0.5, F32)], [out(I32), out(), out(I32)])
_DETECTION = {"max_detections": 3, "max_classes_per_detection": 1, "num_classes": 2, "nms_score_threshold": 0.1,
              "nms_iou_threshold": 0.5, "y_scale": 10.0, "x_scale": 10.0, "h_scale": 5.0, "w_scale": 5.0}  # fmt: skip
add("TFLite_Detection_PostProcess", [floats(1, 4, 4), floats(1, 4, 3, low=0, high=1), floats(4, 4, low=0)], [out()] * 4,
    custom=True, custom_options=encode_flexbuffer(_DETECTION))  # fmt: skip

# Reductions -----------------------------------------------------------------------------------------------------------

for _name in ("SUM", "MEAN", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD"):
    add(_name, [floats(2, 3, 4), const([-1, 0])], keep_dims=True)
    add(_name, [int8(2, 3, 4), const([1])])
for _name in ("REDUCE_MAX", "REDUCE_MIN"):
    add(_name, [floats(2, 3), const([0, 1])])
add("SUM", [ints(2, 3, 4, dtype=U8, scale=0.05, zero_point=128), const([1])], [out(U8, scale=0.07, zero_point=7)])
for _name in ("REDUCE_ALL", "REDUCE_ANY"):
    add(_name, [Input([[True, False], [True, True]]), const([0])])
add("CUMSUM", [floats(2, 3), const(1)], exclusive=True)

# Text -----------------------------------------------------------------------------------------------------------------

add("SKIP_GRAM", [Const(np.array([b"a b c"], object))], [out(object)], ngram_size=2, max_skip_size=1)
add("LSH_PROJECTION", [floats(2, 3), ints(4, 2), floats(4)], [out(I32)], type="DENSE")

# Recurrent ------------------------------------------------------------------------------------------------------------

_X, _W, _R, _B, _H = (
    floats(2, 3),
    Const(floats(4, 3).value),
    Const(floats(4, 4).value),
    Const([0, 1, 2, 3], F32),
    (2, 4),
)
_SEQUENCE = floats(2, 5, 3)
_CELL = [*[_W] * 4, *[_R] * 4, None, None, None, *[_B] * 4, None, None]
_STATES = [Variable(_H), Variable(_H)]
_TANH = {"fused_activation_function": "TANH"}
add("RNN", [_X, _W, _R, _B, Variable(_H)], **_TANH)
add("UNIDIRECTIONAL_SEQUENCE_RNN", [_SEQUENCE, _W, _R, _B, Variable(_H)], **_TANH)
add("BIDIRECTIONAL_SEQUENCE_RNN", [_SEQUENCE, *[_W, _R, _B, Variable(_H)] * 2, None, None, None], [out(), out()],
    **_TANH)  # fmt: skip
add("SVDF", [_X, _W, Const(floats(4, 6).value), Const([1, 2], F32), Variable((2, 24))], rank=2)
add("LSTM", [_X, *_CELL, *_STATES], **_TANH)
add("UNIDIRECTIONAL_SEQUENCE_LSTM", [_SEQUENCE, *_CELL, *_STATES], **_TANH)
add("BIDIRECTIONAL_SEQUENCE_LSTM", [_SEQUENCE, *_CELL, *_CELL, *_STATES, *_STATES, *[None] * 9], [out(), out()],
    time_major=False, **_TANH)  # fmt: skip

CATALOGUE |= GRAPHS | BEYOND
