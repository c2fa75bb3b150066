"""sine, cosine and logarithm of float32 as the C library computes them (glibc 2.28 and later), bit for bit.

Polynomials in float64 after a reduction of the argument; good to less than one ULP, not always correctly rounded. The
same random numbers as the official runtime's need the same last bits.
Sources: glibc sysdeps/ieee754/flt-32/{s_sincosf_data,e_logf_data}.c, which are those of Arm's optimized routines.
"""

from __future__ import annotations

import numpy as np

__all__ = ["cosine", "logarithm", "sine"]

_HALF_PI = float.fromhex("0x1.921fb54442d18p+0")
_TWO_OVER_PI = float.fromhex("0x1.45f306dc9c883p-1")
_SINE = [float.fromhex(c) for c in ("-0x1.555545995a603p-3", "0x1.1107605230bc4p-7", "-0x1.994eb3774cf24p-13")]
_COSINE = [
    float.fromhex(c)
    for c in (
        "-0x1.ffffffd0c621cp-2",
        "0x1.55553e1068f19p-5",
        "-0x1.6c087e89a359dp-10",
        "0x1.99343027bf8c3p-16",
    )
]
_LOG_2 = float.fromhex("0x1.62e42fefa39efp-1")
_LOG_POLYNOMIAL = [float.fromhex(c) for c in ("-0x1.00ea348b88334p-2", "0x1.5575b0be00b6ap-2", "-0x1.ffffef20a4123p-2")]
_LOG_TABLE = np.array(
    [
        [float.fromhex(number) for number in row.split()]
        for row in (
            "0x1.661ec79f8f3bep+0 -0x1.57bf7808caadep-2",
            "0x1.571ed4aaf883dp+0 -0x1.2bef0a7c06ddbp-2",
            "0x1.49539f0f010bp+0 -0x1.01eae7f513a67p-2",
            "0x1.3c995b0b80385p+0 -0x1.b31d8a68224e9p-3",
            "0x1.30d190c8864a5p+0 -0x1.6574f0ac07758p-3",
            "0x1.25e227b0b8eap+0 -0x1.1aa2bc79c81p-3",
            "0x1.1bb4a4a1a343fp+0 -0x1.a4e76ce8c0e5ep-4",
            "0x1.12358f08ae5bap+0 -0x1.1973c5a611cccp-4",
            "0x1.0953f419900a7p+0 -0x1.252f438e10c1ep-5",
            "0x1p+0 0x0p+0",
            "0x1.e608cfd9a47acp-1 0x1.aa5aa5df25984p-5",
            "0x1.ca4b31f026aap-1 0x1.c5e53aa362eb4p-4",
            "0x1.b2036576afce6p-1 0x1.526e57720db08p-3",
            "0x1.9c2d163a1aa2dp-1 0x1.bc2860d224770p-3",
            "0x1.886e6037841edp-1 0x1.1058bc8a07ee1p-2",
            "0x1.767dcf5534862p-1 0x1.4043057b6ee09p-2",
        )
    ]
)
"""1 / c and log(c) of a number c near the middle of each sixteenth of an octave."""
_LOG_OFFSET = 0x3F330000
"""Bits of the float32 that octaves are counted from."""


def sine(x: np.ndarray) -> np.ndarray:
    """Of float32 numbers in 0 to 2 pi."""
    return _quarter_waves(x, 0)


def cosine(x: np.ndarray) -> np.ndarray:
    """Of float32 numbers in 0 to 2 pi."""
    return _quarter_waves(x, 1)


def _quarter_waves(x: np.ndarray, shift: int) -> np.ndarray:
    """The sine, `shift` quarter waves further on."""
    x = x.astype(np.float64)
    quarter = np.rint(x * _TWO_OVER_PI)
    rest = x - quarter * _HALF_PI
    quarter = quarter.astype(np.int64) + shift
    square = rest * rest
    odd = rest + (rest * square) * _SINE[0] + ((rest * square) * square) * (_SINE[1] + square * _SINE[2])
    even = 1 + square * _COSINE[0]
    even += (square * square) * _COSINE[1] + ((square * square) * square) * (_COSINE[2] + square * _COSINE[3])
    value = np.where(quarter & 1, even, odd)
    return np.where(quarter & 2, -value, value).astype(np.float32)


def logarithm(x: np.ndarray) -> np.ndarray:
    """Of positive, finite, normal float32 numbers."""
    bits = x.view(np.int32).astype(np.int64)
    offset = bits - _LOG_OFFSET
    inverse, log_c = _LOG_TABLE[(offset >> 19) & 15].T
    exponent = offset >> 23
    z = (bits - (exponent << 23)).astype(np.int32).view(np.float32).astype(np.float64)
    r = z * inverse - 1
    base = log_c + exponent * _LOG_2
    square = r * r
    y = (_LOG_POLYNOMIAL[1] * r + _LOG_POLYNOMIAL[2]) + _LOG_POLYNOMIAL[0] * square
    return (y * square + (base + r)).astype(np.float32)
