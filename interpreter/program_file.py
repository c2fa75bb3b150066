"""Files of arrays, which are mapped into memory: what `stored` keeps of programs.

A file begins with the length of its table of contents, and that: a line for each array with its name, dtype and number
of elements. The arrays follow at multiples of 64 bytes of the file.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from litejit.kernels.jit.cache import HEADER_BYTES, load_mapped, store

__all__ = ["ARENA", "CONSTANTS", "ENTRIES", "JUMP", "JUMP_IF", "aligned", "read", "write"]

ARENA, CONSTANTS, ENTRIES = range(3)
"""What a distance in a stored program is from."""
JUMP, JUMP_IF = -1, -2
"""In the place of a kernel's number."""
_ALIGNMENT, _LENGTH = 64, 8


def write(path: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Stores a file that `read` takes apart again, if possible."""
    contents = "\n".join(f"{name} {array.dtype.str} {array.size}" for name, array in arrays.items()).encode()
    parts = [len(contents).to_bytes(_LENGTH, "little"), contents, _filling(HEADER_BYTES + _LENGTH + len(contents))]
    for array in arrays.values():
        parts += [array.tobytes(), _filling(array.nbytes)]
    store(path, *parts)


def read(path: str) -> dict[str, np.ndarray] | None:
    """The arrays of a file, flat, which are mapped into memory; None if it is not there or not whole."""
    content = load_mapped(path)
    if content is None:
        return None
    at = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    arrays = {}
    for line in str(content[_LENGTH:at], "utf-8").split("\n"):
        name, dtype, count = line.split(" ")
        at = aligned(HEADER_BYTES + at) - HEADER_BYTES
        arrays[name] = np.frombuffer(content, dtype, int(count), at)
        at += arrays[name].nbytes
    return arrays


def aligned(size: int) -> int:
    """The next multiple of 64."""
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _filling(size: int) -> bytes:
    """What is missing to the next multiple."""
    return bytes(aligned(size) - size)
