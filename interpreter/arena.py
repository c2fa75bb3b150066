"""Where tensors lie in memory: lifetimes to offsets in one buffer, shared by tensors that never live at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
    first = sorted(blocks, key=_ORDERS[0])
    best = _placed(first)
    for order in _orders(blocks):
        if best.size == least:
            break
        best = min(best, _placed(order), key=lambda arena: arena.size)
    order, arena = first, best
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


def _orders(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """The second order and those after it, then those in which what lives when most is needed comes first."""
    for order in _ORDERS[1:]:
        yield sorted(blocks, key=order)
    needed = {step: _live(blocks, step) for step in {block.first for block in blocks}}
    most = {
        block.key: max(live for step, live in needed.items() if block.first <= step <= block.last) for block in blocks
    }
    for by in (*_ORDERS[2:], lambda block: (block.first - block.last, block.first)):
        yield sorted(blocks, key=lambda block: (-most[block.key], *by(block)))


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
    return max((_live(blocks, step) for step in {block.first for block in blocks}), default=0)


def _live(blocks: Sequence[Block], step: int) -> int:
    return sum(room(block.size) for block in blocks if block.first <= step <= block.last)


def room(size: int) -> int:
    """Bytes that a tensor of this size takes, with what kernels may read behind it."""
    return -(-(size + SLACK) // _ALIGNMENT) * _ALIGNMENT


def _overlap(one: Block, other: Block) -> bool:
    return one.first <= other.last and other.first <= one.last
