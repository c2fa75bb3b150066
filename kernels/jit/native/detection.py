"""Boxes from what a detector says of anchors, and the best of them that do not overlap.

Candidates are a heap of int64: the bits of a score, turned round below 0, so that they are in order as integers, over
the complement of the box's number, as of equal scores the first box wins.
"""

from __future__ import annotations

from typing import Any

from numba import float32, float64, int64

from litejit.kernels.jit.layouts.detection import DECODE, HIGHEST_POWER, NEVER, SELECT
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import getters, load_f32, load_f64, load_i32, load_i64, load_u8, store

of_decode, _ = getters(DECODE)
get, get_float = getters(SELECT)

_LOG2_E, _LN2, _LN2_REST = 1.4426950408889634, 0.6931471803691238, 1.9082149292705877e-10
"""ln 2 in 32 bits, of which products with exponents are exact, and what is left of it."""


@inline
def exponential(x, powers):
    """e**x in float64, off by less than a millionth of what float32 tells apart."""
    if x != x or x > 709.9:
        return x if x != x else float64(1e300) * float64(1e300)
    if x < -746.0:
        return float64(0.0)
    y = x * _LOG2_E
    n = int64(y + 0.5) if y >= 0 else -int64(0.5 - y)
    r = (x - n * _LN2) - n * _LN2_REST
    p = float64(1.0)
    for k in range(13, 0, -1):
        p = float64(1.0) + p * r / k
    half = n >> 1
    return p * load_f64(powers + 8 * (half + HIGHEST_POWER)) * load_f64(powers + 8 * (n - half + HIGHEST_POWER))


@inline
def _part_u8(args, encoding, anchor, axis):
    """(shift, half size, place, size) along an axis."""
    shifts, halves, values = of_decode(args, "shifts"), of_decode(args, "halves"), of_decode(args, "anchor_values")
    shift = load_f64(shifts + 8 * (256 * axis + int64(load_u8(encoding + axis))))
    half = load_f64(halves + 8 * (256 * axis + int64(load_u8(encoding + axis + 2))))
    place, size = int64(load_u8(anchor + axis)), int64(load_u8(anchor + axis + 2))
    return shift, half, load_f64(values + 8 * place), load_f64(values + 8 * size)


@inline
def _part_f32(args, encoding, anchor, axis):
    scales = of_decode(args, "scales") + 8 * axis
    shift = float64(load_f32(encoding + 4 * axis)) / load_f64(scales)
    exponent = float64(load_f32(encoding + 4 * axis + 8)) / load_f64(scales + 16)
    half = 0.5 * exponential(exponent, of_decode(args, "powers"))
    return shift, half, float64(load_f32(anchor + 4 * axis)), float64(load_f32(anchor + 4 * axis + 8))


def _decode(part: Any, bytes: int) -> Any:
    def kernel(args, first, last, rank):
        step = of_decode(args, "step")
        for box in range(first, last):
            encoding, anchor = of_decode(args, "encodings") + box * step, of_decode(args, "anchors") + box * 4 * bytes
            for axis in range(2):
                shift, half, place, size = part(args, encoding, anchor, axis)
                centre, reach = float32(shift * size + place), float32(half * size)
                low, high = centre - reach, centre + reach
                if low > high:
                    store(of_decode(args, "fault"), 1)
                out = of_decode(args, "out") + 16 * box + 4 * axis
                store(out, low)
                store(out + 8, high)

    return kernel


decode_u8, decode_f32 = _decode(_part_u8, 1), _decode(_part_f32, 4)


@inline
def _value_u8(args, address):
    return load_f32(get(args, "values") + 4 * int64(load_u8(address)))


@inline
def _rank_u8(args, address):
    return load_i64(get(args, "ranks") + 8 * int64(load_u8(address)))


@inline
def _value_f32(args, address):
    return load_f32(address)


@inline
def _rank_f32(args, address):
    if not load_f32(address) >= float32(get_float(args, "score_threshold")):
        return int64(NEVER)
    bits = int64(load_i32(address))
    return int64(0) if bits == -(1 << 31) else bits ^ 0x7FFFFFFF if bits < 0 else bits


