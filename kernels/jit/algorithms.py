"""CONV_2D and DEPTHWISE_CONV_2D on the fast tier: the algorithms that may compute them, and what each should cost.

Another algorithm is one more line of ALGORITHMS: a function that makes the calls or says why not, and a cost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf, prod

from litejit.kernels.jit import depthwise
from litejit.kernels.jit.call import Call
from litejit.kernels.jit.choosing import Algorithm, Illegal, Option, choose, listed
from litejit.kernels.jit.convolution import INNER, SPLIT, direct, multiplies_bytes
from litejit.kernels.jit.forced import forced
from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.layouts.splitting import QUAD, QUADS
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.jit.packing import panels_of
from litejit.kernels.jit.splitting import share_of_extra_steps, some_filters
from litejit.kernels.jit.target import cpu, has_feature
from litejit.kernels.jit.winograd import winograd2, winograd4
from litejit.kernels.kernel import Kernel
from litejit.kernels.reference.convolution import Conv2D, DepthwiseConv2D
from litejit.schema import TensorType

__all__ = ["ALGORITHMS", "options", "time_of_direct", "time_of_split"]


def _is_float(lowering: Lowering) -> bool:
    return lowering.input(0).type == TensorType.FLOAT32


@dataclass(frozen=True)
class Rates:
    """What a core gets done in a microsecond, measured on a Zen 3 core; only what is quicker than what counts.

    products: multiply-adds of tiles in registers. positions: values that go into or come out of transforms, by the size
    of a tile of outputs. weights: bytes of packed weights, which come from farther away than anything else.
    """

    products: float
    positions: dict[int, float]
    weights: float


FLOATS = Rates(47_000, {2: 6_900, 4: 3_000}, 27_000)
BYTES = Rates(76_000, {2: 14_700, 4: 5_800}, 27_000)
DOT_PRODUCTS = replace(BYTES, products=150_000)
"""Where four products of bytes as they are are one instruction, of the direct algorithm alone."""

SPLIT_BYTES = replace(BYTES, products=115_000)
"""Of bytes whose weights have been split."""

SPLIT_APART = replace(BYTES, products=10_000)
"""The same where a processor has no instruction for it."""

INNER_BYTES = replace(BYTES, products=81_000)
"""Of bytes, two products by one multiplication; rows are copied meanwhile."""

INNER_APART = replace(BYTES, products=60_000)
"""The same where a processor multiplies as many 16-bit numbers as it adds, or has better for it."""

FEW_MULTIPLIERS = ("haswell", "broadwell", "znver1", "znver2", "znver3")
"""Processors that add 16-bit numbers in two or more times as many ports as they multiply them in.

