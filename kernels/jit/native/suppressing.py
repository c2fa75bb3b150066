"""NON_MAX_SUPPRESSION: a queue of boxes by score, in which a box comes back with a lower score, or is dropped.

The queue is the heap of `litejit.kernels.reference.heap`, as the order of equal scores decides which box is selected.
A box is in it once at most, so that how many selected ones it has been compared with is kept by box.
"""

from __future__ import annotations

from numba import float32, float64, int32, int64

from litejit.kernels.jit.layouts.detection import SUPPRESS
from litejit.kernels.jit.native.detection import exponential, overlap
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import getters, load_f32, load_i32, load_i64, store

get, _ = getters(SUPPRESS)


@inline
def _rise(queue, place, score, box):
    """Puts an entry at a place, or above those of lower scores."""
    while place > 0:
        above = queue + 8 * ((place - 1) >> 1)
        if not load_f32(above) < score:
            break
        store(queue + 8 * place, load_i64(above))
        place = (place - 1) >> 1
    store(queue + 8 * place, score)
    store(queue + 8 * place + 4, int32(box))


@inline
def _drop_first(queue, count):
    """Takes the first of count entries, and puts the last one in its place: down to a leaf, and up from there."""
    last = queue + 8 * (count - 1)
    score, box = load_f32(last), load_i32(last + 4)
    count -= 1
    place, child = 0, 2
    while child <= count:
        if child == count or load_f32(queue + 8 * child) < load_f32(queue + 8 * child - 8):
            child -= 1
        store(queue + 8 * place, load_i64(queue + 8 * child))
        place, child = child, 2 * child + 2
    if count > 0:
        _rise(queue, place, score, box)


@inline
def _set_corners(boxes, corners):
    """The lower one of two coordinates first; both are no numbers where one is none."""
    for axis in range(0, 8, 4):
        a, b = load_f32(boxes + axis), load_f32(boxes + axis + 8)
        store(corners + axis, a if a <= b or a != a else b)
        store(corners + axis + 8, a if a >= b or a != a else b)


@inline
def _enqueue(args):
    """All boxes whose scores are above the threshold, in order; how many they are."""
    queue, threshold, entries = get(args, "queue"), load_f32(get(args, "score_threshold")), 0
    for box in range(get(args, "count")):
        score = load_f32(get(args, "scores") + 4 * box)
        if score > threshold:
            _set_corners(get(args, "boxes") + 16 * box, get(args, "corners") + 16 * box)
            store(get(args, "seen") + 4 * box, int32(0))
            _rise(queue, entries, score, box)
            entries += 1
    return entries


def suppress(args, first, last, rank):
    """Selects; all of it is one item."""
    corners, queue, seen, out = get(args, "corners"), get(args, "queue"), get(args, "seen"), get(args, "out_indices")
    iou_threshold, threshold = load_f32(get(args, "iou_threshold")), load_f32(get(args, "score_threshold"))
    sigma = float32(0)
    if get(args, "sigma"):
        sigma = load_f32(get(args, "sigma"))
    if sigma < 0:
        store(get(args, "fault"), 1)
        return
    factor = float32(0)  # of squared shares, of which a power of e is what is left of a score: mostly all of it
    if sigma > 0:
        factor = float32(float64(-0.5) / float64(sigma))
    entries = _enqueue(args)
    most, found = min(entries, get(args, "most")), 0
    while entries > 0 and found < most:
        score, box = load_f32(queue), int64(load_i32(queue + 4))
        original, dropped = score, False
        _drop_first(queue, entries)
        entries -= 1
        rival = found
        while rival > int64(load_i32(seen + 4 * box)):
            rival -= 1
            share = overlap(corners + 16 * int64(load_i32(out + 4 * rival)), corners + 16 * box)
            dropped = share >= iou_threshold
            if sigma > 0 and not dropped:
                power = factor * share * share
                if power != 0:
                    score *= float32(exponential(float64(power), get(args, "powers")))
            if dropped or score <= threshold:
                break
        if dropped:
            continue
        store(seen + 4 * box, int32(found))
        if score == original:
            store(out + 4 * found, int32(box))
            if get(args, "out_scores"):
                store(get(args, "out_scores") + 4 * found, score)
            found += 1
        if score > threshold:
            # A selected box comes back too; it overlaps itself, unless it has no area.
            _rise(queue, entries, score, box)
            entries += 1
    for rest in range(found, get(args, "most")):
        store(out + 4 * rest, int32(0))
        if get(args, "out_scores"):
            store(get(args, "out_scores") + 4 * rest, float32(0))
    store(get(args, "out_count"), int32(found))
