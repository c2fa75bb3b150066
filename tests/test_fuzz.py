"""Mutated models: whatever the bytes, the answer is success or one of litejit's own errors, in bounded time and memory.

LITEJIT_FUZZ=N sets how many mutants are tried in all (default 600).
"""

from __future__ import annotations

import os
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from litejit import Interpreter, LitejitError, OpResolverType
from litejit.kernels.node import Limits
from tests.inputs import seeded_inputs
from tests.paths import EXTRA_MODELS, ROOT

MUTANTS = int(os.environ.get("LITEJIT_FUZZ", "600"))
SECONDS = 5.0
LIMITS = Limits(tensor_bytes=1 << 24, while_iterations=1000)
SMALL = [
    path
    for path in [*sorted((ROOT / "interpreter" / "models").glob("*.tflite")), *EXTRA_MODELS]
    if path.stat().st_size < 60_000 and "huge" not in path.name
]


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """A few flipped bytes, a truncation, a splice, or an offset changed by a little or a lot."""
    mutant = bytearray(data)
    kind = rng.integers(6)
    if kind == 0:
        return bytes(mutant[: rng.integers(len(mutant))])
    if kind == 1:
        start, stop = sorted(rng.integers(0, len(mutant), 2))
        at = rng.integers(len(mutant))
        return bytes(mutant[:at] + mutant[start : min(stop, start + 64)] + mutant[at:])
    for _ in range(int(rng.integers(1, 6))):
        at = int(rng.integers(len(mutant)))
        if kind == 2:
            mutant[at] ^= 1 << int(rng.integers(8))
        elif kind == 3:
            mutant[at] = int(rng.choice([0, 1, 127, 128, 255]))
        else:
            at -= at % 4
            word = int.from_bytes(mutant[at : at + 4], "little") + int(rng.integers(-8, 9))
            word = int(rng.choice([word, 0, 0x7FFFFFFF, 0xFFFFFFFF])) & 0xFFFFFFFF
            mutant[at : at + 4] = word.to_bytes(4, "little")
    return bytes(mutant)


def run(data: bytes, path: Path) -> None:
    # The reference tier: compiling fast kernels for the first time takes longer than any mutant may.
    interpreter = Interpreter(
        model_content=data, limits=LIMITS, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    if len(interpreter._get_ops_details()) > 40:
        return
    for detail, value in zip(interpreter.get_input_details(), seeded_inputs(interpreter, path), strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()


@pytest.mark.parametrize("path", SMALL, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_mutants(path: Path) -> None:
    rng = np.random.default_rng(sum(path.name.encode()))
    data = path.read_bytes()
    for number in range(max(1, MUTANTS // len(SMALL))):
        mutant = mutate(data, rng)
        start = time.monotonic()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                run(mutant, path)
        except LitejitError:
            pass
        elapsed = time.monotonic() - start
        assert elapsed < SECONDS, f"mutant {number} took {elapsed:.1f} s"
