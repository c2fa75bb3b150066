"""What tests/test_edges.py finds different, and why it stays so."""

from __future__ import annotations

import re

from tests.agreement import Kind, Known

__all__ = ["DIFFERENCES", "is_deadly"]

_OVERFLOW = "sums of huge and infinite numbers overflow or cancel on the way, which depends on their order"
_NAN_ROWS = "rows with infinity or not-a-number have no scale to be quantized with"
_UNCHECKED = "the official kernel does not check this shape and reads beyond the end, or leaves a part out"
_BEYOND_RANK = "the official kernel takes three dimensions for a sequence, and writes beyond its state and output"
_ILLEGAL = "the official kernel does not check this and gives what happens to be in memory"
_PLACES = "the official kernel takes whatever lies at a place outside"
_BITS = "the official kernel reads bits of masks for which there are no entries"
_UNDEFINED = "shifting by a negative number is not defined"
_STRIDES = "only the default delegate has it, which takes no filters smaller than the strides"
_FIXED = "only the default delegate has it, which takes no empty tensors and no output of another shape than declared"
_DELEGATE_NAN = "the default delegate takes the maximum with not-a-number in another way, and denormals for 0"
_DECLARED = "the official kernel leaves its output in the shape that the file declares"
_EMPTY = "nothing to reduce: the official kernel leaves what was in memory"
_NOT_FOUND = "what is not found stays as it was in memory"
_EQUAL_TO_ALL = "not-a-number equals every number that the official kernel's search tree happens to compare it with"
_ANY = (Kind.DIFFERENT, Kind.STRICTER, Kind.LAXER, Kind.FAST)

DIFFERENCES: tuple[Known, ...] = (
    Known("CONV_2D", "0 operand 0 mixed", _OVERFLOW, _ANY),
    Known("TRANSPOSE_CONV", r"0 (every float|operand [12]) mixed", _OVERFLOW, _ANY),
    Known("BATCH_MATMUL CONV_3D CONV_3D_TRANSPOSE LSTM RNN UNIDIRECTIONAL_SEQUENCE_LSTM UNIDIRECTIONAL_SEQUENCE_RNN "
          "BIDIRECTIONAL_SEQUENCE_LSTM BIDIRECTIONAL_SEQUENCE_RNN SVDF Convolution2DTransposeBias AudioSpectrogram",
          r"0 (every float mixed|operand \d (mixed|all huge))", _OVERFLOW, _ANY),
    Known("DEPTHWISE_CONV_2D", "0 operand 0 all huge", _OVERFLOW, (Kind.FAST,)),
    Known("CONV_2D FULLY_CONNECTED", r"2 (every float mixed|operand 0 (mixed|all (NaN|-?infinity)))", _NAN_ROWS, _ANY),
    Known("MATRIX_SET_DIAG ATAN2 STABLEHLO_SHIFT_LEFT NumericVerify STABLEHLO_GATHER STABLEHLO_SCATTER "
          "STABLEHLO_REDUCE_WINDOW REDUCE_WINDOW TFLite_Detection_PostProcess aeq.hadamard_rotation",
          r"0 (operand \d of shape|dimensions of \d become|\d dimensions|no dimensions|one dimension) ?.*", _UNCHECKED),
    Known("aeq.hadamard_rotation", r"0 (operand 0 of shape .*|dimensions of \d become .*)", _DECLARED,
          (Kind.DIFFERENT, Kind.DIED)),
    Known("LSTM", r"0 operand 0 of shape \(\d, \d, 1\)", _BEYOND_RANK),
    Known("BIDIRECTIONAL_SEQUENCE_RNN", r"0 operand 2 of shape \(4(, [01])?,?\)", _UNCHECKED),
    Known("EMBEDDING_LOOKUP", r"0 (dimensions of 3 become 0|operand 1 of shape \(0, 4\))", _PLACES),
    Known("EMBEDDING_LOOKUP_SPARSE", r"0 (operand [12] .*|dimensions of 2 become 3)", _PLACES),
    Known("STRIDED_SLICE", r"0 (operand 3 of shape \(1,\)|shrink_axis_mask = .*)", _ILLEGAL),
    Known("STRIDED_SLICE", "0 new_axis_mask = -1", _BITS, (Kind.DIFFERENT,)),
    Known("TRANSPOSE", r"0 operand 1 all .*", _ILLEGAL),
    Known("SPACE_TO_BATCH_ND", "0 operand 2 all -1", _PLACES),
    Known("LOCAL_RESPONSE_NORMALIZATION", "0 radius = -1", _ILLEGAL),
    Known("REDUCE_WINDOW", r"0 operand [24] (all (0|-1)|counted from behind)", _ILLEGAL),
    Known("UNIQUE", r"1 operand 0 (mixed|all NaN)", _EQUAL_TO_ALL),
    Known("FAKE_QUANT", "0 num_bits = -1", _ILLEGAL),
    Known("REDUCE_PROD", r"1 (dimensions of 3 become 0|operand 0 of shape \(2, 0, 4\))", _EMPTY, _ANY),
    Known("STABLEHLO_SHIFT_LEFT", "0 operand 1 all -1", _UNDEFINED, _ANY),
    Known("MaxPoolingWithArgmax2D", r"0 operand 0 (mixed|all NaN|all denormal)", _DELEGATE_NAN, _ANY),
    Known("Convolution2DTransposeBias MaxPoolingWithArgmax2D MaxUnpooling2D",
          r"0 (operand 0 of shape|dimensions of \d become) .*", _FIXED, (Kind.LAXER,)),
    Known("Convolution2DTransposeBias", r"0 operand [12] of shape .*", _UNCHECKED),
    Known("Convolution2DTransposeBias", r"0 operand 1 of shape .*", _STRIDES, (Kind.LAXER,)),
    Known("TFLite_Detection_PostProcess", r"0 operand 1 (mixed|all .*)", _NOT_FOUND, _ANY),
)  # fmt: skip

