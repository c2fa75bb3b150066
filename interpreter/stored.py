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
from typing import TYPE_CHECKING, Any

import numpy as np

from litejit.kernels.jit import library
from litejit.kernels.jit.cache import digest, load, package_stamp
from litejit.kernels.jit.forced import forced
from litejit.kernels.jit.memory import aligned_buffer
from litejit.kernels.jit.target import is_checked
from litejit.program_file import JUMP_IF, read, write
from litejit.schema import TensorType
from litejit.shadow import Shadow

if TYPE_CHECKING:
    from litejit.native import NativePlan
    from litejit.plan import Plan
    from litejit.workers import Workers

__all__ = ["MOST_BYTES", "Store", "StoredPlan"]

MOST_BYTES = 512 << 20
"""Of all stored programs together."""

_PREFIX = "program-"


def directory() -> str | None:
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
        return path is not None and os.path.exists(path)

    def find(self, plan: Plan, workers: Workers) -> StoredPlan | None:
        """The plan's program, if it has been kept and is whole."""
        path = self._path(plan)
        content = None if path is None else read(path)
        return None if content is None else StoredPlan(*content, plan, workers)

    def keep(self, plan: Plan, native: NativePlan) -> None:
        """Keeps the plan's program, if it is one whose parts can be kept."""
        path = self._path(plan)
        if path is None:
            return
        from litejit.program_packing import packed  # not needed where programs are only found

        content = packed(plan, native)
        if content is None or sum(part.nbytes for part in content[1].values()) > MOST_BYTES // 2:
            return
        write(path, *content)
        with suppress(OSError):
            _make_room(os.path.dirname(path))

    def _path(self, plan: Plan) -> str | None:
        into = directory()
        if into is None or is_checked() or forced() or os.environ.get("LITEJIT_PROGRAMS") == "off":
            return None
        if self._model is None:
            variables = [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("LITEJIT_")]
            model = hashlib.sha256(self._source).hexdigest()
            measured = load(os.path.join(into, library.TUNED)) or b""
            self._model = digest(model, self._settings, package_stamp(), np.__version__, measured, *variables)
        inputs = sorted(plan.input_shapes.items()), sorted(plan.input_types.items())
        return os.path.join(into, f"{_PREFIX}{digest(self._model, str(plan.graph.index), str(inputs))}")


class StoredPlan:
    """A plan whose program has been kept: what `NativePlan` is for running it, without its steps."""

    has_steps = False
    strings = None

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
        rows[rows[:, 0] == JUMP_IF, 1] += memory.ctypes.data
        library.provide(header["kernels"])
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


def _make_room(directory: str) -> None:
    """Removes the programs that have not been used for longest, until the rest is small enough."""
    with os.scandir(directory) as entries:
        programs = [(entry.stat(), entry.path) for entry in entries if entry.name.startswith(_PREFIX)]
    size = 0
    for status, path in sorted(programs, key=lambda program: -program[0].st_mtime_ns):
        size += status.st_size
        if size > MOST_BYTES:
            os.unlink(path)
