"""Several calls on the same elements, item by item, so that an item is still in the first-level cache for the next."""

from __future__ import annotations

from litejit.kernels.jit.layouts.interleaving import INTERLEAVED, SKIPPED
from litejit.kernels.jit.layouts.programs import ENTRY, FAULT
from litejit.kernels.jit.native.sharing import invoke
from litejit.kernels.jit.native.simd import getters, load_i64

get, _ = getters(INTERLEAVED)

ENTRY_BYTES = 8 * ENTRY
TO_CALLS = ENTRY_BYTES * (1 + SKIPPED) - 8 * FAULT


def pieces(args, first, last, rank):
    """Every item of all calls, one call after the other, before the next item."""
    begin = get(args, "fault") + TO_CALLS
    end = begin + ENTRY_BYTES * get(args, "count")
    for item in range(first, last):
        for entry in range(begin, end, ENTRY_BYTES):
            invoke(load_i64(entry), load_i64(entry + 8), item, item + 1, rank)
