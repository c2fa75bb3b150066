"""Counter-based random generators: a block of random words is a function of a key and of the block's number.

Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011); LiteRT tflite/kernels/rng_util.cc,
TSL lib/random/philox_random.h.
"""

from __future__ import annotations

import numpy as np

__all__ = ["PhiloxStream", "philox4x32", "threefry2x32"]

_LOW = np.uint64(0xFFFFFFFF)
_WORD = np.uint64(32)


def _split(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Low and high 32 bits of uint64, each kept in uint64."""
    return x & _LOW, x >> _WORD


def philox4x32(key: int, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Philox4x32 with 10 rounds: low, high: [n] uint64 halves of the 128-bit block numbers -> [n, 4] uint32."""
    (c0, c1), (c2, c3) = _split(low), _split(high)
    for step in range(10):
        k0 = np.uint64((key + step * 0x9E3779B9) & 0xFFFFFFFF)
        k1 = np.uint64(((key >> 32) + step * 0xBB67AE85) & 0xFFFFFFFF)
        low0, high0 = _split(c0 * np.uint64(0xD2511F53))
        low1, high1 = _split(c2 * np.uint64(0xCD9E8D57))
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
    return np.stack([c0, c1, c2, c3], axis=1).astype(np.uint32)


def threefry2x32(key: int, counter: np.ndarray) -> np.ndarray:
    """Threefry2x32 with 20 rounds: counter: [n] uint64 block numbers -> [n, 2] uint32."""
    first, second = key & 0xFFFFFFFF, key >> 32
    schedule = (first, second, first ^ second ^ 0x1BD11BDA)
    x, y = (word.astype(np.uint32) for word in _split(counter))
    x, y = x + np.uint32(first), y + np.uint32(second)
    for group in range(1, 6):
        for rotation in (13, 15, 26, 6) if group % 2 else (17, 29, 16, 24):
            x = x + y
            y = ((y << np.uint32(rotation)) | (y >> np.uint32(32 - rotation))) ^ x
        x = x + np.uint32(schedule[group % 3])
        y = y + np.uint32((schedule[(group + 1) % 3] + group) & 0xFFFFFFFF)
    return np.stack([x, y], axis=1)


class PhiloxStream:
    """Blocks of Philox4x32 in order: the first seed is the key, the second one the high half of the first number."""

    def __init__(self, seed: int, seed2: int) -> None:
        self._key = seed % (1 << 64)
        self._next = (seed2 % (1 << 64)) << 64

    def peek(self, blocks: int) -> np.ndarray:
        """[blocks, 4] uint32, the blocks that come next."""
        start = self._next % (1 << 64)
        low = np.uint64(start) + np.arange(blocks, dtype=np.uint64)
        high = np.uint64(self._next >> 64) + (low < np.uint64(start)).astype(np.uint64)
        return philox4x32(self._key, low, high)

    def skip(self, blocks: int) -> None:
        """Moves on."""
        self._next = (self._next + blocks) % (1 << 128)

    def draw(self, blocks: int) -> np.ndarray:
        """Like `peek`, and moves on."""
        words = self.peek(blocks)
        self.skip(blocks)
        return words
