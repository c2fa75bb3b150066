"""Programs that are kept between processes: what it took long to make of a model, in one file that is mapped.

A file holds the program's entries and argument blocks, its constants (weights in the layout of the kernels among them)
and where tensors lie. Addresses in it are distances from the beginning of the arena, of the constants or of the
entries, and listed, so that they become addresses again. Everything else about the model (steps, kernels of the
reference tier) is made when somebody asks for it.

A program is found by all that it depends on: the bytes of the model (whose digest is kept, too, see `content`), shapes
of the inputs, threads, limits, sources of litejit, processor, what `litejit tune` has measured, and the variables
LITEJIT_… of the environment. Those used last are kept, MOST_BYTES of them. LITEJIT_PROGRAMS=off does without.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from litejit.content import PREFIX, content_digest
from litejit.kernels.jit import library
from litejit.kernels.jit.cache import digest, package_stamp
from litejit.kernels.jit.forced import forced
from litejit.kernels.jit.layouts.programs import ENTRY
from litejit.kernels.jit.memory import aligned_buffer
from litejit.kernels.jit.target import is_checked
from litejit.kernels.tensor_spec import Shape, TensorSpec
from litejit.program_file import JUMP_IF, read, write
from litejit.schema.lazy import LazyList
from litejit.schema.tensor_types import TensorType
from litejit.shadow import Shadow

if TYPE_CHECKING:
    from litejit.graph import Graph
    from litejit.native import NativePlan
    from litejit.plan import Plan
    from litejit.workers import Workers

__all__ = ["MOST_BYTES", "Store", "StoredPlan"]

MOST_BYTES = 512 << 20
"""Of all stored programs together."""

MOST_DIGESTS = 256
"""Of models, see `content`."""

_PREFIX = "program-"


def directory() -> str | None:
    """Where programs are kept: with the kernels that they call. None: nowhere."""
    return library.cache_directory()


class Store:
    """The programs of one model with one choice of settings (a text)."""

    def __init__(self, source: memoryview, file: os.stat_result | None, settings: str) -> None:
        """file: what is known of the model's file."""
        self._source, self._file, self._settings = source, file, settings
        self._content: str | None = None

    def has(self, subgraph: int) -> bool:
        """Whether a program for a subgraph, with the inputs that the file gives it, seems to be there."""
        path = self._path(subgraph, {}, {})
        return path is not None and os.path.exists(path)

    def path(self, plan: Plan) -> str | None:
        """Where the plan's program is kept, as everything is set now; None: nowhere."""
        return self._path(plan.graph.index, plan.input_shapes, plan.input_types)

    def find(self, path: str, plan: Plan, workers: Workers) -> StoredPlan | None:
        """The plan's program, if it has been kept there and is whole."""
        content = read(path)
        return None if content is None else StoredPlan(content, plan, workers)

    def keep(self, path: str, plan: Plan, native: NativePlan) -> None:
        """Keeps the plan's program there, if it is one whose parts can be kept."""
        from litejit.program_packing import packed  # not needed where programs are only found

        content = packed(plan, native)
        if content is None or sum(part.nbytes for part in content.values()) > MOST_BYTES // 2:
            return
        write(path, content)
        with suppress(OSError):
            _make_room(os.path.dirname(path))

    def _path(self, subgraph: int, shapes: Mapping[int, Shape], types: Mapping[int, TensorType]) -> str | None:
        into = directory()
        if into is None or is_checked() or forced() or os.environ.get("LITEJIT_PROGRAMS") == "off":
            return None
        if self._content is None:
            self._content = content_digest(self._source, self._file, into)
        # What else it depends on may have changed since the last time.
        variables = [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("LITEJIT_")]
        measured = library.measured() or b""
        model = digest(self._content, self._settings, package_stamp(), np.__version__, measured, *variables)
        inputs = sorted(shapes.items()), sorted(types.items())
        return os.path.join(into, f"{_PREFIX}{digest(model, str(subgraph), str(inputs))}")