@inline
def overlap(a, b):
    """The share of what the boxes at two addresses cover that they have in common; 0 where either has no area."""
    y1, x1, y2, x2 = load_f32(a), load_f32(a + 4), load_f32(a + 8), load_f32(a + 12)
    v1, u1, v2, u2 = load_f32(b), load_f32(b + 4), load_f32(b + 8), load_f32(b + 12)
    area, areas = (y2 - y1) * (x2 - x1), (v2 - v1) * (u2 - u1)
    if areas <= 0 or area <= 0:
        return float32(0)
    height = max(min(v2, y2) - max(v1, y1), float32(0))
    width = max(min(u2, x2) - max(u1, x1), float32(0))
    shared = height * width
    return shared / (area + areas - shared)


@inline
def _sink(keys, count, place):
    """Puts the key at a place of the heap where it belongs among those below it."""
    key = load_i64(keys + 8 * place)
    child = 2 * place + 1
    while child < count:
        if child + 1 < count and load_i64(keys + 8 * child + 8) > load_i64(keys + 8 * child):
            child += 1
        if load_i64(keys + 8 * child) <= key:
            break
        store(keys + 8 * place, load_i64(keys + 8 * child))
        place, child = child, 2 * child + 1
    store(keys + 8 * place, key)


@inline
def _chosen(args, count, most):
    """Takes boxes from a heap of candidates, unless they overlap one that has been taken; how many were taken."""
    keys, chosen, boxes = get(args, "keys"), get(args, "chosen"), get(args, "boxes")
    threshold = float32(get_float(args, "threshold"))
    for place in range(count // 2 - 1, -1, -1):
        _sink(keys, count, place)
    taken = 0
    while count > 0 and taken < most:
        box = 0xFFFFFFFF - (load_i64(keys) & 0xFFFFFFFF)
        count -= 1
        store(keys, load_i64(keys + 8 * count))
        _sink(keys, count, 0)
        at = 0
        while at < taken and not overlap(boxes + 16 * load_i64(chosen + 8 * at), boxes + 16 * box) > threshold:
            at += 1
        if at == taken:
            store(chosen + 8 * taken, box)
            taken += 1
    return taken


@inline
def _push(keys, count, rank, box):
    """Adds a candidate, if it is one; how many there are then."""
    if rank == NEVER:
        return count
    store(keys + 8 * count, (rank << 32) | (0xFFFFFFFF - box))
    return count + 1


@inline
def _write(args, place, box, label, score):
    for at in range(4):
        store(get(args, "out_boxes") + 16 * place + 4 * at, load_f32(get(args, "boxes") + 16 * box + 4 * at))
    store(get(args, "out_classes") + 4 * place, float32(label))
    store(get(args, "out_scores") + 4 * place, score)


@inline
def _clear(args):
    for at in range(get(args, "most") * get(args, "most_classes")):
        store(get(args, "out_classes") + 4 * at, float32(0))
        store(get(args, "out_scores") + 4 * at, float32(0))
        for coordinate in range(4):
            store(get(args, "out_boxes") + 16 * at + 4 * coordinate, float32(0))


def _select(value: Any, rank_of: Any) -> Any:
    @inline
    def highest(args, scores):
        """The rank of the highest of a box's scores; of what is not a number there is none."""
        size, best, is_number = get(args, "size"), int64(NEVER), True
        for label in range(get(args, "classes")):
            score = value(args, scores + label * size)
            is_number = is_number and score == score
            best = max(best, rank_of(args, scores + label * size))
        return best if is_number else int64(NEVER)

    @inline
    def label_of(args, scores):
        size, best = get(args, "size"), 0
        for label in range(1, get(args, "classes")):
            if value(args, scores + label * size) > value(args, scores + best * size):
                best = label
        return best

    @inline
    def settle(args, scores, count, top, label):
        """As in `litejit.kernels.reference.heap`, whose priorities are scores less than 0: the order of equal ones."""
        size, heap, place = get(args, "size"), get(args, "found"), top
        child = 2 * place + 2
        while child <= count:
            if child == count:
                child -= 1
            else:
                left = value(args, scores + load_i64(heap + 8 * child - 8) * size)
                if value(args, scores + load_i64(heap + 8 * child) * size) > left:
                    child -= 1
            store(heap + 8 * place, load_i64(heap + 8 * child))
            place, child = child, 2 * child + 2
        own = value(args, scores + label * size)
        while place > top:
            above = load_i64(heap + 8 * ((place - 1) // 2))
            if not value(args, scores + above * size) > own:
                break
            store(heap + 8 * place, above)
            place = (place - 1) // 2
        store(heap + 8 * place, int64(label))

    @inline
    def largest(args, scores, count):
        """Puts the labels of the largest scores into a heap, and then in order, the largest first."""
        size, heap = get(args, "size"), get(args, "found")
        for label in range(count):
            store(heap + 8 * label, int64(label))
        for place in range(count // 2 - 1, -1, -1):
            settle(args, scores, count, place, load_i64(heap + 8 * place))
        for label in range(count, get(args, "classes")):
            if value(args, scores + label * size) > value(args, scores + load_i64(heap) * size):
                settle(args, scores, count, 0, label)
        for last in range(count - 1, 0, -1):
            smallest, label = load_i64(heap), load_i64(heap + 8 * last)
            settle(args, scores, last, 0, label)
            store(heap + 8 * last, smallest)

    @inline
    def fast(args):
        """By the best class of each box."""
        boxes, step, keys = get(args, "count"), get(args, "step"), get(args, "keys")
        first, most_classes, size = (
            get(args, "scores") + get(args, "first"),
            get(args, "most_classes"),
            get(args, "size"),
        )
        count = 0
        for box in range(boxes):
            count = _push(keys, count, highest(args, first + box * step), box)
        taken = _chosen(args, count, get(args, "most"))
        labels = min(most_classes, get(args, "classes"))
        for place in range(taken):
            box = load_i64(get(args, "chosen") + 8 * place)
            scores = first + box * step
            if labels == 1:
                store(get(args, "found"), int64(label_of(args, scores)))
            else:
                largest(args, scores, labels)
            for at in range(labels):
                label = load_i64(get(args, "found") + 8 * at)
                _write(args, place * most_classes + at, box, label, value(args, scores + label * size))
        return taken

    @inline
    def regular(args):
        """By class, then the best of all, of which earlier classes come first where scores are equal."""
        boxes, step, keys, size = get(args, "count"), get(args, "step"), get(args, "keys"), get(args, "size")
        first, most, found = get(args, "scores") + get(args, "first"), get(args, "most"), get(args, "found")
        total = 0
        for label in range(get(args, "classes")):
            count = 0
            for box in range(boxes):
                count = _push(keys, count, rank_of(args, first + box * step + label * size), box)
            taken = _chosen(args, count, get(args, "per_class"))
            for at in range(taken):
                box = load_i64(get(args, "chosen") + 8 * at)
                score = value(args, first + box * step + label * size)
                place = total
                while place > 0:
                    other, its = load_i64(found + 16 * place - 16), load_i64(found + 16 * place - 8)
                    if value(args, first + other * step + its * size) >= score:
                        break
                    if place < most:
                        store(found + 16 * place, other)
                        store(found + 16 * place + 8, its)
                    place -= 1
                if place < most:
                    store(found + 16 * place, box)
                    store(found + 16 * place + 8, int64(label))
                    total = min(total + 1, most)
        for place in range(total):
            box, label = load_i64(found + 16 * place), load_i64(found + 16 * place + 8)
            _write(args, place, box, label, value(args, first + box * step + label * size))
        return total

    def kernel(args, first, last, rank):
        _clear(args)
        if last > first:
            total = regular(args) if get(args, "per_class") else fast(args)
            store(get(args, "out_count"), float32(total))

    return kernel


select_u8, select_f32 = _select(_value_u8, _rank_u8), _select(_value_f32, _rank_f32)
