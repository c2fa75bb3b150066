"""What tests/test_dtypes.py finds different, and why it stays so.

Most of it is one thing: the official kernel does not look at a type and takes the bytes for another. The result is
noise, where litejit refuses the model.
"""

from __future__ import annotations

import re

from tests.agreement import Kind, Known

__all__ = ["DIFFERENCES", "NEWER", "is_deadly"]

_READ = "the official kernel does not look at this type and takes the bytes for those of the type that it expects"
_WRITTEN = "the official kernel does not look at the type of its output, whose bytes are then those of another"
_PACKED = "the official kernel moves the bytes of packed elements, not the elements"
_HALF_ROWS = "the official kernel copies whole bytes of rows: of rows of one packed element, nothing"
_SUBGRAPH = "the official runtime gives the body the types of the call, and then goes by the name of its only operator"
_DELEGATE = "only the default delegate takes half precision here, and rounds in ways of its own"
NEWER = "newer official sources than the installed runtime's take it"
_WIDE_BIAS = "the official kernel takes an INT32 bias for INT64, unless quantized_bias_type says what it is"
_SCALES = "the official kernel reads a scale for each channel, however many there are"

_UNWRITTEN = (
    "MUL BATCH_MATMUL FULLY_CONNECTED SUM MEAN REDUCE_PROD REDUCE_MAX REDUCE_MIN REDUCE_ANY REDUCE_ALL SOFTMAX "
    "LSTM UNIDIRECTIONAL_SEQUENCE_LSTM RNN BIDIRECTIONAL_SEQUENCE_LSTM BITCAST CUMSUM EMBEDDING_LOOKUP VAR_HANDLE "
    "SEGMENT_SUM UNSORTED_SEGMENT_SUM UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_MIN RESHAPE "
    "SQUEEZE STABLEHLO_GATHER STABLEHLO_SCATTER SVDF LSH_PROJECTION EXP TFLite_Detection_PostProcess "
    "aeq.hadamard_rotation IF WHILE STABLEHLO_COMPOSITE STABLEHLO_ADD STABLEHLO_MULTIPLY "
    "STABLEHLO_MAXIMUM STABLEHLO_MINIMUM STABLEHLO_AND STABLEHLO_SHIFT_LEFT"
)
_UNREAD = {
    # operators: positions of operands whose type is not looked at, or only as far as another one's
    "FAKE_QUANT BATCH_MATMUL SUM MEAN REDUCE_PROD REDUCE_MAX REDUCE_MIN SOFTMAX CUMSUM READ_VARIABLE ASSIGN_VARIABLE "
    "MATRIX_DIAG SEGMENT_SUM UNSORTED_SEGMENT_SUM UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_MIN "
    "RESHAPE SQUEEZE SPLIT STABLEHLO_GATHER EXP aeq.hadamard_rotation": "0",
    "CONV_2D EMBEDDING_LOOKUP ONE_HOT TRANSPOSE": "1",
    "SLICE SPLIT_V": "2",
    "EMBEDDING_LOOKUP_SPARSE": "4",
    "PRELU MATRIX_SET_DIAG TFLite_Detection_PostProcess": "0|1",
    "SPACE_TO_BATCH_ND BATCH_TO_SPACE_ND": "1|2",
    "STABLEHLO_SCATTER LSH_PROJECTION": "0|2",
    "RNN UNIDIRECTIONAL_SEQUENCE_RNN": "3|4",
    "FULLY_CONNECTED": "0|1|2",
    "SVDF": "1|2|3|4",
    "LSTM": "0|4|8|18|19",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "0|1|3|18|19",
    "BIDIRECTIONAL_SEQUENCE_LSTM": "35|36|37|38",
    "BIDIRECTIONAL_SEQUENCE_RNN": "1|2|3|4|5|6|7|8",
}
_OF_FOUR_BYTES = r"0 every FLOAT32 (?!INT32|UINT32|UINT8|INT8|INT16|INT64)\w+"

