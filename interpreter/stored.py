"""Programs that are kept between processes: what it took long to make of a model, in one file that is mapped.

A file holds the program's entries and argument blocks, its constants (weights in the layout of the kernels among them)
and where tensors lie. Addresses in it are distances from the beginning of the arena, of the constants, of the scratch
memory or of the entries, and listed, so that they become addresses again. Everything else about the model (steps,
kernels of the reference tier) is made when somebody asks for it.

A program is found by all that it depends on: the bytes of the model, shapes of the inputs, threads, limits, sources of
litejit, processor, what `litejit tune` has measured, and the variables LITEJIT_… of the environment. Those used last
are kept, MOST_BYTES of them. LITEJIT_PROGRAMS=off does without.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from litejit.arena import aligned_buffer
from litejit.kernels.jit import library
from litejit.kernels.jit.cache import digest, load, package_stamp
from litejit.kernels.jit.call import Fault, Jump, Scratch, Tensor
from litejit.kernels.jit.forced import forced
from litejit.kernels.jit.layouts.programs import ENTRY, FAULT
from litejit.kernels.jit.target import is_checked
from litejit.program_file import Constants, read, write
from litejit.schema import TensorType
from litejit.shadow import Shadow

if TYPE_CHECKING:
    from litejit.kernels.node import TensorSpec
    from litejit.native import NativePlan
    from litejit.plan import Plan
    from litejit.storage import Storage
    from litejit.workers import Workers

__all__ = ["MOST_BYTES", "Store", "StoredPlan"]

MOST_BYTES = 512 << 20
"""Of all stored programs together."""

_ARENA, _CONSTANTS, _SCRATCH, _ENTRIES = range(4)
_JUMP, _JUMP_IF = -1, -2
_PREFIX = "program-"


def directory() -> Path | None:
    """Where programs are kept: with the kernels that they call. None: nowhere."""
    return library.cache_directory()


class Store:
    """The programs of one model with one choice of settings (a text)."""

    def __init__(self, source: memoryview, settings: str) -> None:
        self._source, self._settings = source, settings
        self._model: str | None = None

    def has(self, plan: Plan) -> bool:
        """Whether a program for this plan, as it stands, seems to be there."""
        path = self._path(plan)
        return path is not None and path.exists()

    def find(self, plan: Plan, workers: Workers) -> StoredPlan | None:
        """The plan's program, if it has been kept and is whole."""
        path = self._path(plan)
        content = None if path is None else read(path)
        return None if content is None else StoredPlan(*content, plan, workers)

    def keep(self, plan: Plan, native: NativePlan) -> None:
        """Keeps the plan's program, if it is one whose parts can be kept."""
        path = self._path(plan)
        packed = None if path is None else _packed(plan, native)
        if path is None or packed is None or sum(part.nbytes for part in packed[1].values()) > MOST_BYTES // 2:
            return
        write(path, *packed)
        with suppress(OSError):
            _make_room(path.parent)

    def _path(self, plan: Plan) -> Path | None:
        into = directory()
        if into is None or is_checked() or forced() or os.environ.get("LITEJIT_PROGRAMS") == "off":
            return None
        if self._model is None:
            variables = [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("LITEJIT_")]
            model = hashlib.sha256(self._source).hexdigest()
            measured = load(into / library.TUNED) or b""
            self._model = digest(model, self._settings, package_stamp(), np.__version__, measured, *variables)
        inputs = sorted(plan.input_shapes.items()), sorted(plan.input_types.items())
        return into / f"{_PREFIX}{digest(self._model, str(plan.graph.index), str(inputs))}"


class StoredPlan:
    """A plan whose program has been kept: what `NativePlan` is for running it, without its steps."""

    has_steps = False

    def __init__(self, header: dict[str, Any], sections: dict[str, np.ndarray], plan: Plan, workers: Workers) -> None:
        self._sections = sections
        self._shadow = Shadow(plan)
        self._plan = plan
        self.loose_outputs: tuple[int, ...] = ()
        self.transient = frozenset(header["transient"])
        memory, scratch = aligned_buffer(header["arena"]), aligned_buffer(header["scratch"])
        entries, blocks = sections["entries"].copy(), sections["blocks"].copy()
        bases = [part.ctypes.data for part in (memory, sections["constants"], scratch, entries)]
        places, kinds = sections["moved"].reshape(-1, 2).T
        blocks[places] += np.array(bases, np.int64)[kinds]
        rows = entries.reshape(-1, header["entry"])
        calls = rows[:, 0] >= 0
        rows[rows[:, 0] == _JUMP_IF, 1] += memory.ctypes.data
        rows[calls, 0] = np.array([library.address(name) for name in header["kernels"]], np.int64)[rows[calls, 0]]
        rows[calls, 1] += blocks.ctypes.data
        rows[~calls, 0] = 0
        for at, (shape, type) in enumerate(zip(header["shapes"], header["types"], strict=True)):
            plan.specs[at] = replace(plan.specs[at], shape=tuple(shape), type=TensorType(type))
        for at, offset in header["tensors"]:
            spec = plan.specs[at]
            view = memory[offset : offset + spec.size * spec.dtype.itemsize].view(spec.dtype).reshape(spec.dims)
            before = plan.arrays[at]
            if before is not None:
                view[...] = before
            plan.arrays[at] = view
        self.program = workers.program(entries.ctypes.data, len(rows), header["threads"])
        self._memory = memory, scratch, entries, blocks

    @property
    def bytes(self) -> int:
        """Memory of tensors, scratch memory, and what has been stored."""
        return sum(part.nbytes for part in (*self._sections.values(), *self._memory))

    def run(self) -> None:
        """Computes the graph's outputs."""
        self._shadow.forget()
        if self.program():
            # The operator that refuses its operands says why.
            self._plan.prepare_in_full()
            self._plan.run()

    run_program = run

    def recomputed(self, index: int, inputs_changed: bool) -> np.ndarray:
        """What a tensor held at the last run, though its memory has been used for others since then."""
        return self._shadow.array(index, inputs_changed)


