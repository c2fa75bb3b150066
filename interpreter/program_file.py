"""Files of arrays under a header, which are mapped into memory: what `stored` keeps of programs.

Its arrays lie at multiples of 64 bytes of the file, behind a header in JSON and its length.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from litejit.kernels.jit.cache import HEADER_BYTES, load_mapped, store
from litejit.kernels.jit.call import SLACK

__all__ = ["Constants", "read", "write"]

_ALIGNMENT, _LENGTH = 64, 8


class Constants:
    """Arrays side by side, each but once, aligned, and with what kernels may read behind them."""

    def __init__(self) -> None:
        self._offsets: dict[int, int] = {}
        self._parts: list[np.ndarray] = []
        self._size = 0

    def add(self, array: np.ndarray) -> int:
        """The array's offset."""
        if id(array) not in self._offsets:
            self._offsets[id(array)] = self._size
            size = _aligned(array.nbytes + SLACK)
            self._parts.append(array)
            self._size += size
        return self._offsets[id(array)]

    def joined(self) -> np.ndarray:
        """All of them, as bytes."""
        whole = np.zeros(self._size, np.uint8)
        for part in self._parts:
            at = self._offsets[id(part)]
            whole[at : at + part.nbytes] = np.frombuffer(part.tobytes(), np.uint8)
        return whole


def write(path: Path, header: dict[str, Any], sections: dict[str, np.ndarray]) -> None:
    """Stores a file that `read` takes apart again, if possible."""
    header = {**header, "sections": [(name, str(part.dtype), part.size) for name, part in sections.items()]}
    text = json.dumps(header).encode()
    parts = [len(text).to_bytes(_LENGTH, "little"), text, _filling(HEADER_BYTES + _LENGTH + len(text))]
    for part in sections.values():
        parts += [part.tobytes(), _filling(part.nbytes)]
    store(path, *parts)


def read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """Header and arrays of a file, which are mapped into memory; None if it is not there or not whole."""
    content = load_mapped(path)
    if content is None:
        return None
    at = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    header, sections = json.loads(bytes(content[_LENGTH:at])), {}
    for name, dtype, count in header["sections"]:
        at = _aligned(HEADER_BYTES + at) - HEADER_BYTES
        sections[name] = np.frombuffer(content, dtype, count, at)
        at += sections[name].nbytes
    return header, sections


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _filling(size: int) -> bytes:
    """What is missing to the next multiple."""
    return bytes(_aligned(size) - size)
