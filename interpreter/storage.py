"""`Storage`: where the tensors of a native plan lie, and the scratch memory of its tasks.

What never lives at once shares memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from litejit.arena import Arena, Block, place
from litejit.kernels.jit.call import Call, Jump, Label
from litejit.kernels.jit.memory import aligned_buffer, padded
from litejit.kernels.jit.target import is_checked
from litejit.kernels.node import TensorSpec
from litejit.rewrites import Task
from litejit.rewrites.task import scratch_bytes
from litejit.schema.lazy import Items

__all__ = ["FOREVER", "Interface", "Storage"]

FOREVER = 1 << 60
"""The last step of a tensor that is kept."""


@dataclass(frozen=True)
class Interface:
    """Tensors that keep what they hold until the next run. inputs, variables: they are written before it, too."""

    inputs: Sequence[int]
    outputs: Sequence[int]
    variables: Sequence[int]


def _loops(tasks: Sequence[Task]) -> list[tuple[int, int]]:
    """The first and the last task of each loop, inner ones first."""
    labels: dict[Label, int] = {}
    loops: list[tuple[int, int]] = []
    for at, task in enumerate(tasks):
        for item in task.result if isinstance(task.result, tuple) else ():
            if isinstance(item, Label):
                labels[item] = at
            elif isinstance(item, Jump) and item.target in labels:
                loops.append((labels[item.target], at))
    return loops


class Storage:
    """The memory of all tensors with data that are not constant, and copies of the constants that are read.

    The scratch memory of a task lies among them, for as long as the task takes; its block has a key below 0.
    aliases: tensors that are others under another name. keep_all: no tensor shares memory with another one. threads:
    that calls may have.
    """

    def __init__(
        self,
        specs: Sequence[TensorSpec],
        tasks: Sequence[Task],
        aliases: Mapping[int, int],
        interface: Interface,
        keep_all: bool,
        threads: int,
    ) -> None:
        self._specs, self._aliases = specs, aliases
        self.tensors = self._in_arena(tasks, interface)
        self._scratch = self._scratch_blocks(tasks, 1 if is_checked() else threads)
        self.blocks = [*self._lifetimes(tasks, interface, keep_all), *dict.fromkeys(self._scratch.values())]
        self.arena: Arena = place(self.blocks)
        self.memory = aligned_buffer(self.arena.size)
        self._constants: dict[int, np.ndarray] = {}

    def _in_arena(self, tasks: Sequence[Task], interface: Interface) -> dict[int, None]:
        specs = self._specs
        used = {index for task in tasks for index in (*task.inputs, *task.outputs)}
        used |= {*interface.inputs, *interface.outputs, *interface.variables, *self._aliases}
        return {
            at: None
            for at in sorted(used)
            if at >= 0 and specs[at].value is None and specs[at].shape is not None and specs[at].dtype.kind != "O"
        }

    def _lifetimes(self, tasks: Sequence[Task], interface: Interface, keep_all: bool) -> list[Block]:
        first: dict[int, int] = {}
        last = dict.fromkeys(self.tensors, 0)
        for at, task in enumerate(tasks):
            for index in task.outputs:
                first.setdefault(index, at)
        first = {index: first.get(index, 0) for index in self.tensors}
        for at, task in enumerate(tasks):
            for index in (*task.inputs, *task.outputs):
                if index in last:
                    last[index] = at
        for start, end in _loops(tasks):
            # What is there before a loop and used in it is used in every round.
            for task in tasks[start:end]:
                for index in (*task.inputs, *task.outputs):
                    if index in last and first[index] < start:
                        last[index] = max(last[index], end)
        for index in (*interface.inputs, *interface.outputs, *interface.variables):
            if index in last:
                last[index] = FOREVER
        for index in (*interface.inputs, *interface.variables):
            if index in first:
                first[index] = 0
        blocks: dict[int, Block] = {}
        for index in first:
            root = self.root(index)
            block = Block(root, self.size(index), first[index], FOREVER if keep_all else last[index])
            known = blocks.get(root)
            if known is not None:
                block = Block(root, block.size, min(known.first, block.first), max(known.last, block.last))
            blocks[root] = block
        return list(blocks.values())

    def _scratch_blocks(self, tasks: Sequence[Task], threads: int) -> dict[Call, Block]:
        """The scratch memory of each call that needs some."""
        blocks: dict[Call, Block] = {}
        for at, task in enumerate(tasks):
            size = scratch_bytes(task.calls, threads, lambda index: 0 if self.is_constant(index) else self.size(index))
            if size:
                blocks.update(dict.fromkeys(task.calls, Block(-1 - at, size, at, at)))
        return blocks

    def root(self, index: int) -> int:
        """The tensor that this one is a view of, or itself."""
        while index in self._aliases:
            index = self._aliases[index]
        return index

    def size(self, index: int) -> int:
        """Bytes of a tensor."""
        spec = self._specs[index]
        return spec.size * spec.dtype.itemsize

    def scratch_offset(self, call: Call) -> int:
        """Where in the memory the scratch memory of a call begins, which all calls of a task have in common."""
        block = self._scratch.get(call)
        return 0 if block is None else self.arena.offsets[block.key]

    def scratch_address(self, call: Call) -> int:
        """The same as an address."""
        return int(self.memory.ctypes.data) + self.scratch_offset(call)

    def scratch(self, call: Call) -> np.ndarray:
        """The scratch memory of a call."""
        block, offset = self._scratch.get(call), self.scratch_offset(call)
        return self.memory[offset : offset + (0 if block is None else block.size)]

    def is_constant(self, index: int) -> bool:
        """Whether a tensor is never written."""
        return self._specs[index].value is not None

    def sharing(self, root: int) -> list[int]:
        """The tensors that are views of one block of memory."""
        return [at for at in self.tensors if self.root(at) == root]

    def shared(self) -> set[int]:
        """Tensors whose memory others use after them."""
        last = {block.key: block.last for block in self.blocks}
        return {at for at in self.tensors if last[self.root(at)] != FOREVER}

    def array(self, index: int) -> np.ndarray:
        """The memory of a tensor in the arena."""
        spec, offset = self._specs[index], self.arena.offsets[self.root(index)]
        return self.memory[offset : offset + self.size(index)].view(spec.dtype).reshape(spec.dims)

    def address(self, index: int) -> int:
        """Where a tensor's data begin, of constants those of a copy."""
        spec = self._specs[index]
        if spec.value is None:
            return int(self.memory.ctypes.data) + self.arena.offsets[self.root(index)]
        return int(self.constant(index).ctypes.data)

    def place(self, index: int) -> range:
        """The addresses of its bytes."""
        address = self.address(index)
        return range(address, address + self.size(index))

    def constant(self, index: int) -> np.ndarray:
        """The copy of a constant that kernels read."""
        if index not in self._constants:
            value = self._specs[index].value
            assert value is not None
            self._constants[index] = padded(value)
        return self._constants[index]

    def value(self, index: int) -> np.ndarray | None:
        """What a tensor holds; None for the index -1, of an operand that is left out."""
        if index < 0:
            return None
        constant = self._specs[index].value
        return self.array(index) if constant is None else constant

    def move_in(self, arrays: Items[np.ndarray | None]) -> None:
        """Puts views of the memory in place of the arrays of the plan's own tensors, what they hold included."""
        for index in (at for at in self.tensors if at < len(arrays)):
            view, before = self.array(index), arrays[index]
            if before is not None and before.shape == view.shape and before.reshape(-1).view(np.uint8).any():
                view[...] = before  # otherwise it is 0 as the memory is, whose pages are left alone
            arrays[index] = view
