"""Pooling: an output row at a time, each pixel over blocks of channels."""

from __future__ import annotations

from typing import Any

from litejit.kernels.jit.layouts.pooling import POOL
from litejit.kernels.jit.native.bytes import as_bytes, pack_bytes, store_bytes_within, wide_bytes, wide_words
from litejit.kernels.jit.native.elements import store_within
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import (
    absolute,
    getters,
    load_f32x8,
    load_i8x32,
    load_i16x16,
    maximum,
    minimum,
    narrow_i32x8_i16,
    select,
    splat_f32x8,
    splat_i8x32,
    splat_i16x16,
    splat_i32x8,
    store,
    to_f32x8,
    to_i32x8,
    trunc,
)

get, get_float = getters(POOL)


def _over_windows(pool: Any, size: int) -> Any:
    """A kernel of pool(args, source, out, rows, columns, row pitch, channels, room).

    source: a window's first pixel; rows, columns: its extent; size: bytes of an element. room: elements from `out` on
    that this pixel and those after it will fill.
    """

    def kernel(args, first, last, rank):
        height, width, channels = get(args, "height"), get(args, "width"), get(args, "channels")
        out_height, out_width = get(args, "out_height"), get(args, "out_width")
        filter_height, filter_width = get(args, "filter_height"), get(args, "filter_width")
        stride_height, stride_width = get(args, "stride_height"), get(args, "stride_width")
        pixel = channels * size
        for item in range(first, last):
            image, out_y = item // out_height, item % out_height
            top = out_y * stride_height - get(args, "top")
            begin_y, end_y = max(top, 0), min(top + filter_height, height)
            source = get(args, "source") + (image * height + begin_y) * width * pixel
            out = get(args, "out") + item * out_width * pixel
            for out_x in range(out_width):
                left = out_x * stride_width - get(args, "left")
                begin_x, end_x = max(left, 0), min(left + filter_width, width)
                window = source + begin_x * pixel
                room = (out_width - out_x) * channels
                rows, columns = end_y - begin_y, end_x - begin_x
                # Loops over the usual windows are unrolled.
                if rows == 2 and columns == 2:
                    pool(args, window, out, 2, 2, width * pixel, channels, room)
                elif rows == 3 and columns == 3:
                    pool(args, window, out, 3, 3, width * pixel, channels, room)
                else:
                    pool(args, window, out, rows, columns, width * pixel, channels, room)
                out += pixel

    return kernel


@inline
def _largest_floats(args, source, out, rows, columns, pitch, channels, room):
    low, high = splat_f32x8(get_float(args, "low")), splat_f32x8(get_float(args, "high"))
    start = splat_f32x8(-3.4028234663852886e38)
    for channel in range(0, channels & -32, 32):
        b0, b1, b2, b3 = start, start, start, start
        for y in range(rows):
            at = source + y * pitch + 4 * channel
            for _ in range(columns):
                b0, b1 = maximum(load_f32x8(at), b0), maximum(load_f32x8(at + 32), b1)
                b2, b3 = maximum(load_f32x8(at + 64), b2), maximum(load_f32x8(at + 96), b3)
                at += 4 * channels
        store(out + 4 * channel, minimum(high, maximum(low, b0)))
        store(out + 4 * channel + 32, minimum(high, maximum(low, b1)))
        store(out + 4 * channel + 64, minimum(high, maximum(low, b2)))
        store(out + 4 * channel + 96, minimum(high, maximum(low, b3)))
    for channel in range(channels & -32, channels, 8):
        best = start
        for y in range(rows):
            at = source + y * pitch + 4 * channel
            for _ in range(columns):
                best = maximum(load_f32x8(at), best)
                at += 4 * channels
        result = minimum(high, maximum(low, best))
        store_within(out + 4 * channel, result, channels - channel, room - channel, 8)


@inline
def _mean_floats(args, source, out, rows, columns, pitch, channels, room):
    low, high = splat_f32x8(get_float(args, "low")), splat_f32x8(get_float(args, "high"))
    share = splat_f32x8(1.0) / splat_f32x8(rows * columns)
    zero = splat_f32x8(0.0)
    for channel in range(0, channels & -32, 32):
        t0, t1, t2, t3 = zero, zero, zero, zero
        for y in range(rows):
            at = source + y * pitch + 4 * channel
            for _ in range(columns):
                t0, t1 = t0 + load_f32x8(at), t1 + load_f32x8(at + 32)
                t2, t3 = t2 + load_f32x8(at + 64), t3 + load_f32x8(at + 96)
                at += 4 * channels
        store(out + 4 * channel, minimum(high, maximum(low, t0 * share)))
        store(out + 4 * channel + 32, minimum(high, maximum(low, t1 * share)))
        store(out + 4 * channel + 64, minimum(high, maximum(low, t2 * share)))
        store(out + 4 * channel + 96, minimum(high, maximum(low, t3 * share)))
    for channel in range(channels & -32, channels, 8):
        total = zero
        for y in range(rows):
            at = source + y * pitch + 4 * channel
            for _ in range(columns):
                total = total + load_f32x8(at)
                at += 4 * channels
        result = minimum(high, maximum(low, total * share))
        store_within(out + 4 * channel, result, channels - channel, room - channel, 8)


