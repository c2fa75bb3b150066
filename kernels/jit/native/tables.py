"""Functions of 8-bit and 16-bit integers by table, of one operand and of two."""

from __future__ import annotations

from typing import Any

from litejit.kernels.jit.native.bytes import look_up_32, store_first_bytes
from litejit.kernels.jit.native.elements import broadcast, element, over_pieces, over_rows
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import load_i8, load_i8x32, load_i16, load_u8, load_u16, store
from litejit.kernels.jit.target import has_feature

SHUFFLES = has_feature("avx2")


@inline
def _plain_bytes(args, source, out, count):
    table = element(args, "table")
    for at in range(count):
        store(out + at, load_i8(table + load_u8(source + at)))


@inline
def _shuffled_bytes(args, source, out, count):
    planes = element(args, "planes")
    whole = count & -32
    for at in range(0, whole, 32):
        store(out + at, look_up_32(planes, load_i8x32(source + at)))
    if whole < count:
        store_first_bytes(out + whole, look_up_32(planes, load_i8x32(source + whole)), count - whole)


@inline
def _words(args, source, out, count):
    table = element(args, "table")
    for at in range(count):
        store(out + 2 * at, load_i16(table + 2 * load_u16(source + 2 * at)))


@inline
def _bytes_to_words(args, source, out, count):
    table = element(args, "table")
    for at in range(count):
        store(out + 2 * at, load_i16(table + 2 * load_u8(source + at)))


@inline
def _words_to_bytes(args, source, out, count):
    table = element(args, "table")
    for at in range(count):
        store(out + at, load_i8(table + load_u16(source + 2 * at)))


@inline
def _pairs(args, a, b, out, count, a_step, b_step, room):
    table = broadcast(args, "table")
    for at in range(count):
        index = (int(load_u8(a + at * a_step)) << 8) | int(load_u8(b + at * b_step))
        store(out + at, load_i8(table + index))


def _refusal(load: Any, size: int) -> Any:
    """A kernel of nothing but a fault (at the address p1) if one of the integers is below p0."""

    @inline
    def run(args, source, out, count):
        least = element(args, "p0")
        for at in range(count):
            least = min(least, int(load(source + at * size)))
        if least < element(args, "p0"):
            store(element(args, "p1"), 1)

    return over_pieces(run, size, 0)


bytes = over_pieces(_shuffled_bytes if SHUFFLES else _plain_bytes, 1, 1)
words = over_pieces(_words, 2, 2)
bytes_to_words = over_pieces(_bytes_to_words, 1, 2)
words_to_bytes = over_pieces(_words_to_bytes, 2, 1)
pairs = over_rows(_pairs, 1)
refuse_bytes, refuse_words = _refusal(load_i8, 1), _refusal(load_i16, 2)
