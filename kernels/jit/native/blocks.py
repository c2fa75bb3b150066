"""Products of rows that are quantized on the fly with integer weights that have a scale for each block of the depth."""

from __future__ import annotations

from numba import float32, int32

from litejit.kernels.jit.layouts.blocks import BLOCKS
from litejit.kernels.jit.native.products import product_tile
from litejit.kernels.jit.native.quantizing import quantize_part, row_extremes, row_parameters
from litejit.kernels.jit.native.simd import (
    getters,
    load_f32x8,
    load_i32x8,
    splat_f32x8,
    splat_i32x8,
    store,
    store_first,
    to_f32x8,
)
from litejit.kernels.jit.native.stages import STAGES
from litejit.kernels.jit.native.tiles import INT8_PAIRS

get, _ = getters(BLOCKS)

_tile = product_tile(STAGES["plain"], INT8_PAIRS, 1, 4)
_COLUMNS = 64
_WIDTH = 4 * _COLUMNS
"""Bytes of the columns of a tile."""


def multiply(args, first, last, rank):
    """Bit for bit what `BlockMatrix` of the reference tier gives: exact sums of blocks, floats from there on."""
    depth, size, blocks, columns = (
        get(args, "depth"),
        get(args, "block_size"),
        get(args, "blocks"),
        get(args, "columns"),
    )
    panels, group_panels, groups = get(args, "panels"), get(args, "group_panels"), get(args, "groups")
    panel_bytes, zeros, nothing = get(args, "panel_bytes"), get(args, "zeros"), get(args, "nothing")
    products = get(args, "scratch") + rank * get(args, "scratch_bytes")
    totals, values = products + _WIDTH, products + 2 * _WIDTH
    for item in range(first, last):
        row, group = item // groups, item % groups
        source = get(args, "source") + 4 * row * depth
        low, high, most = row_extremes(source, depth)
        scale, inverse, zero_point, least, way = row_parameters(source, depth, low, high, most, 0)
        quantize_part(source, values, depth, depth // 8 * 8, inverse, zero_point, least, way)
        offset, real, factor = splat_i32x8(int32(zero_point)), splat_f32x8(float32(zero_point)), splat_f32x8(scale)
        for panel in range(group * group_panels, min(panels, (group + 1) * group_panels), 4):
            column = 16 * panel
            for j in range(0, _WIDTH, 32):
                store(totals + j, splat_f32x8(0.0))
            for block in range(blocks):
                _tile(
                    values + 2 * block * size, zeros, zeros, 1, size // 2,
                    get(args, "weights") + panel * panel_bytes + 16 * block * size, panel_bytes, nothing, products,
                    zeros, zeros, 0, 0, 0, 0, _COLUMNS,
                )  # fmt: skip
                table = 4 * (16 * panels * block + column)
                for j in range(0, _WIDTH, 32):
                    total = load_i32x8(products + j) + offset * load_i32x8(get(args, "sums") + table + j)
                    part = to_f32x8(total) * load_f32x8(get(args, "scales") + table + j)
                    store(totals + j, load_f32x8(totals + j) + part)
            out = get(args, "out") + 4 * (row * columns + column)
            for j in range(0, _COLUMNS, 8):
                at = 4 * (column + j)
                x = load_f32x8(totals + 4 * j) - real * load_f32x8(get(args, "column_sums") + at)
                store_first(out + 4 * j, x * factor + load_f32x8(get(args, "bias") + at), columns - column - j)
