"""RFFT2D on the fast tier: transforms of single rows, as spectra of sounds are."""

from __future__ import annotations

from math import prod

import numpy as np

from litejit.kernels.jit.call import Call, Scratch, Tensor, padded
from litejit.kernels.jit.layouts.transforming import TRANSFORM
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.reference.rfft import Rfft2d

__all__: list[str] = []

_LONGEST = 1 << 14


@lowers(Rfft2d)
def rfft(lowering: Lowering) -> list[Call] | None:
    """One call; of fft_length [1, 2 or more]."""
    input, output = lowering.input(0), lowering.outputs[0]
    height, width = lowering.kernel.fft_length
    if height != 1 or not 2 <= width <= _LONGEST or input.size == 0:
        return None
    rows = prod(input.dims[:-2])
    angles = -2 * np.pi / width * np.arange(width)
    scratch_bytes = 64 * width
    slots = {
        "source": Tensor(input.index),
        "out": Tensor(output.index),
        "rows": rows,
        "row_step": 4 * input.dims[-2] * input.dims[-1],
        "used": min(width, input.dims[-1]),
        "points": width // 2,
        "turns": padded(np.stack([np.cos(angles), np.sin(angles)], axis=1)),
        "scratch": Scratch(),
        "scratch_bytes": scratch_bytes,
    }
    work = 4 * rows * width * width.bit_length()
    return [Call("transforming.rows", TRANSFORM, slots, items=-(-rows // 4), scratch_bytes=scratch_bytes, work=work)]
