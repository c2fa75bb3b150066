"""How far the float results of the reference tier may be from the official runtime's, and why. Tests and pages use it.

`litejit.testing.check` holds every operator to its bound, docs/operators.md prints it.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EXACT", "FLOAT_BOUNDS", "Bound", "float_bound"]


@dataclass(frozen=True)
class Bound:
    """How far a float may be off: the widest of three distances.

    ulp: units in the last place of the official value. absolute: for results that nearly cancel, where those say
    nothing. relative: of the largest finite magnitude in the tensor, for sums of products.
    """

    ulp: int = 0
    absolute: float = 0.0
    relative: float = 0.0
    reason: str = ""

    def __str__(self) -> str:
        parts = [f"{self.ulp} ULP"] if self.ulp else []
        parts += [f"{self.absolute:g}"] if self.absolute else []
        parts += [f"{self.relative:g} of the largest"] if self.relative else []
        return " or ".join(parts) or "exact"


EXACT = Bound()
_LIBRARY = "another mathematical library evaluates the function"
_ORDER = "the sum is taken in another order"
_BOTH = "another mathematical library, and a sum in another order"
_CARRIED = _BOTH + "; with RELU or no activation, as far from the exact result as weights moved by 2 ULP lead, twice"
_SPECIFICATION = "not in the official runtime; compared with NumPy formulas in float64"
_WINDOWS = "the official interpolation and window sums round in another order"

_GROUPS: tuple[tuple[Bound, str], ...] = (
    (Bound(ulp=1, reason=_LIBRARY), "COMPLEX_ABS COS EXP HARD_SWISH LOG RSQRT SIN ATAN2"),
    (Bound(ulp=2, reason=_LIBRARY), "ELU LOGISTIC POW TANH NON_MAX_SUPPRESSION_V5"),
    (Bound(ulp=4, absolute=5e-7, reason="the official error function cancels in its negative tail"), "GELU"),
    (Bound(ulp=2, reason=_ORDER), "SEGMENT_SUM UNSORTED_SEGMENT_SUM UNSORTED_SEGMENT_PROD"),
    (Bound(ulp=2, absolute=1e-6, reason=_ORDER), "CUMSUM RFFT2D Mfcc"),
    (Bound(ulp=4, reason=_ORDER), "EMBEDDING_LOOKUP_SPARSE REDUCE_PROD"),
    (Bound(ulp=4, absolute=1e-6, reason=_ORDER), "MEAN SUM AudioSpectrogram"),
    (Bound(ulp=4, absolute=2e-6, reason=_WINDOWS), "AVERAGE_POOL_2D L2_POOL_2D RESIZE_BILINEAR"),
    (Bound(ulp=4, absolute=1e-6, reason=_LIBRARY), "TFLite_Detection_PostProcess"),
    (Bound(ulp=16, reason=_BOTH), "L2_NORMALIZATION LOCAL_RESPONSE_NORMALIZATION"),
    (Bound(ulp=64, reason=_BOTH), "SOFTMAX"),
    (Bound(ulp=64, absolute=2e-6, reason=_BOTH), "LOG_SOFTMAX"),
    (Bound(relative=4e-6, reason=_ORDER),
     "CONV_2D DEPTHWISE_CONV_2D TRANSPOSE_CONV FULLY_CONNECTED CONV_3D CONV_3D_TRANSPOSE BATCH_MATMUL "
     "Convolution2DTransposeBias aeq.hadamard_rotation"),
    (Bound(absolute=1e-5, relative=1e-6, reason=_CARRIED),
     "LSTM UNIDIRECTIONAL_SEQUENCE_LSTM BIDIRECTIONAL_SEQUENCE_LSTM RNN UNIDIRECTIONAL_SEQUENCE_RNN "
     "BIDIRECTIONAL_SEQUENCE_RNN SVDF"),
    (Bound(ulp=4, reason=_SPECIFICATION),
     "STABLEHLO_LOGISTIC STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_LOG STABLEHLO_RSQRT STABLEHLO_TANH "
     "STABLEHLO_CBRT STABLEHLO_DOT_GENERAL STABLEHLO_CONVOLUTION"),
)  # fmt: skip

FLOAT_BOUNDS: dict[str, Bound] = {name: bound for bound, names in _GROUPS for name in names.split()}
"""Operator -> bound; one that is not here is exact on floats too, or has none."""


def float_bound(operator: str) -> Bound:
    """The bound of an operator, or of a custom operator by its name."""
    return FLOAT_BOUNDS.get(operator, EXACT)
