"""Where tensors lie in memory: lifetimes to offsets in one buffer, shared by tensors that never live at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from litejit.kernels.jit.memory import SLACK

__all__ = ["Arena", "Block", "lower_bound", "place", "room"]

_ALIGNMENT = 64


@dataclass(frozen=True)
class Block:
    """Bytes that a tensor needs from the step that writes it first to the one that reads it last."""

    key: int
    size: int
    first: int
    last: int


@dataclass(frozen=True)
class Arena:
    """offsets: by key of the blocks. size: bytes of the whole, blocks' slack included."""

    offsets: dict[int, int]
    size: int


def place(blocks: Sequence[Block]) -> Arena:
    """Offsets for blocks: each at the lowest place that is free for all of its life, in the order that needs least.

    Where no order reaches what lives at once, the block that ends highest is placed first the next time, some times.
    """
    least = lower_bound(blocks)
    orders = [sorted(blocks, key=order) for order in _ORDERS]
    best = _placed(orders[0])
    for order in orders[1:]:
        if best.size > least:
            best = min(best, _placed(order), key=lambda arena: arena.size)
    order, arena = orders[0], best
    for _ in range(_TRIES):
        if best.size == least:
            break
        highest = max(order, key=lambda block: arena.offsets[block.key] + block.size)
        order = [highest, *(block for block in order if block is not highest)]
        arena = _placed(order)
        best = min(best, arena, key=lambda arena: arena.size)
    return best


_TRIES = 32

_ORDERS: tuple[Callable[[Block], tuple[int, int]], ...] = (
    lambda block: (-block.size, block.first),
    lambda block: (block.first, -block.size),
    lambda block: (-block.last, -block.size),
    lambda block: (block.first - block.last, -block.size),
)
"""The largest first, the earliest first, those that live on, those that live long."""


def _placed(blocks: Sequence[Block]) -> Arena:
    placed: list[tuple[int, int, Block]] = []
    for block in blocks:
        size, offset = room(block.size), 0
        rivals = sorted((at, end) for at, end, other in placed if _overlap(block, other))
        for at, end in rivals:
            if at - offset >= size:
                break
            offset = max(offset, end)
        placed.append((offset, offset + size, block))
    offsets = {block.key: offset for offset, _, block in placed}
    return Arena(offsets, max((end for _, end, _ in placed), default=0))


def lower_bound(blocks: Sequence[Block]) -> int:
    """The most bytes that live at once: no arena can be smaller."""
    steps = {block.first for block in blocks}
    return max((sum(room(b.size) for b in blocks if b.first <= step <= b.last) for step in steps), default=0)


def room(size: int) -> int:
    """Bytes that a tensor of this size takes, with what kernels may read behind it."""
    return -(-(size + SLACK) // _ALIGNMENT) * _ALIGNMENT


def _overlap(one: Block, other: Block) -> bool:
    return one.first <= other.last and other.first <= one.last
