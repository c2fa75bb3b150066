"""tanh, logistic and normalization of float32 as the official recurrent kernels compute them, bit for bit.

They are approximations of the vector library Eigen, good to a few ULP. What they round to matters where results are
quantized on the fly: another last bit near a rounding boundary is another quantization step.
Sources: LiteRT tflite/kernels/internal/tensor_utils.h (ApplyActivationToVector),
internal/reference/portable_tensor_utils.cc (PortableMeanStddevNormalization); Eigen, compiled without FMA.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["logistic", "mean_stddev_normalization", "packets", "tanh"]

_PACKET = 4
_TANH_ONE = np.float32(7.90738964080810547)
"""The smallest argument that the rational function takes to 1."""
_TANH_NUMERATOR = (1.394553628e-8, 2.102733560e-5, 3.520756727e-3, 1.340216100e-1)
_TANH_DENOMINATOR = (8.015776984e-7, 3.326951409e-4, 2.597254514e-2, 4.673548340e-1, 1.0)
_LOGISTIC_ONE = np.float32(16.6355324)
_LOG2_E = np.float32(1.44269504088896341)
_LN_2 = (np.float32(0.693359375), np.float32(-2.12194440e-4))
"""log(2) as the sum of a short number and a small one."""


def tanh(x: np.ndarray) -> np.ndarray:
    """(x + x**3 * p(x**2)) / q(x**2), 1 from 7.9 on."""
    with np.errstate(all="ignore"):
        x = np.clip(x, -_TANH_ONE, _TANH_ONE)
        square = x * x
        numerator = (square * x) * _polynomial(square, _TANH_NUMERATOR) + x
        return numerator / _polynomial(square, _TANH_DENOMINATOR)


def logistic(x: np.ndarray, in_packet: np.ndarray | None = None) -> np.ndarray:
    """e**x / (1 + e**x). in_packet: which elements are computed four at a time (default: all), see `packets`.

    Packets take the square of e**(x/2) from a polynomial, single elements the correctly rounded e**x, which the C
    library's differs from in one of a thousand arguments.
    """
    with np.errstate(all="ignore"):
        exponential = _exp(x)
        if in_packet is not None and not in_packet.all():
            exact = np.exp(np.minimum(x, _LOGISTIC_ONE).astype(np.float64)).astype(np.float32)
            exponential = np.where(in_packet, exponential, exact)
        return exponential / (np.float32(1) + exponential)


def packets(starts: np.ndarray, width: int) -> np.ndarray:
    """[rows, width] which elements of contiguous rows lie in whole packets of 16 bytes, aligned to 16 bytes.

    starts: of the rows, in floats from an aligned address.
    """
    first = (-starts % _PACKET)[:, None]
    end = first + (width - first) // _PACKET * _PACKET
    position = np.arange(width)
    return (first <= position) & (position < end)


def mean_stddev_normalization(x: np.ndarray) -> np.ndarray:
    """(x - mean) / sqrt(variance + 1e-8) along the last axis, sums taken from first to last."""
    size = np.float32(x.shape[-1])
    with np.errstate(all="ignore"):
        centred = x - _sum_in_order(x) / size
        variance = _sum_in_order(centred * centred) / size
        return centred * (np.float32(1) / np.sqrt(variance + np.float32(1e-8)))


def _sum_in_order(x: np.ndarray) -> np.ndarray:
    return np.add.accumulate(x, axis=-1)[..., -1:]


def _polynomial(x: np.ndarray, coefficients: Sequence[float]) -> np.ndarray:
    result = np.float32(coefficients[0])
    for coefficient in coefficients[1:]:
        result = result * x + np.float32(coefficient)
    return result


def _exp(x: np.ndarray) -> np.ndarray:
    """e**x as the square of e**(x/2) = 2**power * e**rest, |rest| <= log(2) / 2; 0 below -104."""
    half = np.minimum(x, _LOGISTIC_ONE) * np.float32(0.5)
    power = np.floor(half * _LOG2_E + np.float32(0.5))
    rest = (half - power * _LN_2[0]) - power * _LN_2[1]
    square = rest * rest
    even = _polynomial(square, (4.1898667812347412109375e-2, 0.49999141693115234375))
    odd = _polynomial(square, (8.33471305668354034423828125e-3, 0.16666877269744873046875))
    series = square * (rest * odd + even) + (rest + np.float32(1))
    root = np.ldexp(series, np.nan_to_num(power).astype(np.int32))
    return np.where(x < -104, np.float32(0), root * root)
