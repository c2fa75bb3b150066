"""Where the largest of [outer, count, inner] lies along the middle, the first one of several; rows are inner = 1.

The smallest is the largest of turned numbers. What is not a number is passed over: the vectors do that unless it comes
first, so rows and columns that begin with it are searched once more, an element after the other.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import int32, int64
from numba.core import types
from numba.extending import intrinsic

from litejit.kernels.jit.native.bytes import lane
from litejit.kernels.jit.native.emission import I1, I64, emit_call, emit_splat
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.lanes import all_of
from litejit.kernels.jit.native.reduction import get, place
from litejit.kernels.jit.native.simd import (
    Mask,
    bits_of_f32x8,
    f32x8_of_bits,
    largest,
    load_f32,
    load_f32x8,
    load_i8,
    load_i8x8,
    load_i8x32,
    load_i16,
    load_i16x8,
    load_i16x16,
    load_i32,
    load_i32x8,
    maximum,
    select,
    splat_f32x8,
    splat_i8x32,
    splat_i16x16,
    splat_i32x8,
    store,
    store_first,
    widen_i8x8,
    widen_i16x8,
)


@intrinsic
def _first_true(context, mask):
    """The number of the first lane for which a comparison holds; how many lanes there are if it does for none."""

    def emit(c, b, s, a):
        bits = ir.IntType(mask.lanes)
        return b.zext(emit_call(b, f"llvm.cttz.i{mask.lanes}", bits, b.bitcast(a[0], bits), I1(0)), I64)

    return types.int64(mask), emit


@intrinsic
def _first_lanes(context, count, like):
    """A mask for a vector like this one, of its first lanes."""

    def emit(c, b, s, a):
        numbers = ir.Constant(ir.VectorType(I64, like.lanes), list(range(like.lanes)))
        return b.icmp_signed("<", numbers, emit_splat(b, a[0], like.lanes))

    return Mask(like.lanes)(types.int64, like), emit


@inline
def _put(args, out, number, where):
    if get(args, "wide") == 1:
        store(out + 8 * number, int64(where))
    else:
        store(out + 4 * number, int32(where))


def _in_rows(turn: Any, load: Any, all_of: Any, one: Any, size: int, lanes: int) -> Any:
    """A kernel. load, one(address, turn(flip)): a vector of elements, of the first one; all_of(element): a vector."""

    def kernel(args, first, last, rank):
        count, turned = get(args, "count"), turn(get(args, "flip"))
        whole = count & -lanes
        exist = _first_lanes(count - whole, load(get(args, "source"), turned))
        for item in range(first, last):
            source = get(args, "source") + item * count * size
            # The first element stands for those that do not exist, as it is found before them.
            start = one(source, turned)
            best = start
            for at in range(0, whole, lanes):
                best = maximum(load(source + at * size, turned), best)
            rest = select(exist, load(source + whole * size, turned), start)
            best = all_of(largest(maximum(rest, best)))
            # From the end to the first one without a branch, which nobody could foretell.
            found = _first_true(rest == best)
            where = whole + found if found < lanes else 0
            for back in range(lanes, whole + 1, lanes):
                found = _first_true(load(source + (whole - back) * size, turned) == best)
                where = whole - back + found if found < lanes else where
            _put(args, get(args, "out"), item, where)

    return kernel


@inline
def _floats(address, turn):
    return f32x8_of_bits(bits_of_f32x8(load_f32x8(address)) ^ turn)


@inline
def _one_float(address, turn):
    return f32x8_of_bits(bits_of_f32x8(splat_f32x8(load_f32(address))) ^ turn)


def _turned(load: Any, convert: Any) -> Any:
    """(address, turn) -> what is loaded from there as a vector, turned."""

    @inline
    def turned(address, turn):
        return convert(load(address)) ^ turn

    return turned


@inline
def _itself(x):
    return x


_bytes, _one_byte = _turned(load_i8x32, _itself), _turned(load_i8, splat_i8x32)
_words, _one_word = _turned(load_i16x16, _itself), _turned(load_i16, splat_i16x16)
_integers, _one_integer = _turned(load_i32x8, _itself), _turned(load_i32, splat_i32x8)
_wide_bytes, _wide_words = _turned(load_i8x8, widen_i8x8), _turned(load_i16x8, widen_i16x8)


def _in_columns(load: Any, size: int) -> Any:
    """A kernel. load(address, turn): 8 columns, in lanes of 32 bits."""

    def kernel(args, first, last, rank):
        count, pitch, turned = get(args, "count"), get(args, "inner") * size, splat_i32x8(get(args, "flip"))
        out_size = 8 if get(args, "wide") == 1 else 4
        for item in range(first, last):
            source, out, columns = place(args, item, size, out_size)
            for column in range(0, columns, 16):
                at, left = source + column * size, columns - column
                second = 8 * size if left > 8 else 0  # what lies far behind the end is not read
                best, other = load(at, turned), load(at + second, turned)
                where, elsewhere = splat_i32x8(0), splat_i32x8(0)
                for number in range(1, count):
                    at += pitch
                    x, y, here = load(at, turned), load(at + second, turned), splat_i32x8(number)
                    where, best = select(x > best, here, where), select(x > best, x, best)
                    elsewhere, other = select(y > other, here, elsewhere), select(y > other, y, other)
                target = out + column * out_size
                if get(args, "wide") == 1:
                    for number in range(min(8, left)):
                        _put(args, target, number, lane(where, number))
                    for number in range(min(8, left - 8)):
                        _put(args, target + 64, number, lane(elsewhere, number))
                else:
                    store_first(target, where, left)
                    store_first(target + 32, elsewhere, left - 8)

    return kernel


@inline
def _first_largest(address, step, count, flip):
    """The largest of floats that are so many bytes apart, and where; what is not a number is passed over."""
    best, where = _float(address, flip), 0
    for number in range(1, count):
        x = _float(address + number * step, flip)
        if x > best or (best != best and x == x):
            best, where = x, number
    return best, where


@inline
def _float(address, flip):
    x = load_f32(address)
    return x if flip == 0 else -x


@inline
def _by_lanes(source, count, flip):
    """Where the largest of a row is, as the official kernel finds it: see litejit.kernels.reference.arg."""
    end = count & -4
    b0, w0 = _first_largest(source, 16, end >> 2, flip)
    b1, w1 = _first_largest(source + 4, 16, end >> 2, flip)
    b2, w2 = _first_largest(source + 8, 16, end >> 2, flip)
    b3, w3 = _first_largest(source + 12, 16, end >> 2, flip)
    left, right = b1 if b0 < b1 else b0, b3 if b2 < b3 else b2
    best = right if left < right else left
    where = count
    where = min(where, 4 * w0) if b0 == best else where
    where = min(where, 4 * w1 + 1) if b1 == best else where
    where = min(where, 4 * w2 + 2) if b2 == best else where
    where = min(where, 4 * w3 + 3) if b3 == best else where
    for number in range(end, count):
        x = _float(source + 4 * number, flip)
        if x > best or (best != best and x == x):
            best, where = x, number
    return where if best == best else 0


_rows_of_floats = inline(_in_rows(splat_i32x8, _floats, splat_f32x8, _one_float, 4, 8))
_columns_of_floats = inline(_in_columns(_floats, 4))


def rows_f32(args, first, last, rank):
    """Those of which the official kernel could not find the largest of a lane, or the first, are searched again."""
    _rows_of_floats(args, first, last, rank)
    count, flip, out = get(args, "count"), get(args, "flip"), get(args, "out")
    for item in range(first, last):
        source = get(args, "source") + item * count * 4
        if get(args, "lanes") == 1:
            a, b, c, d = load_f32(source), load_f32(source + 4), load_f32(source + 8), load_f32(source + 12)
            if a != a or b != b or c != c or d != d:
                _put(args, out, item, _by_lanes(source, count, flip))
        elif load_f32(source) != load_f32(source):
            _, where = _first_largest(source, 4, count, flip)
            _put(args, out, item, where)


def columns_f32(args, first, last, rank):
    """Those that do not begin with a number are searched again."""
    _columns_of_floats(args, first, last, rank)
    count, flip, pitch = get(args, "count"), get(args, "flip"), 4 * get(args, "inner")
    for item in range(first, last):
        source, out, columns = place(args, item, 4, 8 if get(args, "wide") == 1 else 4)
        for start in range(0, columns, 8):
            heads = load_f32x8(source + 4 * start)
            if all_of(heads == heads):
                continue
            for column in range(start, min(start + 8, columns)):
                if load_f32(source + 4 * column) != load_f32(source + 4 * column):
                    _, where = _first_largest(source + 4 * column, pitch, count, flip)
                    _put(args, out, column, where)


rows_bytes = _in_rows(splat_i8x32, _bytes, splat_i8x32, _one_byte, 1, 32)
rows_words = _in_rows(splat_i16x16, _words, splat_i16x16, _one_word, 2, 16)
rows_i32 = _in_rows(splat_i32x8, _integers, splat_i32x8, _one_integer, 4, 8)
columns_bytes, columns_words = _in_columns(_wide_bytes, 1), _in_columns(_wide_words, 2)
columns_i32 = _in_columns(_integers, 4)
