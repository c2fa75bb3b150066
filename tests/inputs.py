"""Seeded inputs for any model: the whole range of integer types, uniform floats, indices that stay in range."""

from __future__ import annotations

import json
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from litejit import Interpreter
from tests.paths import SHARED

GIVEN = {"seanet_transpose_conv3.tflite": {0: np.array([1, 4, 82, 16], np.int32)}}
"""Inputs that only make sense with one value: an output shape, say."""
WORDS = [b"this", b"movie", b"was", b"great", b"free money now"]


@cache
def _manifest() -> dict[str, dict[str, Any]]:
    path = SHARED / "models" / "MANIFEST.json"
    if not path.exists():
        return {}
    return {entry["file"]: entry for entry in json.loads(path.read_text())["models"]}


def seeded_inputs(interpreter: Interpreter, path: Path, kind: str = "uniform") -> list[np.ndarray]:
    """One array for each graph input, the same ones for the same file name."""
    rng = np.random.default_rng(zlib.crc32(path.name.encode()))
    entry = _manifest().get(f"{path.parent.name}/{path.name}", {})
    low, _, high = ((entry.get("official") or {}).get("int_input_range") or "0..9").partition("..")
    shapes = entry.get("run_shapes") or []
    result = []
    for at, detail in enumerate(interpreter.get_input_details()):
        shape = tuple(shapes[at]) if at < len(shapes) and shapes[at] is not None else tuple(detail["shape"])
        value = _array(rng, shape, np.dtype(detail["dtype"]), int(low), int(high))
        result.append(GIVEN.get(path.name, {}).get(at, value))
    return result


def _array(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype, low: int, high: int) -> np.ndarray:
    if dtype.kind == "S":
        values = np.empty(shape, object)
        for at in np.ndindex(shape):
            values[at] = WORDS[int(rng.integers(len(WORDS)))]
        return values
    if dtype.kind == "f":
        return rng.uniform(-1, 1, shape).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    if dtype == np.int16:
        return np.clip(rng.normal(0, 3000, shape), -32768, 32767).astype(dtype)
    if dtype.itemsize == 1:
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max + 1, shape).astype(dtype)
    return rng.integers(low, high + 1, shape).astype(dtype)