class StoredPlan:
    """A plan whose program has been kept: what `NativePlan` is for running it, without its steps."""

    has_steps = False
    strings = None

    def __init__(self, content: Mapping[str, np.ndarray], plan: Plan, workers: Workers) -> None:
        self._content = content
        self._shadow = Shadow(plan)
        self._plan = plan
        self.loose_outputs: tuple[int, ...] = ()
        self.transient = frozenset(content["transient"].tolist())
        threads, every, arena = content["sizes"].tolist()
        self._memory = aligned_buffer(arena)
        self._entries, self._blocks = self._in_place()
        self.program = workers.program(self._entries.ctypes.data, len(self._entries), threads, every=every)
        tensors = Tensors(content, plan.graph, self._memory)
        count = len(plan.graph.tensors)
        self.specs, self.arrays = LazyList(count, tensors.spec), LazyList(count, tensors.array)

    def _in_place(self) -> tuple[np.ndarray, np.ndarray]:
        """Entries and blocks, with addresses in place of distances."""
        content = self._content
        entries, blocks = content["entries"].reshape(-1, ENTRY).copy(), content["blocks"].copy()
        bases = [part.ctypes.data for part in (self._memory, content["constants"], entries)]
        places, kinds = content["moved"].reshape(-1, 2).T
        blocks[places] += np.array(bases, np.int64)[kinds]
        calls = entries[:, 0] >= 0
        entries[entries[:, 0] == JUMP_IF, 1] += self._memory.ctypes.data
        kernels = content["kernels"].tobytes().decode().split("\n")
        library.provide(kernels)
        entries[calls, 0] = np.array([library.address(name) for name in kernels], np.int64)[entries[calls, 0]]
        entries[calls, 1] += blocks.ctypes.data
        entries[~calls, 0] = 0
        return entries, blocks

    @property
    def bytes(self) -> int:
        """Memory of tensors (scratch memory included), and what has been stored."""
        own = self._memory, self._entries, self._blocks
        return sum(part.nbytes for part in (*self._content.values(), *own))

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


class Tensors:
    """The tensors of a stored program: those of the graph, as what they have been found to be."""

    def __init__(self, content: Mapping[str, np.ndarray], graph: Graph, memory: np.ndarray) -> None:
        self._graph, self._memory = graph, memory
        self._offsets = dict(content["tensors"].reshape(-1, 2).tolist())
        self._types, self._dims = content["types"], content["dims"]
        self._ends = np.cumsum(content["ranks"])

    def spec(self, at: int) -> TensorSpec:
        """What is known of a tensor."""
        begin, end = self._ends[at - 1] if at else 0, self._ends[at]
        shape = tuple(self._dims[begin:end].tolist())
        return replace(self._graph.tensors[at], shape=shape, type=TensorType(self._types[at]))

    def array(self, at: int) -> np.ndarray | None:
        """Its memory, or the constant that it is; None if it has none of its own."""
        spec, offset = self.spec(at), self._offsets.get(at)
        if offset is None:
            return spec.value
        return self._memory[offset : offset + spec.size * spec.dtype.itemsize].view(spec.dtype).reshape(spec.dims)


def _make_room(directory: str) -> None:
    """Removes the programs that have not been used for longest, until the rest is small enough; the oldest digests."""
    with os.scandir(directory) as entries:
        files = [(entry.stat(), entry.path) for entry in entries if entry.name.startswith((_PREFIX, PREFIX))]
    size = digests = 0
    for status, path in sorted(files, key=lambda file: -file[0].st_mtime_ns):
        is_digest = os.path.basename(path).startswith(PREFIX)
        digests, size = digests + is_digest, size + (0 if is_digest else status.st_size)
        if digests > MOST_DIGESTS if is_digest else size > MOST_BYTES:
            os.unlink(path)