def _packed(plan: Plan, native: NativePlan) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """Header and arrays of a file; None for a plan of several programs, or whose program refers to other things."""
    stretch, storage = native.whole, native.storage
    if stretch is None or not all(map(_is_plain, plan.specs, plan.graph.tensors)):
        return None
    constants = Constants()
    kernels = sorted({call.kernel for call in stretch.calls})
    entries = np.zeros((len(stretch.items), ENTRY), np.int64)
    blocks: list[np.ndarray] = []
    moved: list[tuple[int, int]] = []
    size = 0
    for number, item in enumerate(stretch.items):
        if isinstance(item, Jump):
            place = None if item.condition is None else _place(item.condition, storage, constants, number)
            if place is not None and place[0] != _ARENA:
                return None
            entries[number, :3] = _JUMP, 0, stretch.entries[number, 2]
            if place is not None:
                entries[number, :2] = _JUMP_IF, place[1]
            continue
        numbers: dict[str, int | float] = {}
        for at, name in enumerate(item.layout.names):
            value = item.values[name]
            if isinstance(value, (int, float, np.integer, np.floating)):
                numbers[name] = float(value) if isinstance(value, (float, np.floating)) else int(value)
                continue
            place = _place(value, storage, constants, number)
            if place is None:
                return None
            moved.append((size + at, place[0]))
            numbers[name] = place[1]
        blocks.append(item.layout.pack(numbers))
        entries[number, :4] = kernels.index(item.kernel), 8 * size, item.items, item.grain
        size += blocks[-1].size
    header = {
        "kernels": kernels,
        "entry": ENTRY,
        "threads": stretch.threads,
        "arena": storage.arena.size,
        "scratch": native.scratch.nbytes,
        "tensors": [(at, storage.arena.offsets[storage.root(at)]) for at in storage.tensors if at < len(plan.specs)],
        "transient": sorted(native.transient | _folded(plan)),
        "shapes": [spec.shape for spec in plan.specs],
        "types": [int(spec.type) for spec in plan.specs],
    }
    return header, {
        "entries": entries,
        "moved": np.array(moved, np.int64),
        "blocks": np.concatenate(blocks),
        "constants": constants.joined(),
    }


def _place(value: Any, storage: Storage, constants: Constants, number: int) -> tuple[int, int] | None:
    """(what a distance is from, the distance) for what stands for an address in an entry's block; None for others."""
    if isinstance(value, np.ndarray):
        return _CONSTANTS, constants.add(value)
    if isinstance(value, Tensor) and storage.is_constant(value.index):
        return _CONSTANTS, constants.add(storage.constant(value.index)) + value.offset
    if isinstance(value, Tensor):
        return _ARENA, storage.arena.offsets[storage.root(value.index)] + value.offset
    if isinstance(value, Scratch):
        return _SCRATCH, value.offset
    return (_ENTRIES, 8 * (number * ENTRY + FAULT)) if isinstance(value, Fault) else None


def _is_plain(spec: TensorSpec, before: TensorSpec) -> bool:
    """Whether no more than shape, type and value of a tensor have been found out, and no run leaves traces in it."""
    same = spec.quantization is before.quantization and spec.sparsity is before.sparsity
    return same and spec.shape is not None and spec.dtype.kind != "O" and not spec.is_variable


def _folded(plan: Plan) -> set[int]:
    """Tensors that have been found to be constant."""
    tensors = enumerate(zip(plan.specs, plan.graph.tensors, strict=True))
    return {at for at, (spec, before) in tensors if spec.value is not None and before.value is None}


def _make_room(directory: Path) -> None:
    """Removes the programs that have not been used for longest, until the rest is small enough."""
    known = sorted(((path.stat().st_mtime_ns, path) for path in directory.glob(f"{_PREFIX}*")), reverse=True)
    size = 0
    for _, path in known:
        size += path.stat().st_size
        if size > MOST_BYTES:
            path.unlink()
