"""Files of arrays under a header, which are mapped into memory: what `stored` keeps of programs.

A file begins with a digest of what follows. Its arrays lie at multiples of 64 bytes.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from litejit.kernels.jit.call import SLACK

__all__ = ["Constants", "mapped", "read", "write"]

_MAGIC = b"litejit program 1\n"
_START = len(_MAGIC) + 65
_ALIGNMENT = 64


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


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def write(path: Path, header: dict[str, Any], sections: dict[str, np.ndarray]) -> None:
    """Stores a file that `read` takes apart again. OSError where that is not possible."""
    header = {**header, "sections": [(name, str(part.dtype), part.size) for name, part in sections.items()]}
    text = json.dumps(header).encode()
    start = _START + 8 + len(text)
    parts = [len(text).to_bytes(8, "little"), text, bytes(_aligned(start) - start)]
    for part in sections.values():
        parts += [part.tobytes(), bytes(_aligned(part.nbytes) - part.nbytes)]
    hash = hashlib.sha256(b"".join(parts))
    aside = path.with_name(f"{path.name}.{os.getpid()}.{id(parts)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with aside.open("wb") as file:
            file.writelines([_MAGIC, hash.hexdigest().encode(), b"\n", *parts])
        aside.replace(path)
    finally:
        with suppress(OSError):
            aside.unlink()


def read(content: np.ndarray) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Header and arrays of a file."""
    size = int.from_bytes(content[_START : _START + 8].tobytes(), "little")
    header = json.loads(content[_START + 8 : _START + 8 + size].tobytes())
    at, sections = _aligned(_START + 8 + size), {}
    for name, dtype, count in header["sections"]:
        nbytes = count * np.dtype(dtype).itemsize
        sections[name] = content[at : at + nbytes].view(dtype)
        at = _aligned(at + nbytes)
    return header, sections


def mapped(path: Path) -> np.ndarray | None:
    """What has been stored, as it lies in the file; None if it is not there or not whole."""
    try:
        with path.open("rb") as file:
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        os.utime(path)
    except (OSError, ValueError):
        return None
    if content[:_START] != _MAGIC + hashlib.sha256(content[_START:]).hexdigest().encode() + b"\n":
        return None
    return np.frombuffer(content, np.uint8)
