"""How far the float results of the reference tier may be from the official runtime's, and why: data for the documents.

The tests of each operator hold it to its bound. An operator that is not here is exact on floats too, or has none.
"""

from __future__ import annotations

__all__ = ["FLOAT_BOUNDS"]

_LIBRARY = "another mathematical library evaluates the function"
_ORDER = "the sum is taken in another order"
_BOTH = "another mathematical library, and a sum in another order"
_SPECIFICATION = "not in the official runtime; compared with NumPy formulas in float64"
_WINDOWS = "the official interpolation and window sums round in another order"

_GROUPS: tuple[tuple[str, str, str], ...] = (
    # bound, reason, operators
    ("1 ULP", _LIBRARY, "ATAN2 COMPLEX_ABS COS EXP HARD_SWISH LOG RSQRT SIN"),
    ("2 ULP", _LIBRARY, "ELU LOGISTIC POW TANH RANDOM_STANDARD_NORMAL RANDOM_UNIFORM NON_MAX_SUPPRESSION_V5"),
    ("4 ULP or 5e-7", "the official error function cancels in its negative tail", "GELU"),
    ("2 ULP", _ORDER, "SEGMENT_SUM UNSORTED_SEGMENT_SUM UNSORTED_SEGMENT_PROD"),
    ("2 ULP or 1e-6", _ORDER, "CUMSUM RFFT2D Mfcc"),
    ("4 ULP", _ORDER, "EMBEDDING_LOOKUP_SPARSE REDUCE_PROD"),
    ("4 ULP or 1e-6", _ORDER, "MEAN SUM AudioSpectrogram"),
    ("4 ULP or 2e-6", _WINDOWS, "AVERAGE_POOL_2D L2_POOL_2D RESIZE_BILINEAR"),
    ("4 ULP or 1e-6", _LIBRARY, "TFLite_Detection_PostProcess"),
    ("16 ULP", _BOTH, "L2_NORMALIZATION LOCAL_RESPONSE_NORMALIZATION"),
    ("64 ULP", _BOTH, "SOFTMAX LOG_SOFTMAX"),
    ("8e-6 * sqrt(products in a sum), of values around 1", _ORDER,
     "CONV_2D DEPTHWISE_CONV_2D TRANSPOSE_CONV FULLY_CONNECTED"),
    ("2e-5, of values around 1", _ORDER,
     "CONV_3D CONV_3D_TRANSPOSE BATCH_MATMUL Convolution2DTransposeBias aeq.hadamard_rotation"),
    ("1e-5", _BOTH, "LSTM UNIDIRECTIONAL_SEQUENCE_LSTM BIDIRECTIONAL_SEQUENCE_LSTM RNN UNIDIRECTIONAL_SEQUENCE_RNN "
                    "BIDIRECTIONAL_SEQUENCE_RNN SVDF"),
    ("4 ULP", _SPECIFICATION, " ".join(f"STABLEHLO_{name}" for name in
     ("LOGISTIC", "COSINE", "EXPONENTIAL", "LOG", "RSQRT", "TANH", "CBRT", "DOT_GENERAL"))),
)  # fmt: skip

FLOAT_BOUNDS: dict[str, tuple[str, str]] = {
    name: (bound, reason) for bound, reason, names in _GROUPS for name in names.split()
}
"""Operator -> (bound, reason)."""
