"""How an operator asks for compiled code: a `Call` names a kernel, with an argument block laid out by a `Layout`.

A block is a row of 64-bit slots. What is not known before memory is planned (addresses of tensors, of scratch memory)
stands in a call as a placeholder and is filled in by `Call.bind`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from litejit.kernels.jit.memory import SLACK, padded

__all__ = [
    "SLACK",
    "Call",
    "Fault",
    "Jump",
    "Label",
    "Layout",
    "Scratch",
    "State",
    "Tensor",
    "View",
    "padded",
]


class Layout:
    """Names of the slots of an argument block, in order. Addresses and integers are int64, floats are float64."""

    def __init__(self, names: str) -> None:
        self.names = tuple(names.split())
        self.offsets = {name: 8 * at for at, name in enumerate(self.names)}

    def pack(self, values: Mapping[str, int | float]) -> np.ndarray:
        """The block; every slot must be given."""
        if set(values) != set(self.names):
            missing, extra = set(self.names) - set(values), set(values) - set(self.names)
            raise TypeError(f"argument block lacks {sorted(missing)} and does not know {sorted(extra)}")
        slots = (values[name] for name in self.names)
        raw = b"".join(struct.pack("<d" if isinstance(value, float) else "<q", value) for value in slots)
        return np.frombuffer(bytearray(raw), np.int64)


@dataclass(frozen=True)
class Tensor:
    """Stands for the address of a tensor's data (plus offset bytes) in a call, by tensor index."""

    index: int
    offset: int = 0


@dataclass(frozen=True)
class Scratch:
    """Stands for the address of the scratch memory of a call (see `Call`).

    offset: where this part of it begins.
    """

    offset: int = 0


@dataclass(frozen=True)
class Fault:
    """Stands for the address of the int64 that a kernel sets to 1 when it meets a value that is illegal."""


@dataclass(frozen=True, eq=False)
class State:
    """Stands for the address of memory that outlives plans and that calls read and write, with slack behind it."""

    memory: np.ndarray


@dataclass(frozen=True, eq=False)
class Label:
    """A place in a program, between two calls."""


@dataclass(frozen=True, eq=False)
class Jump:
    """Instead of a call: the program goes on at the label. condition: only if this bool is false."""

    target: Label
    condition: Tensor | None = None


@dataclass(frozen=True)
class View:
    """Instead of calls: the output has the bytes of an operand (by position), so that it needs no code at all."""

    operand: int = 0


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a kernel ("module.function") on `items` independent work items, taken `grain` at a time by a thread.

    values: for each slot of the layout an int, a float, a constant array (see `padded`) or what stands for
        an address: Tensor, Scratch, State, Fault.
    scratch_bytes: of scratch memory for one thread and for what threads have in common. Each thread that may help has
        as much more behind it as the slot "scratch_bytes" says, if there is one.
    work: rough number of multiply-adds or element steps, to decide about threads.
    """

    kernel: str
    layout: Layout
    values: Mapping[str, Any]
    items: int = 1
    grain: int = 1
    scratch_bytes: int = 0
    work: int = 0
    about: Mapping[str, Any] = field(default_factory=dict)

    def bind(self, address_of: Callable[[int], int], scratch: int, fault: int) -> np.ndarray:
        """The argument block for these addresses: of tensors by index, of scratch memory, of the entry's fault."""

        def resolve(value: Any) -> int | float:
            if isinstance(value, np.ndarray):
                return value.ctypes.data
            if isinstance(value, Tensor):
                return address_of(value.index) + value.offset
            if isinstance(value, Scratch):
                return scratch + value.offset
            if isinstance(value, State):
                return value.memory.ctypes.data
            if isinstance(value, Fault):
                return fault
            return value if isinstance(value, float) else int(value)

        return self.layout.pack({name: resolve(value) for name, value in self.values.items()})