Measured on znver3, which has two ports for multiplications; the others have one by published tables, not measured.
"""

EXTRA_STEP = 0.65
"""What an extra step takes, of the time of a step."""


def _direct(lowering: Lowering) -> list[Call] | Illegal:
    calls = direct(lowering)
    return Illegal("operands or types that have no compiled code") if calls is None else calls


def _split(lowering: Lowering) -> list[Call] | Illegal:
    if lowering.input(0).type != TensorType.UINT8:
        return Illegal("the input is not UINT8")
    calls = direct(lowering, SPLIT)
    return Illegal("operands or factors that have no compiled code") if calls is None else calls


def _inner(lowering: Lowering) -> list[Call] | Illegal:
    if _is_float(lowering):
        return Illegal("the input is not of bytes")
    calls = direct(lowering, INNER)
    return Illegal("not single pixels of 16, 32, 48, … channels, or no compiled code") if calls is None else calls


def _cost_of_direct(lowering: Lowering) -> float:
    is_bytes = lowering.input(0).type == TensorType.INT8 and multiplies_bytes()
    rates = FLOATS if _is_float(lowering) else DOT_PRODUCTS if is_bytes else BYTES
    filter = lowering.input(1).dims
    products = prod(lowering.outputs[0].dims[:3]) * _columns(lowering) * prod(filter[1:])
    return products / rates.products + prod(filter) * _item_bytes(lowering) / rates.weights


def _cost_of_split(lowering: Lowering) -> float:
    """Of steps, one more for each tile, and as many extra steps as have been seen in some of the weights."""
    filter, rates = lowering.input(1), SPLIT_BYTES if has_feature("avx2") else SPLIT_APART
    (_, height, width, channels), step = filter.dims, QUADS * QUAD
    steps, share = height * -(-width * channels // step), 0.0
    if filter.value is not None and lowering.input(0).type == TensorType.UINT8:
        share = share_of_extra_steps(lowering.kernel.products.weights(some_filters(filter.value)))
    products = prod(lowering.outputs[0].dims[:3]) * _columns(lowering) * step * (steps * (1 + EXTRA_STEP * share) + 1)
    return products / rates.products + prod(filter.dims) / rates.weights


def time_of_split(lowering: Lowering) -> float:
    """What splitting weights is estimated to take of the time of the direct algorithm; 1 where that is quicker."""
    others = {algorithm.name for algorithm in ALGORITHMS[Conv2D]} - {"split"}
    if lowering.input(0).type != TensorType.UINT8 or forced() & others:
        return 1.0
    return min(1.0, _cost_of_split(lowering) / _cost_of_direct(lowering))


def time_of_direct(lowering: Lowering) -> float:
    """Estimated microseconds of the direct algorithm; of a depthwise convolution of bytes, rescaled in floats."""
    if isinstance(lowering.kernel, Conv2D):
        return _cost_of_direct(lowering)
    return _cost_of_depthwise("direct" if _is_float(lowering) else "proved")(lowering)


def _cost_of_inner(lowering: Lowering) -> float:
    """Of whole tiles."""
    rates = INNER_BYTES if cpu()[0] in FEW_MULTIPLIERS else INNER_APART
    filter, pixels = lowering.input(1).dims, prod(lowering.outputs[0].dims[:3])
    products = -(-pixels // INNER.tiles[0]) * INNER.tiles[0] * _columns(lowering) * prod(filter[1:])
    return products / rates.products + prod(filter) * _item_bytes(lowering) / rates.weights


def _cost_of_winograd(outputs: int) -> Callable[[Lowering], float]:
    """Of all positions of all tiles: the products, the transforms at either end, and the transformed weights."""

    def cost(lowering: Lowering) -> float:
        rates = FLOATS if _is_float(lowering) else BYTES
        (images, height, width, _), channels = lowering.outputs[0].dims, lowering.input(0).dims[3]
        # An even number of tiles is computed at once, two at least.
        tiles = images * ((-(-height // outputs) * -(-width // outputs) + 1) // 2 * 2)
        positions, columns = (outputs + 2) ** 2, _columns(lowering)
        products = tiles * channels * columns / rates.products
        transforms = tiles * (channels + columns) / rates.positions[outputs]
        weights = channels * columns * _item_bytes(lowering) / rates.weights
        return positions * (products + transforms + weights)

    return cost


@dataclass(frozen=True)
class DepthwiseRates:
    """What a core gets done in a microsecond: products of single channels, elements copied, results rescaled."""

    products: float
    elements: float = inf
    results: float = inf


DEPTHWISE = {
    "direct": DepthwiseRates(19_000),
    "proved": DepthwiseRates(60_000, 8_600, 8_500),
    "fixed": DepthwiseRates(60_000, 8_600, 4_300),
}


def _cost_of_depthwise(name: str) -> Callable[[Lowering], float]:
    """Of whole panels of channels."""

    def cost(lowering: Lowering) -> float:
        (height, width), rates = lowering.input(1).dims[1:3], DEPTHWISE[name]
        columns, input = _columns(lowering), lowering.input(0).dims
        outputs = prod(lowering.outputs[0].dims[:3]) * columns
        if name == "direct" and not _is_float(lowering):
            return outputs * height * width / BYTES.products
        copied = prod(input[:3]) * columns
        return outputs * height * width / rates.products + copied / rates.elements + outputs / rates.results

    return cost


def _columns(lowering: Lowering) -> int:
    """Output channels, whole panels of them."""
    return panels_of(lowering.outputs[0].dims[3]) * COLUMNS


def _item_bytes(lowering: Lowering) -> int:
    """Of packed weights."""
    return 4 if _is_float(lowering) else 2


ALGORITHMS: dict[type[Kernel], tuple[Algorithm, ...]] = {
    Conv2D: (
        Algorithm("direct", _direct, _cost_of_direct),
        Algorithm("split", _split, _cost_of_split),
        Algorithm("inner", _inner, _cost_of_inner),
        Algorithm("winograd2", winograd2, _cost_of_winograd(2)),
        Algorithm("winograd4", winograd4, _cost_of_winograd(4)),
    ),
    DepthwiseConv2D: (
        Algorithm("direct", depthwise.direct, _cost_of_depthwise("direct")),
        Algorithm("proved", depthwise.proved, _cost_of_depthwise("proved")),
        Algorithm("fixed", depthwise.fixed, _cost_of_depthwise("fixed")),
    ),
}
"""By reference kernel. `litejit profile --explain` shows what comes of it."""


@lowers(*ALGORITHMS)
def chosen(lowering: Lowering) -> list[Call] | None:
    """The calls of the cheapest legal algorithm."""
    return choose(lowering, ALGORITHMS[type(lowering.kernel)])


def options(lowering: Lowering) -> tuple[Option, ...]:
    """The algorithms for a prepared operator, in the order in which they are tried."""
    return listed(lowering, ALGORITHMS.get(type(lowering.kernel), ()))
