"""A program as it is stored: addresses as distances from where what they point to begins, see `stored`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from litejit.kernels.jit.call import Fault, Jump, Scratch, Tensor
from litejit.kernels.jit.layouts.programs import ENTRY, FAULT
from litejit.kernels.jit.memory import SLACK
from litejit.program_file import ARENA, CONSTANTS, ENTRIES, JUMP, JUMP_IF, aligned

if TYPE_CHECKING:
    from litejit.kernels.node import TensorSpec
    from litejit.native import NativePlan
    from litejit.plan import Plan
    from litejit.storage import Storage

__all__ = ["packed"]


def packed(plan: Plan, native: NativePlan) -> dict[str, np.ndarray] | None:
    """The arrays of a file; None for a plan of several programs, or whose program refers to other things.

    sizes: threads, how many runs it takes to wake them, bytes of the arena. kernels: names, a line each. tensors: those
    in the arena, each with its offset. transient: those that are computed again when they are asked for. types, ranks,
    dims: of all tensors, the dimensions one after the other. entries, blocks: see `Stretch`, with distances in place of
    addresses.
    moved: places of distances in the blocks, each with what it is from. constants: bytes.
    """
    stretch, storage = native.whole, native.storage
    if stretch is None or not all(map(_is_plain, plan.specs, plan.graph.tensors)):
        return None
    constants = _Constants()
    kernels = sorted({call.kernel for call in stretch.calls})
    entries = np.zeros((len(stretch.items), ENTRY), np.int64)
    blocks: list[np.ndarray] = []
    moved: list[tuple[int, int]] = []
    size = 0
    for number, item in enumerate(stretch.items):
        if isinstance(item, Jump):
            place = None if item.condition is None else _place(item.condition, storage, constants, number, 0)
            if place is not None and place[0] != ARENA:
                return None
            entries[number, :3] = JUMP, 0, stretch.entries[number, 2]
            if place is not None:
                entries[number, :2] = JUMP_IF, place[1]
            continue
        numbers: dict[str, int | float] = {}
        for at, name in enumerate(item.layout.names):
            value = item.values[name]
            if isinstance(value, (int, float, np.integer, np.floating)):
                numbers[name] = float(value) if isinstance(value, (float, np.floating)) else int(value)
                continue
            place = _place(value, storage, constants, number, storage.scratch_offset(item))
            if place is None:
                return None
            moved.append((size + at, place[0]))
            numbers[name] = place[1]
        blocks.append(item.layout.pack(numbers))
        entries[number, :4] = kernels.index(item.kernel), 8 * size, *stretch.entries[number, 2:4]
        size += blocks[-1].size
    arena, specs = storage.arena, plan.specs
    tensors = [(at, arena.offsets[storage.root(at)]) for at in storage.tensors if at < len(specs)]
    return {
        "sizes": np.array([stretch.threads, stretch.every, arena.size], np.int64),
        "kernels": np.frombuffer("\n".join(kernels).encode(), np.uint8),
        "tensors": np.array(tensors, np.int64),
        "transient": np.array(sorted(native.transient | _folded(plan)), np.int64),
        "types": np.array([spec.type for spec in specs], np.int64),
        "ranks": np.array([spec.rank for spec in specs], np.int64),
        "dims": np.array([dim for spec in specs for dim in spec.dims], np.int64),
        "entries": entries,
        "moved": np.array(moved, np.int64),
        "blocks": np.concatenate(blocks),
        "constants": constants.joined(),
    }


def _place(value: Any, storage: Storage, constants: _Constants, number: int, scratch: int) -> tuple[int, int] | None:
    """(what a distance is from, the distance) for what stands for an address in an entry's block; None for others.

    number, scratch: of the entry; where in the arena its scratch memory begins.
    """
    if isinstance(value, np.ndarray):
        return CONSTANTS, constants.add(value)
    if isinstance(value, Tensor) and storage.is_constant(value.index):
        return CONSTANTS, constants.add(storage.constant(value.index)) + value.offset
    if isinstance(value, Tensor):
        return ARENA, storage.arena.offsets[storage.root(value.index)] + value.offset
    if isinstance(value, Scratch):
        return ARENA, scratch + value.offset
    return (ENTRIES, 8 * (number * ENTRY + FAULT)) if isinstance(value, Fault) else None


def _is_plain(spec: TensorSpec, before: TensorSpec) -> bool:
    """Whether no more than shape, type and value of a tensor have been found out, and no run leaves traces in it."""
    same = spec.quantization is before.quantization and spec.sparsity is before.sparsity
    return same and spec.shape is not None and spec.dtype.kind != "O" and not spec.is_variable


def _folded(plan: Plan) -> set[int]:
    """Tensors that have been found to be constant."""
    tensors = enumerate(zip(plan.specs, plan.graph.tensors, strict=True))
    return {at for at, (spec, before) in tensors if spec.value is not None and before.value is None}


class _Constants:
    """Arrays side by side, each but once, aligned, and with what kernels may read behind them."""

    def __init__(self) -> None:
        self._offsets: dict[int, int] = {}
        self._parts: list[np.ndarray] = []
        self._size = 0

    def add(self, array: np.ndarray) -> int:
        """The array's offset."""
        if id(array) not in self._offsets:
            self._offsets[id(array)] = self._size
            size = aligned(array.nbytes + SLACK)
            self._parts.append(array)
            self._size += size
        return self._offsets[id(array)]

    def joined(self) -> np.ndarray:
        """All of them, as bytes."""
        whole = np.zeros(self._size, np.uint8)
        for part in self._parts:
            at = self._offsets[id(part)]
            whole[at : at + part.nbytes] = np.frombuffer(part.tobytes(), np.uint8)
        return whole
