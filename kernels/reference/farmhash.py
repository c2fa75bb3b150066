"""FarmHash Fingerprint64 of many byte strings of one length at once.

The algorithm is published by Google as farmhash (namespace farmhashna, Hash64). Numbers are uint64 arrays, one element
for each string; all arithmetic wraps around.
"""

from __future__ import annotations

import numpy as np

__all__ = ["fingerprint64"]

_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_MASK = (1 << 64) - 1

Words = np.ndarray
Pair = tuple[Words, Words]


def fingerprint64(keys: np.ndarray) -> Words:
    """[n, length] uint8 -> [n] uint64."""
    length = keys.shape[1]
    for most, hash_short in ((16, _hash_to_16), (32, _hash_17_to_32), (64, _hash_33_to_64)):
        if length <= most:
            return hash_short(keys)
    return _hash_long(keys)


def _u64(value: int) -> np.uint64:
    return np.uint64(value & _MASK)


def _load(keys: np.ndarray, at: int, size: int = 8) -> Words:
    """The little-endian word of `size` bytes at an offset, which counts from the end where it is negative."""
    at %= keys.shape[1]
    return np.ascontiguousarray(keys[:, at : at + size]).view(f"<u{size}")[:, 0].astype(np.uint64)


def _rotate(x: Words, right: int) -> Words:
    return (x >> _u64(right)) | (x << _u64(64 - right))


def _shift_mix(x: Words) -> Words:
    return x ^ (x >> _u64(47))


def _mix(u: Words, v: Words, multiplier: Words | np.uint64) -> Words:
    """Hashes two words to one, as MurmurHash does."""
    a = _shift_mix((u ^ v) * multiplier)
    return _shift_mix((v ^ a) * multiplier) * multiplier


def _hash_to_16(keys: np.ndarray) -> Words:
    length = keys.shape[1]
    multiplier = _u64(_K2 + 2 * length)
    if length >= 8:
        a, b = _load(keys, 0) + _u64(_K2), _load(keys, -8)
        return _mix(_rotate(b, 37) * multiplier + a, (_rotate(a, 25) + b) * multiplier, multiplier)
    if length >= 4:
        return _mix(_u64(length) + (_load(keys, 0, 4) << _u64(3)), _load(keys, -4, 4), multiplier)
    if length > 0:
        first, middle, last = (keys[:, at].astype(np.uint64) for at in (0, length >> 1, length - 1))
        y, z = first + (middle << _u64(8)), _u64(length) + (last << _u64(2))
        return _shift_mix(y * _u64(_K2) ^ z * _u64(_K0)) * _u64(_K2)
    return np.full(keys.shape[0], _u64(_K2))


def _head_and_tail(keys: np.ndarray) -> tuple[Words, Words, Words]:
    """What the hashes of 17 to 64 bytes begin with: two words of the first and last 16 bytes, and the first's word."""
    a = _load(keys, 0) * _u64(_K1 if keys.shape[1] <= 32 else _K2)
    b, c = _load(keys, 8), _load(keys, -8) * _u64(_K2 + 2 * keys.shape[1])
    y = _rotate(a + b, 43) + _rotate(c, 30) + _load(keys, -16) * _u64(_K2)
    return y, a + _rotate(b + _u64(_K2), 18) + c, a


def _hash_17_to_32(keys: np.ndarray) -> Words:
    y, z, _ = _head_and_tail(keys)
    return _mix(y, z, _u64(_K2 + 2 * keys.shape[1]))


def _hash_33_to_64(keys: np.ndarray) -> Words:
    multiplier = _u64(_K2 + 2 * keys.shape[1])
    y, z, a = _head_and_tail(keys)
    z = _mix(y, z, multiplier)
    e, f = _load(keys, 16) * multiplier, _load(keys, 24)
    g, h = (y + _load(keys, -32)) * multiplier, (z + _load(keys, -24)) * multiplier
    return _mix(_rotate(e + f, 43) + _rotate(g, 30) + h, e + _rotate(f + a, 18) + g, multiplier)


def _weak_hash_32(keys: np.ndarray, at: int, a: Words, b: Words) -> Pair:
    """A quick hash of 32 bytes and two seeds to two words."""
    w, x, y, z = (_load(keys, at + 8 * word) for word in range(4))
    a = a + w
    b = _rotate(b + a + z, 21)
    total = a + x + y
    return total + z, b + _rotate(total, 44) + a


def _hash_long(keys: np.ndarray) -> Words:
    n, length = keys.shape
    k1, k2 = _u64(_K1), _u64(_K2)
    y = np.full(n, _u64(81 * _K1 + 113))
    z = _shift_mix(y * k2 + _u64(113)) * k2
    x = _u64(81 * _K2) + _load(keys, 0)
    v: Pair = (np.zeros(n, np.uint64), np.zeros(n, np.uint64))
    w: Pair = v
    blocks = (length - 1) // 64
    for at in range(0, 64 * blocks, 64):
        x, y, z, v, w = _round(keys, at, x, y, z, v, w, k1, 1)
    multiplier = k1 + ((z & _u64(0xFF)) << _u64(1))
    last = w[0] + _u64((length - 1) & 63)
    v = (v[0] + last, v[1])
    w = (last + v[0], w[1])
    x, y, z, v, w = _round(keys, length - 64, x, y, z, v, w, multiplier, 9)
    return _mix(
        _mix(v[0], w[0], multiplier) + _shift_mix(y) * _u64(_K0) + z, _mix(v[1], w[1], multiplier) + x, multiplier
    )


def _round(
    keys: np.ndarray,
    at: int,
    x: Words,
    y: Words,
    z: Words,
    v: Pair,
    w: Pair,
    multiplier: Words | np.uint64,
    weight: int,
) -> tuple[Words, Words, Words, Pair, Pair]:
    """Takes in 64 bytes; the last round weighs its state more."""
    x = _rotate(x + y + v[0] + _load(keys, at + 8), 37) * multiplier
    y = _rotate(y + v[1] + _load(keys, at + 48), 42) * multiplier
    x = x ^ (w[1] * _u64(weight))
    y = y + v[0] * _u64(weight) + _load(keys, at + 40)
    z = _rotate(z + w[0], 33) * multiplier
    v = _weak_hash_32(keys, at, v[1] * multiplier, x + w[0])
    w = _weak_hash_32(keys, at + 32, z + w[1], y + _load(keys, at + 16))
    return z, y, x, v, w
