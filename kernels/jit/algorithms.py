"""CONV_2D on the fast tier: which algorithm computes it. All give the same integers."""

from __future__ import annotations

import os
from collections.abc import Callable

from litejit.kernels.jit.call import Call
from litejit.kernels.jit.convolution import direct
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.jit.target import has_feature
from litejit.kernels.jit.winograd import winograd
from litejit.kernels.reference.convolution import Conv2D
from litejit.schema import TensorType

__all__ = ["ALGORITHMS", "preferred"]

ALGORITHMS: dict[str, Callable[[Lowering], list[Call] | None]] = {"direct": direct, "winograd": winograd}
"""Each gives None where it does not apply."""

_FEWEST_CHANNELS = 16
"""Of the input and of the output: with fewer, transforming tiles costs more than the products that it saves."""

_FEWEST_TILES = 6


def preferred(lowering: Lowering) -> str:
    """The quickest algorithm, if it applies. LITEJIT_CONVOLUTION names another, where one is to be tried."""
    forced = os.environ.get("LITEJIT_CONVOLUTION")
    if forced in ALGORITHMS:
        return forced
    input, output = lowering.input(0), lowering.outputs[0]
    tiles = -(-output.dims[1] // 2) * -(-output.dims[2] // 2)
    if input.type == TensorType.INT8 and has_feature("dotprod"):  # four products at once, of bytes as they are
        return "direct"
    wide = min(input.dims[3], output.dims[3]) >= _FEWEST_CHANNELS
    return "winograd" if wide and tiles >= _FEWEST_TILES else "direct"


@lowers(Conv2D)
def conv2d(lowering: Lowering) -> list[Call] | None:
    """The calls of the preferred algorithm, or of the direct one."""
    names = dict.fromkeys((preferred(lowering), "direct"))
    return next((calls for name in names if (calls := ALGORITHMS[name](lowering)) is not None), None)