DEADLY: dict[str, str] = {
    "WHILE": r"0 operand 0 (mixed|all .*)",
    "REDUCE_WINDOW": r"0 (operand 2 (all [012]|in reverse)|operand 3 (all [01]|counted from behind)|dimensions of 2 "
    r"become 1|operand [24] of shape \(0,\)|operand 3 of shape \((1,|1, 1, 1, 1, 1, 1)?\))",
    "BROADCAST_ARGS": r"0 (operand \d|dimensions) .*",
    "STABLEHLO_GATHER": r"0 (operand 1 of shape .*|dimensions of 1 become 0|index_vector_dim .*)",
    "STABLEHLO_SCATTER": r"0 (operand 1 of shape .*|dimensions of 1 become 0|index_vector_dim .*)",
    "RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR": r"\d (dimensions of [45] become 0|operand 0 of shape \(1, (0|5, 0), .*)",
    "TFLite_Detection_PostProcess": r"0 operand 2 of shape \((0, 4|4, 0)\)",
    "HASHTABLE_FIND": r"0 (dimensions of 1 become 0|operand 2 of shape \(0,\))",
    "STABLEHLO_SHIFT_LEFT ATAN2 NumericVerify": r"0 operand 1 of shape \((0, 3|2, 0)\)",
    "SOFTMAX": r"1 beta = (0.0|-1.0)",
    "LOG_SOFTMAX": r"\d operand 0 of shape \(\)",
    "MATRIX_SET_DIAG SKIP_GRAM REVERSE_V2": r"0 (operand [01] of shape \(0,\)|dimensions of 1 become 0)",
    "LSTM UNIDIRECTIONAL_SEQUENCE_LSTM BIDIRECTIONAL_SEQUENCE_LSTM": r"0 dimensions of 4 become 0",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": r"0 operand 0 of shape \(2, 5, 3, 1\)",
    "STRIDED_SLICE": r"0 offset = True",
}
"""Operators -> edges that the official runtime does not survive, or not always: they are not tried."""


def is_deadly(operator: str, label: str) -> bool:
    return any(operator in names.split() and re.fullmatch(pattern, label) for names, pattern in DEADLY.items())
