"""Convolutions of volumes by filters that are not finite: products with the zeros of the margin are left out."""

from __future__ import annotations

from numba import float32

from litejit.kernels.jit.layouts.volumes import WITHOUT_MARGIN
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import getters, load_f32, load_i32, load_i64, store

get, get_float = getters(WITHOUT_MARGIN)

_EXPONENT = 0x7F800000


@inline
def _is_finite(source, size):
    odd = 0
    for at in range(size):
        odd |= int(load_i32(source + 4 * at) & _EXPONENT == _EXPONENT)
    return odd == 0


@inline
def _first(args, axis, at):
    """Where a window begins along an axis; below 0 in the margin."""
    return at * load_i64(get(args, "strides") + 8 * axis) - load_i64(get(args, "before") + 8 * axis)


@inline
def _inside(args, axis, at):
    return at >= 0 and at < load_i64(get(args, "in_sizes") + 8 * axis)


@inline
def _sum(args, batch, z, y, x, column):
    """One sum over the taps inside of the volume."""
    in_sizes, taps, dilations = get(args, "in_sizes"), get(args, "filter_sizes"), get(args, "dilations")
    channels, columns, total = get(args, "channels"), get(args, "columns"), float32(0)
    for tap_z in range(load_i64(taps)):
        at_z = z + tap_z * load_i64(dilations)
        for tap_y in range(load_i64(taps + 8)):
            at_y = y + tap_y * load_i64(dilations + 8)
            for tap_x in range(load_i64(taps + 16)):
                at_x = x + tap_x * load_i64(dilations + 16)
                if _inside(args, 0, at_z) and _inside(args, 1, at_y) and _inside(args, 2, at_x):
                    pixel = ((batch * load_i64(in_sizes) + at_z) * load_i64(in_sizes + 8) + at_y) * load_i64(
                        in_sizes + 16
                    ) + at_x
                    tap = (tap_z * load_i64(taps + 8) + tap_y) * load_i64(taps + 16) + tap_x
                    source = get(args, "source") + 4 * pixel * channels
                    weight = get(args, "filter") + 4 * (tap * channels * columns + column)
                    for channel in range(channels):
                        total += load_f32(source + 4 * channel) * load_f32(weight + 4 * channel * columns)
    return total


def without_margin(args, first, last, rank):
    """Computes planes of the output again, one sum after the other, unless the filter is finite."""
    if _is_finite(get(args, "filter"), get(args, "filter_size")):
        return
    sizes, columns = get(args, "out_sizes"), get(args, "columns")
    low, high = float32(get_float(args, "low")), float32(get_float(args, "high"))
    depth, height, width = load_i64(sizes), load_i64(sizes + 8), load_i64(sizes + 16)
    for plane in range(first, last):
        z, out = _first(args, 0, plane % depth), get(args, "out") + 4 * plane * height * width * columns
        for pixel in range(height * width):
            y, x = _first(args, 1, pixel // width), _first(args, 2, pixel % width)
            for column in range(columns):
                value = _sum(args, plane // depth, z, y, x, column) + load_f32(get(args, "bias") + 4 * column)
                value = low if value < low else value
                store(out + 4 * (pixel * columns + column), high if value > high else value)
