"""Elements to another type: by value, and from one quantized type to another."""

from __future__ import annotations

from typing import Any

from numba import float32, int8, int16, int32, int64, uint8

from litejit.kernels.jit.native.bytes import wide_words
from litejit.kernels.jit.native.elements import element, over_pieces
from litejit.kernels.jit.native.fixedpoint import rescaled
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import (
    bits_of_f32x8,
    f32x8_of_bits,
    load_f32,
    load_i8,
    load_i16,
    load_i32,
    load_i64,
    load_u8,
    select,
    splat_f32x8,
    splat_i32x8,
    store,
    store_first,
)

_SOURCES = {
    # name: load, bytes
    "i8": (load_i8, 1),
    "u8": (load_u8, 1),
    "i16": (load_i16, 2),
    "i32": (load_i32, 4),
    "i64": (load_i64, 8),
    "f32": (load_f32, 4),
}
_TARGETS = {
    # name: type, bytes, lowest and highest value
    "i8": (int8, 1, -(1 << 7), (1 << 7) - 1),
    "u8": (uint8, 1, 0, (1 << 8) - 1),
    "i16": (int16, 2, -(1 << 15), (1 << 15) - 1),
    "i32": (int32, 4, -(1 << 31), (1 << 31) - 1),
    "i64": (int64, 8, -(1 << 63), (1 << 63) - 1),
    "f32": (float32, 4, 0, 0),
}


def _cast(source: str, target: str) -> Any:
    """A kernel of conversions by value: integers wrap around."""
    load, source_bytes = _SOURCES[source]
    dtype, target_bytes, _, _ = _TARGETS[target]

    @inline
    def run(args, source, out, count):
        for at in range(count):
            store(out + at * target_bytes, dtype(load(source + at * source_bytes)))

    return over_pieces(run, source_bytes, target_bytes)


def _saturating(target: str) -> Any:
    """A kernel from floats towards zero; what is too large becomes the bound, and so does what is not a number."""
    dtype, target_bytes, low, high = _TARGETS[target]
    above, below = float32(high + 1), float32(low)

    @inline
    def run(args, source, out, count):
        for at in range(count):
            x = load_f32(source + 4 * at)
            store(out + at * target_bytes, dtype(high) if not x < above else dtype(low) if x < below else dtype(int(x)))

    return over_pieces(run, 4, target_bytes)


def _truth(source: str) -> Any:
    """A kernel to booleans."""
    load, source_bytes = _SOURCES[source]

    @inline
    def run(args, source, out, count):
        for at in range(count):
            store(out + at, uint8(1 if load(source + at * source_bytes) != 0 else 0))

    return over_pieces(run, source_bytes, 1)


def _requantize(source: str, target: str) -> Any:
    """A kernel of rescale(q - p2, multiplier p0, p1) + p3, clamped to p4 .. p5."""
    load, source_bytes = _SOURCES[source]
    dtype, target_bytes, _, _ = _TARGETS[target]

    @inline
    def run(args, source, out, count):
        mantissa, exponent, before, after = (
            element(args, "p0"), element(args, "p1"), element(args, "p2"), element(args, "p3"),
        )  # fmt: skip
        low, high = element(args, "p4"), element(args, "p5")
        for at in range(count):
            x = rescaled(int(load(source + at * source_bytes)) - before, mantissa, exponent) + after
            store(out + at * target_bytes, dtype(min(max(x, low), high)))

    return over_pieces(run, source_bytes, target_bytes)


@inline
def _of_halves(args, source, out, count):
    """float16 to float32: the exponent is moved up by a product, which makes subnormal numbers normal."""
    for at in range(0, count, 8):
        bits = wide_words(source + 2 * at)
        magnitude = bits & splat_i32x8(0x7FFF)
        scaled = f32x8_of_bits(magnitude << splat_i32x8(13)) * splat_f32x8(5.192296858534828e33)
        special = f32x8_of_bits((magnitude << splat_i32x8(13)) | splat_i32x8(0x7F800000))
        result = select(magnitude >= splat_i32x8(0x7C00), special, scaled)
        signs = bits & splat_i32x8(-2147483648)
        store_first(out + 4 * at, f32x8_of_bits(bits_of_f32x8(result) | signs), count - at)


f16_to_f32 = over_pieces(_of_halves, 2, 4)

globals().update(
    {f"{source}_to_{target}": _cast(source, target) for source in _SOURCES if source != "f32" for target in _TARGETS}
    | {f"f32_to_{target}": _saturating(target) for target in _TARGETS if target != "f32"}
    | {f"{source}_to_bool": _truth(source) for source in _SOURCES}
    | {
        f"{source}_as_{target}": _requantize(source, target)
        for source in ("i16", "i32")
        for target in ("i8", "i16", "i32")
    }
)
