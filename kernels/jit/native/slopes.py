"""Bytes along a line with a bend at their zero point, in 16 bits: where that was proved equal to what is wanted."""

from __future__ import annotations

from llvmlite import ir
from numba.extending import intrinsic

from litejit.kernels.jit.native.bytes import store_first_bytes
from litejit.kernels.jit.native.elements import element, over_pieces
from litejit.kernels.jit.native.emission import I8, I16, I32, emit_call, emit_constant, emit_max, emit_min, emit_shuffle
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import i8x32, load_i8x16, select, splat_i8x32, splat_i16x16, store, widen_i8x16
from litejit.kernels.jit.target import has_feature

_WORDS, _WIDE = ir.VectorType(I16, 16), ir.VectorType(I32, 16)


@intrinsic
def _product(context, x, y):
    """i16x16: (x * y + 2 ** 14) >> 15."""

    def emit(c, b, s, a):
        if has_feature("avx2"):
            return emit_call(b, "llvm.x86.avx2.pmul.hr.sw", _WORDS, *a)
        product = b.mul(b.sext(a[0], _WIDE), b.sext(a[1], _WIDE))
        rounded = b.add(product, emit_constant(_WIDE, 1 << 14))
        return b.trunc(b.ashr(rounded, emit_constant(_WIDE, 15)), _WORDS)

    return x(x, y), emit


@intrinsic
def _packed(context, x, y):
    """Two i16x16 -> i8x32, saturated."""

    def emit(c, b, s, a):
        bytes, longs = ir.VectorType(I8, 32), ir.VectorType(ir.IntType(64), 4)
        if has_feature("avx2"):
            mixed = b.bitcast(emit_call(b, "llvm.x86.avx2.packsswb", bytes, *a), longs)
            return b.bitcast(emit_shuffle(b, mixed, mixed, [0, 2, 1, 3]), bytes)
        low, high = emit_constant(_WORDS, -128), emit_constant(_WORDS, 127)
        parts = [b.trunc(emit_min(b, emit_max(b, part, low), high), ir.VectorType(I8, 16)) for part in a]
        return emit_shuffle(b, *parts, range(32))

    return i8x32(x, y), emit


@inline
def _words(address, c):
    """16 distances from the zero point, shifted."""
    return ((widen_i8x16(load_i8x16(address)) & c[0]) - c[1]) << c[2]


@inline
def _line(x, c):
    return _product(x, c[3]) + c[5]


@inline
def _bent(x, c):
    return _product(x, select(x < splat_i16x16(0), c[4], c[3])) + c[5]


@inline
def _run(args, source, out, count):
    """p0: mask of a byte; p1: what turns results; p2, p3: zero points; p4: shift; p5: factors above, below."""
    turn, factors = splat_i8x32(element(args, "p1")), element(args, "p5")
    c = (
        splat_i16x16(element(args, "p0")),
        splat_i16x16(element(args, "p2")),
        splat_i16x16(element(args, "p4")),
        splat_i16x16(factors >> 16),
        splat_i16x16(factors),
        splat_i16x16(element(args, "p3")),
    )
    whole = count & -32
    if (factors >> 16) & 0xFFFF == factors & 0xFFFF:
        for at in range(0, whole, 32):
            x, y = _words(source + at, c), _words(source + at + 16, c)
            store(out + at, _packed(_line(x, c), _line(y, c)) ^ turn)
    else:
        for at in range(0, whole, 32):
            x, y = _words(source + at, c), _words(source + at + 16, c)
            store(out + at, _packed(_bent(x, c), _bent(y, c)) ^ turn)
    if whole < count:
        x, y = _words(source + whole, c), _words(source + whole + 16, c)
        store_first_bytes(out + whole, _packed(_bent(x, c), _bent(y, c)) ^ turn, count - whole)


bytes = over_pieces(_run, 1, 1)
