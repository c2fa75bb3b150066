"""Floats to the nearest integers, ties away from zero."""

from __future__ import annotations

from numba.extending import intrinsic

from litejit.kernels.jit.native.emission import emit_call, emit_constant
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.lanes import bits_of, floats_of_bits, like
from litejit.kernels.jit.native.simd import f32x8, i32x8
from litejit.kernels.jit.target import has_feature

__all__ = ["half_away", "truncated"]


@inline
def half_away(x):
    """What truncates to x rounded: the largest number below a half is added, with the sign of x.

    A half itself would take the largest number below a half to 1. This one takes it to the largest below 1, and a half
    to 1, as the sum lies between those and is rounded to even. From 2**23 on, where all are integers, it adds nothing.
    """
    bits = bits_of(x)
    return x + floats_of_bits((bits & like(bits, -2147483648)) | like(bits, 0x3EFFFFFF))


@intrinsic
def truncated(context, x):
    """f32x8 -> i32x8 towards zero; -2**31 for what 32 bits cannot hold and for what is not a number."""

    def emit(c, b, s, a):
        if has_feature("avx"):
            return emit_call(b, "llvm.x86.avx.cvtt.ps2dq.256", i32x8.llvm, *a)
        magnitude = emit_call(b, "llvm.fabs.v8f32", f32x8.llvm, *a)
        valid = b.fcmp_ordered("<", magnitude, emit_constant(f32x8.llvm, 2147483648.0))
        return b.fptosi(b.select(valid, *a, emit_constant(f32x8.llvm, -2147483648.0)), i32x8.llvm)

    return i32x8(f32x8), emit
