"""CONV_2D with filters of 3 x 3 and stride 1 by Winograd's algorithm F(m x m, 3 x 3), see `native/winograd.py`.

Integers are exact. Filters are transformed by `integer_filters`, G times a factor f (2 for m = 2, 24 for m = 4), so
that G g G' is an integer, and sums over tiles B' d B are f * f times the outputs. Positions are 16-bit values: a tile
of bytes reaches 4 * 128 or 100 * 128; that those of filters fit is looked at. Sums may wrap round, as long as what they
are decoded to does not: 4 times an output, or 64 times one (576 = 9 * 64, and 9 has an inverse modulo 2 ** 32), which
is proved here for every channel from the sums of its positive and of its negative weights.

Floats differ from the exact result by the rounding of sums and transforms: by at most ERROR[m] * sqrt(input channels) *
largest input * sum of a channel's absolute weights, twice what was measured at most. An infinite input makes
not-a-numbers of the outputs of its tiles, since it is taken off itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from litejit.kernels.jit.bands import LATE
from litejit.kernels.jit.call import SLACK, Call, Scratch, Tensor, padded
from litejit.kernels.jit.choosing import Illegal
from litejit.kernels.jit.convolution import float_clamp, stage_of_8_bit
from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.layouts.winograd import TILE_ROWS, WINOGRAD
from litejit.kernels.jit.lowering import Lowering
from litejit.kernels.jit.packing import PERMUTED, largest_sums, panels_of
from litejit.kernels.reference.products import FloatProducts
from litejit.schema import TensorType

__all__ = ["ERROR", "WINOGRAD_2", "WINOGRAD_4", "Scheme", "winograd2", "winograd4"]

BLOCK_BYTES = 384 << 10
"""Of the transformed tiles of a block and of their sums that stay in the second-level cache."""

FEWEST_TILES = 24
"""Blocks are not made smaller for the sake of threads: each of them reads all the weights."""

TRANSFORMATION = 0.25
"""Panels that take as long as it takes to transform the input."""

ROOT, HALF_ROOT = 2**0.5, 0.5**0.5


@dataclass(frozen=True, eq=False)
class Scheme:
    """F(outputs x outputs, 3 x 3).

    integer_filters, float_filters: G [outputs + 2, 3], in integers times a factor. spare: what decoding shifts twice a
    sum to the left at most; it has to fit 32 bits then.
    """

    outputs: int
    integer_filters: np.ndarray
    float_filters: np.ndarray
    spare: int

    @property
    def positions(self) -> int:
        """Values of a tile."""
        return (self.outputs + 2) ** 2


_HALVES = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]])
WINOGRAD_2 = Scheme(2, _HALVES, _HALVES / 2, spare=1)
WINOGRAD_4 = Scheme(
    4,
    # 24 G at the points 0, 1, -1, 2, -2 and infinity; a factor of 4 of the last line is left to the output transform.
    np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 6]]),
    # At 0, +-sqrt(1/2), +-sqrt(2) and infinity.
    np.array(
        [
            [1, 0, 0],
            *([1 / -1.5, point / -1.5, 0.5 / -1.5] for point in (HALF_ROOT, -HALF_ROOT)),
            *([1 / 6, point / 6, 2 / 6] for point in (ROOT, -ROOT)),
            [0, 0, 1],
        ]
    ),
    spare=5,
)

ERROR = {2: 1e-7, 4: 2e-7}
"""Of floats, by m; see above."""


def winograd2(lowering: Lowering) -> list[Call] | Illegal:
    """One call; illegal where the convolution is another one, or sums might not fit."""
    return _winograd(lowering, WINOGRAD_2)


def winograd4(lowering: Lowering) -> list[Call] | Illegal:
    """The same with larger tiles."""
    return _winograd(lowering, WINOGRAD_4)


def _winograd(lowering: Lowering, scheme: Scheme) -> list[Call] | Illegal:
    operands = _operands(lowering)
    if isinstance(operands, Illegal):
        return operands
    products = lowering.kernel.products
    if isinstance(products, FloatProducts):
        packed: dict[str, Any] | Illegal = _packed_floats(scheme, products, *operands)
    else:
        packed = _packed_bytes(scheme, lowering, *operands)
    return packed if isinstance(packed, Illegal) else [_call(lowering, scheme, packed)]


def _operands(lowering: Lowering) -> tuple[np.ndarray, np.ndarray] | Illegal:
    """[out_channels, 3, 3, in_channels] weights and [out_channels] bias of a convolution of the right kind."""
    kernel, filter = lowering.kernel, lowering.input(1)
    windows = [(window.filter_size, window.stride, window.dilation) for window in lowering.windows]
    if any(window != (3, 1, 1) for window in windows):
        return Illegal("the filter is not 3 x 3 with stride 1")
    if kernel.groups > 1:
        return Illegal(f"{kernel.groups} groups of channels")
    bias = lowering.constant_bias(2, filter.dims[0])
    if filter.value is None or bias is None:
        return Illegal("weights or biases are known at run time only")
    if lowering.outputs[0].size == 0:
        return Illegal("the output is empty")
    return kernel.products.weights(filter.value), bias


def _transformed(scheme: Scheme, panels: np.ndarray, dtype: Any) -> np.ndarray:
    """[panels, 9, values] -> [panels, positions, values]; a panel at a time, so that little memory is needed.

    Sums of whole rows: matrix products this small would wait for the threads of NumPy's library most of the time.
    """
    is_float = dtype == np.float32
    lines = scheme.float_filters if is_float else scheme.integer_filters.astype(dtype)
    exact = np.float64 if is_float else dtype  # the caller has seen that 16 bits hold all integers
    result = np.empty((len(panels), scheme.positions, panels.shape[2]), dtype)

    def along(taps: np.ndarray) -> np.ndarray:
        """[3, ...] -> [outputs + 2, ...]"""
        return np.stack([line[0] * taps[0] + line[1] * taps[1] + line[2] * taps[2] for line in lines])

    for panel, taps in zip(result, panels, strict=True):
        rows = along(taps.astype(exact).reshape(3, 3, -1))
        panel[...] = along(rows.swapaxes(0, 1)).swapaxes(0, 1).reshape(panel.shape)
    return padded(result)


def _packed_floats(scheme: Scheme, products: FloatProducts, weights: np.ndarray, bias: np.ndarray) -> dict[str, Any]:
    columns, depth = weights.shape[0], weights.shape[3]
    whole = np.zeros((panels_of(columns) * COLUMNS, 9, depth), np.float32)
    whole[:columns] = weights.reshape(columns, 9, depth)
    panels = whole.reshape(-1, COLUMNS, 9, depth).transpose(0, 2, 3, 1).reshape(-1, 9, depth * COLUMNS)
    low, high = float_clamp(products.activation)
    biases = np.zeros(panels_of(bias.size) * COLUMNS, np.float32)
    biases[: bias.size] = bias
    slots = {"zero_point": 0, "low": low, "high": high, "steps": depth}
    return {"kind": "float", "weights": _transformed(scheme, panels, np.float32), "stage": padded(biases), **slots}


def _packed_bytes(
    scheme: Scheme, lowering: Lowering, weights: np.ndarray, bias: np.ndarray
) -> dict[str, Any] | Illegal:
    products, input = lowering.kernel.products, lowering.input(0)
    matrix = weights.reshape(len(weights), 9, -1).transpose(1, 2, 0)
    # Unsigned bytes are taken less 128.
    less = 128 if input.type == TensorType.UINT8 else 0
    stage = stage_of_8_bit(
        products, matrix, bias.astype(np.int64) + less * matrix.sum((0, 1), dtype=np.int64), slice(None)
    )
    if stage is None or stage.pop("kind") != "int8":
        return Illegal("the arithmetic is another one, sums may leave 32 bits, or a factor is 1/2 or more")
    most, limit = int(largest_sums(matrix, -128, 127).max()), 1 << (30 - scheme.spare)
    if most >= limit:
        return Illegal(f"sums may reach {most}, {limit} is too much")
    columns, _, _, depth = weights.shape
    pairs = -(-depth // 2)
    whole = np.zeros((panels_of(columns) * COLUMNS, 9, 2 * pairs), weights.dtype)
    whole[:columns, :, :depth] = weights.reshape(columns, 9, depth)
    panels = whole.reshape(-1, COLUMNS, 9, pairs, 2)[:, PERMUTED].transpose(0, 2, 3, 1, 4)
    reach = int(np.abs(scheme.integer_filters).sum(1).max()) ** 2 * int(np.abs(whole).max())
    if reach >= 1 << 15:
        return Illegal(f"transformed weights may reach {reach}, more than 16 bits hold")
    return {
        "kind": "int8",
        "weights": _transformed(scheme, panels.reshape(len(panels), 9, -1), np.int16),
        "steps": pairs,
        **stage,
    }


def _call(lowering: Lowering, scheme: Scheme, packed: dict[str, Any]) -> Call:
    input, output, kind = lowering.input(0), lowering.outputs[0], packed.pop("kind")
    item_bytes, lanes = (4, 8) if kind == "float" else (1, 16)
    (images, height, width, channels), columns = output.dims[:1] + input.dims[1:], output.dims[3]
    down, across = (-(-size // scheme.outputs) for size in output.dims[1:3])
    tiles, positions = down * across, scheme.positions
    row_bytes = -(-channels // lanes) * 32
    panels = panels_of(columns)
    pieces = 1 if lowering.threads == 1 else -(-3 * lowering.threads // images)
    for_threads = max(1, min(pieces, tiles // FEWEST_TILES))
    blocks = max(_blocks(tiles, positions * (row_bytes + 64), packed["weights"].nbytes, panels), for_threads)
    block_tiles = -(-tiles // (blocks * TILE_ROWS)) * TILE_ROWS
    blocks = -(-tiles // block_tiles)
    group_panels = _group_panels(panels, images * blocks, lowering.threads)
    # A cache line between positions keeps them from sharing places in the caches.
    plane_bytes, sum_bytes = block_tiles * row_bytes + 64, block_tiles * 64 + 64
    sums = positions * plane_bytes
    border = sums + positions * sum_bytes
    outside = border + -(-positions * channels * item_bytes // 64) * 64 + SLACK
    values = {
        "source": Tensor(input.index),
        "image_bytes": prod(input.dims[1:]) * item_bytes,
        "height": height,
        "width": width,
        "channels": channels,
        "flip": 128 if input.type == TensorType.UINT8 else 0,
        "pad_value": 0 if kind == "float" else input.zero_point,
        "top": lowering.windows[0].before,
        "left": lowering.windows[1].before,
        "across": across,
        "tiles": tiles,
        "block_tiles": block_tiles,
        "blocks": blocks,
        "panel_groups": -(-panels // group_panels),
        "group_panels": group_panels,
        "row_bytes": row_bytes,
        "plane_bytes": plane_bytes,
        "sum_bytes": sum_bytes,
        "position_bytes": packed["weights"].nbytes // panels // positions,
        "panel_bytes": packed["weights"].nbytes // panels,
        "panels": panels,
        "out": Tensor(output.index),
        "out_height": output.dims[1],
        "out_width": output.dims[2],
        "out_channels": columns,
        "scratch": Scratch(),
        "scratch_bytes": outside + 2 * SLACK,
        "sums": sums,
        "border": border,
        "outside": outside,
        **packed,
    }
    return Call(
        f"winograd.{kind}_{scheme.outputs}",
        WINOGRAD,
        values,
        items=images * blocks * values["panel_groups"],
        scratch_bytes=values["scratch_bytes"],
        work=prod(output.dims) * channels * 9,
    )


def _group_panels(panels: int, blocks: int, threads: int) -> int:
    """Panels of a group with which threads are done first. Each group of a block transforms it anew."""

    def time(group_panels: int) -> float:
        items = blocks * -(-panels // group_panels)
        return (-(-items // threads) + LATE) * (group_panels + TRANSFORMATION)

    return panels if threads == 1 else min(range(panels, 0, -1), key=time)


def _blocks(tiles: int, tile_bytes: int, weights_bytes: int, panels: int) -> int:
    """How many blocks read least: every block reads all weights, one that leaves the cache itself for every panel."""
    fitting = max(1, BLOCK_BYTES // tile_bytes // TILE_ROWS) * TILE_ROWS
    blocks = -(-tiles // fitting)
    return 1 if weights_bytes + panels * tiles * tile_bytes < blocks * weights_bytes else blocks
