"""Files of arrays under a header, which are mapped into memory: what `stored` keeps of programs.

Its arrays lie at multiples of 64 bytes of the file, behind a header in JSON and its length.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from litejit.kernels.jit.cache import HEADER_BYTES, load_mapped, store

__all__ = ["ARENA", "CONSTANTS", "ENTRIES", "JUMP", "JUMP_IF", "SCRATCH", "aligned", "read", "write"]

ARENA, CONSTANTS, SCRATCH, ENTRIES = range(4)
"""What a distance in a stored program is from."""
JUMP, JUMP_IF = -1, -2
"""In the place of a kernel's number."""
_ALIGNMENT, _LENGTH = 64, 8


def write(path: str, header: dict[str, Any], sections: dict[str, np.ndarray]) -> None:
    """Stores a file that `read` takes apart again, if possible."""
    header = {**header, "sections": [(name, str(part.dtype), part.size) for name, part in sections.items()]}
    text = json.dumps(header).encode()
    parts = [len(text).to_bytes(_LENGTH, "little"), text, _filling(HEADER_BYTES + _LENGTH + len(text))]
    for part in sections.values():
        parts += [part.tobytes(), _filling(part.nbytes)]
    store(path, *parts)


def read(path: str) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """Header and arrays of a file, which are mapped into memory; None if it is not there or not whole."""
    content = load_mapped(path)
    if content is None:
        return None
    at = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    header, sections = json.loads(bytes(content[_LENGTH:at])), {}
    for name, dtype, count in header["sections"]:
        at = aligned(HEADER_BYTES + at) - HEADER_BYTES
        sections[name] = np.frombuffer(content, dtype, count, at)
        at += sections[name].nbytes
    return header, sections


def aligned(size: int) -> int:
    """The next multiple of 64."""
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _filling(size: int) -> bytes:
    """What is missing to the next multiple."""
    return bytes(aligned(size) - size)
