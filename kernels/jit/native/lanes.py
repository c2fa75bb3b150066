"""Primitives for vectors of any number of lanes, so that one formula serves 8 floats, or 16 in two chains.

A processor keeps some dozens of waiting instructions: of one long chain after the other it sees two or three at a time,
of two chains side by side four. A vector of 16 floats is two registers, whose instructions LLVM puts side by side.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from litejit.kernels.jit.native.emission import F32, I32, I64, emit_call, emit_load, emit_shuffle, emit_splat
from litejit.kernels.jit.native.simd import Vec, f32x16
from litejit.kernels.jit.target import has_feature

__all__ = [
    "all_of",
    "bits_of",
    "first_of",
    "floats_of_bits",
    "like",
    "load_f32x16",
    "rough_rsqrt",
    "to_floats",
    "to_integers",
]


@intrinsic
def like(context, x, value):
    """A float64 or an int64 in every lane of a vector like x."""

    def emit(c, b, s, a):
        scalar = b.fptrunc(a[1], F32) if x.is_float else b.trunc(a[1], I32)
        return emit_splat(b, scalar, x.lanes)

    return x(x, types.float64 if x.is_float else types.int64), emit


def _recast(element: str, how: str) -> Any:
    @intrinsic
    def recast(context, x):
        target = Vec(element, x.lanes)
        return target(x), lambda c, b, s, a: getattr(b, how)(a[0], target.llvm)

    return recast


bits_of, floats_of_bits = _recast("i32", "bitcast"), _recast("f32", "bitcast")
to_floats, to_integers = _recast("f32", "sitofp"), _recast("i32", "fptosi")


@intrinsic
def load_f32x16(context, address):
    """16 floats."""
    return f32x16(types.int64), lambda c, b, s, a: emit_load(b, a[0], f32x16.llvm)


@intrinsic
def rough_rsqrt(context, x):
    """About 1 / sqrt(x) of normal numbers, within 2 ** -11; only where the processor has AVX."""

    def emit(c, b, s, a):
        parts = [emit_shuffle(b, a[0], a[0], range(first, first + 8)) for first in range(0, x.lanes, 8)]
        roots = [emit_call(b, "llvm.x86.avx.rsqrt.ps.256", part.type, part) for part in parts]
        return roots[0] if len(roots) == 1 else emit_shuffle(b, *roots, range(16))

    return x(x), emit


@intrinsic
def all_of(context, mask):
    """Whether a comparison of vectors holds for all of their elements."""

    def emit(c, b, s, a):
        value = b.sext(a[0], ir.VectorType(I32, mask.lanes))
        if mask.lanes == 16:  # 8 fill a register, whose signs are one instruction
            value = b.and_(*(emit_shuffle(b, value, value, range(first, first + 8)) for first in (0, 8)))
        if has_feature("avx"):
            signs = b.bitcast(value, ir.VectorType(F32, 8))
            return b.icmp_signed("==", emit_call(b, "llvm.x86.avx.movmsk.ps.256", I32, signs), I32(255))
        return b.icmp_signed("==", emit_call(b, "llvm.vector.reduce.and.v8i32", I32, value), I32(-1))

    return types.boolean(mask), emit


@intrinsic
def first_of(context, count, x, y):
    """The first `count` lanes of x, the others of y."""

    def emit(c, b, s, a):
        numbers = ir.Constant(ir.VectorType(I64, x.lanes), list(range(x.lanes)))
        return b.select(b.icmp_signed("<", numbers, emit_splat(b, a[0], x.lanes)), a[1], a[2])

    return x(types.int64, x, x), emit
