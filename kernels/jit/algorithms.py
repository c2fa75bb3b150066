"""CONV_2D on the fast tier: the algorithms that may compute it, and what each is estimated to cost.

Another algorithm is one more line of ALGORITHMS: a function that makes the calls or says why not, and a cost.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from litejit.kernels.jit.call import Call
from litejit.kernels.jit.choosing import Algorithm, Illegal, Option, choose, listed
from litejit.kernels.jit.convolution import direct
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.jit.target import has_feature
from litejit.kernels.jit.winograd import winograd2, winograd4
from litejit.kernels.kernel import Kernel
from litejit.kernels.reference.convolution import Conv2D
from litejit.schema import TensorType

__all__ = ["ALGORITHMS", "options"]


def _is_float(lowering: Lowering) -> bool:
    return lowering.input(0).type == TensorType.FLOAT32


def _rate(lowering: Lowering) -> float:
    """Multiply-adds in a microsecond, of tiles that products of these types are made of."""
    if _is_float(lowering):
        return 38_000
    # Four products at once, of bytes as they are.
    return 120_000 if lowering.input(0).type == TensorType.INT8 and has_feature("dotprod") else 60_000


def _direct(lowering: Lowering) -> list[Call] | Illegal:
    calls = direct(lowering)
    return Illegal("operands or types that have no compiled code") if calls is None else calls


def _cost_of_direct(lowering: Lowering) -> float:
    return prod(lowering.outputs[0].dims) * prod(lowering.input(1).dims[1:]) / _rate(lowering)


def _cost_of_winograd(outputs: int) -> Callable[[Lowering], float]:
    """Products of all positions of tiles, and what goes through the transforms at either end."""

    def cost(lowering: Lowering) -> float:
        output, channels = lowering.outputs[0].dims, lowering.input(0).dims[3]
        tiles = output[0] * max(2, -(-output[1] // outputs) * -(-output[2] // outputs))
        columns = max(16, output[3])
        rate = 38_000 if _is_float(lowering) else 60_000
        return tiles * (outputs + 2) ** 2 * (channels * columns / rate + (channels + columns) / 2_500)

    return cost


ALGORITHMS: dict[type[Kernel], tuple[Algorithm, ...]] = {
    Conv2D: (
        Algorithm("direct", _direct, _cost_of_direct),
        Algorithm("winograd2", winograd2, _cost_of_winograd(2)),
        Algorithm("winograd4", winograd4, _cost_of_winograd(4)),
    )
}
"""By reference kernel. `litejit profile --explain` shows what comes of it."""


@lowers(*ALGORITHMS)
def chosen(lowering: Lowering) -> list[Call] | None:
    """The calls of the cheapest legal algorithm."""
    return choose(lowering, ALGORITHMS[type(lowering.kernel)])


def options(lowering: Lowering) -> tuple[Option, ...]:
    """The algorithms for a prepared operator, in the order in which they are tried."""
    return listed(lowering, ALGORITHMS.get(type(lowering.kernel), ()))