@inline
def _largest_bytes(args, source, out, rows, columns, pitch, channels, room):
    flip = splat_i8x32(-128 if get(args, "mask") == 255 else 0)
    low, high = splat_i8x32(get(args, "low")), splat_i8x32(get(args, "high"))
    for channel in range(0, channels & -64, 64):
        b0, b1 = splat_i8x32(-128), splat_i8x32(-128)
        for y in range(rows):
            at = source + y * pitch + channel
            for _ in range(columns):
                b0, b1 = maximum(load_i8x32(at) ^ flip, b0), maximum(load_i8x32(at + 32) ^ flip, b1)
                at += channels
        store(out + channel, minimum(maximum(b0, low), high) ^ flip)
        store(out + channel + 32, minimum(maximum(b1, low), high) ^ flip)
    for channel in range(channels & -64, channels, 32):
        best = splat_i8x32(-128)
        for y in range(rows):
            at = source + y * pitch + channel
            for _ in range(columns):
                best = maximum(load_i8x32(at) ^ flip, best)
                at += channels
        result = minimum(maximum(best, low), high) ^ flip
        store_bytes_within(out + channel, result, channels - channel, room - channel)


@inline
def _divided(total, half, count, bias):
    """Sums below 2**24, divided and rounded half away from zero, less the bias: exact in floats."""
    x = to_f32x8(total)
    size = trunc((absolute(x) + half) / count)
    return to_i32x8(select(x < splat_f32x8(0.0), splat_f32x8(0.0) - size, size)) - bias


@inline
def _mean_bytes(args, source, out, rows, columns, pitch, channels, room):
    signs = get(args, "mask")
    mask, bias = splat_i32x8(signs), splat_i32x8(128 if signs == 255 else 0)
    flip = splat_i8x32(-128 if signs == 255 else 0)
    low, high = splat_i8x32(get(args, "low")), splat_i8x32(get(args, "high"))
    count, half = splat_f32x8(rows * columns), splat_f32x8(rows * columns // 2)
    for channel in range(0, channels, 32):
        t0, t1, t2, t3 = splat_i32x8(0), splat_i32x8(0), splat_i32x8(0), splat_i32x8(0)
        for y in range(rows):
            at = source + y * pitch + channel
            for _ in range(columns):
                t0 = t0 + wide_bytes(at, mask)
                t1 = t1 + wide_bytes(at + 8, mask)
                t2 = t2 + wide_bytes(at + 16, mask)
                t3 = t3 + wide_bytes(at + 24, mask)
                at += channels
        packed = pack_bytes(
            _divided(t0, half, count, bias),
            _divided(t1, half, count, bias),
            _divided(t2, half, count, bias),
            _divided(t3, half, count, bias),
        )
        result = minimum(maximum(packed, low), high) ^ flip
        store_bytes_within(out + channel, result, channels - channel, room - channel)


@inline
def _largest_words(args, source, out, rows, columns, pitch, channels, room):
    low, high = splat_i16x16(get(args, "low")), splat_i16x16(get(args, "high"))
    for channel in range(0, channels, 16):
        best = splat_i16x16(-32768)
        for y in range(rows):
            at = source + y * pitch + 2 * channel
            for _ in range(columns):
                best = maximum(load_i16x16(at), best)
                at += 2 * channels
        result = as_bytes(minimum(maximum(best, low), high))
        store_bytes_within(out + 2 * channel, result, 2 * (channels - channel), 2 * (room - channel))


@inline
def _mean_words(args, source, out, rows, columns, pitch, channels, room):
    low, high = splat_i32x8(get(args, "low")), splat_i32x8(get(args, "high"))
    count, half = splat_f32x8(rows * columns), splat_f32x8(rows * columns // 2)
    for channel in range(0, channels, 8):
        sums = splat_i32x8(0)
        for y in range(rows):
            at = source + y * pitch + 2 * channel
            for _ in range(columns):
                sums = sums + wide_words(at)
                at += 2 * channels
        mean = minimum(maximum(_divided(sums, half, count, splat_i32x8(0)), low), high)
        store_within(out + 2 * channel, narrow_i32x8_i16(mean), channels - channel, room - channel, 8)


max_f32, mean_f32 = _over_windows(_largest_floats, 4), _over_windows(_mean_floats, 4)
max_bytes, mean_bytes = _over_windows(_largest_bytes, 1), _over_windows(_mean_bytes, 1)
max_words, mean_words = _over_windows(_largest_words, 2), _over_windows(_mean_words, 2)