DIFFERENCES: tuple[Known, ...] = (
    Known(_UNWRITTEN, r"\d output \d \w+", _WRITTEN),
    *(Known(operators, rf"\d operand ({positions}) \w+", _READ) for operators, positions in _UNREAD.items()),
    Known("FAKE_QUANT LSH_PROJECTION", r"0 every FLOAT32 \w+", _READ),
    Known("LSH_PROJECTION", r"0 every INT32 \w+", _READ),
    Known("MATRIX_DIAG MATRIX_SET_DIAG", _OF_FOUR_BYTES, _READ),
    Known("PRELU", r"\d every \w+ INT16", _READ),
    Known("SPLIT_V", "0 every INT32 INT64", _READ),
    Known("SPACE_TO_BATCH_ND BATCH_TO_SPACE_ND", "0 every INT32 UINT32", _READ),
    Known("TFLite_Detection_PostProcess", "0 every FLOAT32 UINT8", _WRITTEN),
    Known("aeq.hadamard_rotation", "0 every FLOAT32 INT32", _READ),
    Known("CONV_2D", "3 every UINT8 INT16|4 operand 2 INT32", _WIDE_BIAS, (Kind.DIFFERENT,)),
    Known("TRANSPOSE_CONV", "2 operand 3 INT32", _WIDE_BIAS, (Kind.DIFFERENT,)),
    Known("GATHER", r"1 (operand 0|every STRING) U?INT[24]", _HALF_ROWS, (Kind.DIFFERENT,)),
    Known("DEPTHWISE_CONV_2D", "[23] operand 1 INT4", _READ),
    Known("CONV_2D", "2 operand 1 UINT8", _READ, (Kind.DIFFERENT,)),
    Known("DEPTHWISE_CONV_2D", "0 operand 1 INT8", _SCALES, (Kind.DIFFERENT,)),
    Known("BROADCAST_TO", r"0 every FLOAT32 U?INT[24]", _PACKED),
    Known("STABLEHLO_PAD DILATE HASHTABLE_LOOKUP", r"0 every FLOAT32 U?INT[24]", _PACKED, (Kind.DIFFERENT,)),
    Known("STABLEHLO_REDUCE_WINDOW STABLEHLO_SCATTER", r"0 every FLOAT32 \w+",
          _SUBGRAPH),
    Known("DIV SQRT EXP", r"1 every U?INT8 FLOAT16", _DELEGATE, (Kind.DIFFERENT,)),
    Known("CEIL", "0 operand 0 FLOAT16", _DELEGATE, (Kind.LAXER,)),
    Known("REDUCE_PROD", r"1 every INT8 \w+", "quantization of plain numbers is ignored", (Kind.LAXER,)),
    Known("ARG_MAX ARG_MIN", r"\d operand 0 (FLOAT16|INT64|INT16|BFLOAT16)", NEWER, (Kind.LAXER,)),
)  # fmt: skip

DEADLY = {
    "ADD SQUARED_DIFFERENCE": r"1 output 0 \w+",
    "BATCH_MATMUL SOFTMAX LSTM RNN BIDIRECTIONAL_SEQUENCE_LSTM CUMSUM EMBEDDING_LOOKUP SEGMENT_SUM IF SVDF "
    "STABLEHLO_COMPOSITE STABLEHLO_CASE UNIDIRECTIONAL_SEQUENCE_LSTM aeq.hadamard_rotation": r"\d output \d STRING",
    "UNIDIRECTIONAL_SEQUENCE_RNN BIDIRECTIONAL_SEQUENCE_RNN": r"0 output \d \w+",
    "LSTM UNIDIRECTIONAL_SEQUENCE_LSTM": r"0 operand 0 \w+",
    "FAKE_QUANT MATRIX_DIAG MATRIX_SET_DIAG EMBEDDING_LOOKUP": "0 every FLOAT32 STRING",
    "ONE_HOT": "0 operand 1 (FLOAT32|COMPLEX64)",
    "RESHAPE": "0 operand 0 COMPLEX128",
}
"""Operators -> cases that the official runtime does not survive, some of them by chance: they are not tried."""


def is_deadly(operator: str, label: str) -> bool:
    return any(operator in names.split() and re.fullmatch(pattern, label) for names, pattern in DEADLY.items())
