"""Where the time of an inference goes, operator by operator, and what memory it needs.

Times are the least of several runs of each operator by itself; `trace` takes one run as it is, with all its threads.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from litejit.arena import lower_bound
from litejit.interpreter import Interpreter
from litejit.kernels.jit.algorithms import options
from litejit.kernels.jit.call import Call
from litejit.kernels.jit.choosing import Option
from litejit.kernels.node import TensorSpec
from litejit.native import NativePlan
from litejit.plan import RUNS_TO_SUPPOSE, Plan
from litejit.programs import Part, PythonPart, Stretch
from litejit.schema.errors import InvalidInputError
from litejit.step import Step

__all__ = ["MemoryUse", "OperatorTime", "TensorMemory", "macs", "memory", "profile", "trace"]

REFERENCE = "reference tier"


@dataclass(frozen=True)
class OperatorTime:
    """One operator of the main subgraph.

    kernels: the compiled kernels that it calls, or "reference tier"; empty where another operator does its work.
    seconds: of one run. macs: multiply-adds that these kernels do, other operators' included; 0 for operators that are
    not products. bytes: of operands and results. options: the algorithms that there are, if it was asked for them.
    """

    index: int
    operator: str
    kernels: str
    seconds: float
    macs: int
    bytes: int
    options: tuple[Option, ...] = ()


def profile(interpreter: Interpreter, repeat: int = 20, explain: bool = False) -> list[OperatorTime]:
    """Times every operator of an allocated interpreter, in order, on the inputs that it holds.

    explain: proves for each algorithm of an operator anew whether it may be used, which takes a while.
    """
    plan = _plan(interpreter)
    for _ in range(RUNS_TO_SUPPOSE + 1):
        interpreter.invoke()
    if plan.native is None:
        timed: list[_Timed] = [(at, step, REFERENCE, step.run) for at, step in enumerate(plan.steps)]
    else:
        timed = _timed(plan, plan.native)
    best = [float("inf")] * len(timed)
    for _ in range(repeat):
        for at, (_, _, _, run) in enumerate(timed):
            start = time.perf_counter()
            run()
            best[at] = min(best[at], time.perf_counter() - start)
    counts, known = _attributed(plan), _options(plan) if explain else {}
    rows = []
    for (at, step, kernels, _), seconds in zip(timed, best, strict=True):
        sizes = counts[id(step)], _bytes(plan, step)
        rows.append(OperatorTime(at, step.operation.name, kernels, seconds, *sizes, known.get(id(step), ())))
    return rows


def _options(plan: Plan) -> dict[int, tuple[Option, ...]]:
    """The algorithms for each step that has code of its own, and whether blocks are fused."""
    tasks = [task for task in (() if plan.native is None else plan.native.tasks) if task.calls]
    return {
        id(task.step): (() if task.options is None else task.options())
        + (() if task.lowering is None or task.others else options(task.lowering))
        for task in tasks
    }


_Timed = tuple[int, Step, str, Callable[[], object]]
"""A step by number, what it calls, and how to run it."""


def _attributed(plan: Plan) -> dict[int, int]:
    """Multiply-adds by the step whose code does them."""
    counts = {id(step): macs(plan, step) for step in plan.steps}
    for task in () if plan.native is None else plan.native.tasks:
        for step in () if task.callers else task.others:
            counts[id(task.step)] += counts[id(step)]
            counts[id(step)] = 0
    return counts


def _timed(plan: Plan, native: NativePlan) -> list[_Timed]:
    numbers = {id(step): at for at, step in enumerate(plan.steps)}
    timed: list[_Timed] = []
    for part in native.parts:
        if isinstance(part, PythonPart):
            timed.append((numbers[id(part.task.step)], part.task.step, REFERENCE, part))
            continue
        first = 0
        for step, tasks in itertools.groupby(part.tasks, lambda task: task.owner):
            entries = [entry for task in tasks for entry in task.entries]
            names = ", ".join(dict.fromkeys(entry.kernel for entry in entries if isinstance(entry, Call)))
            run = _nothing if not entries else _program(part, first, len(entries))
            timed.append((numbers[id(step)], step, names, run))
            first += len(entries)
    return sorted(timed, key=lambda row: row[0])


def _nothing() -> None:
    """What a view costs."""


def _program(part: Stretch, first: int, count: int) -> Callable[[], object]:
    return part.workers.program(part.entries[first].ctypes.data, count, part.threads)


def macs(plan: Plan, step: Step) -> int:
    """Multiply-adds of a product."""
    inputs = [plan.specs[at] if at >= 0 else None for at in step.operation.inputs]
    count = _MACS.get(step.operation.name)
    if count is None or any(spec is not None and spec.shape is None for spec in inputs[:3]):
        return 0
    return count(inputs, plan.specs[step.operation.outputs[0]])


_MACS: dict[str, Callable[[list[Any], TensorSpec], int]] = {
    "CONV_2D": lambda inputs, output: output.size * prod(inputs[1].dims[1:]),
    "DEPTHWISE_CONV_2D": lambda inputs, output: output.size * prod(inputs[1].dims[1:3]),
    "TRANSPOSE_CONV": lambda inputs, output: inputs[2].size * prod(inputs[1].dims[:3]),
    "FULLY_CONNECTED": lambda inputs, output: output.size * inputs[1].dims[1],
    "BATCH_MATMUL": lambda inputs, output: output.size * inputs[0].dims[-1],
}


def _bytes(plan: Plan, step: Step) -> int:
    indices = [at for at in (*step.operation.inputs, *step.operation.outputs) if at >= 0]
    specs = [plan.specs[at] for at in indices]
    return sum(spec.size * spec.dtype.itemsize for spec in specs if spec.shape is not None and spec.dtype.kind != "O")


@dataclass(frozen=True)
class TensorMemory:
    """Bytes of the arena that tensors (views of one another) hold, from one operator to another; last -1: for good.

    tensors: none for the scratch memory of an operator.
    """

    tensors: tuple[str, ...]
    size: int
    offset: int
    first: int
    last: int


@dataclass(frozen=True)
class MemoryUse:
    """arena: bytes, scratch memory of all threads included. bound: the most that live at once, the least possible."""

    arena: int
    bound: int
    tensors: tuple[TensorMemory, ...]


def memory(interpreter: Interpreter) -> MemoryUse:
    """The memory plan of an allocated interpreter on the fast tier."""
    plan = _plan(interpreter)
    native = plan.native
    if native is None:
        raise InvalidInputError("the reference tier has no memory plan; use another resolver than BUILTIN_REF")
    numbers = {id(step): at for at, step in enumerate(plan.steps)}
    # Operators of called subgraphs are part of the step that calls them.
    steps = [numbers[id(task.owner)] for task in native.tasks]
    rows = [
        TensorMemory(
            tuple(native.specs[at].name for at in native.storage.sharing(block.key)),
            block.size,
            native.storage.arena.offsets[block.key],
            steps[block.first] if steps else 0,
            steps[block.last] if block.last < len(steps) else -1,
        )
        for block in native.storage.blocks
    ]
    rows.sort(key=lambda row: (row.first, -row.size))
    return MemoryUse(native.storage.arena.size, lower_bound(native.storage.blocks), tuple(rows))


def trace(interpreter: Interpreter) -> dict[str, Any]:
    """One inference as a Chrome trace (chrome://tracing, Perfetto): a row for each thread, times in microseconds."""
    plan = _plan(interpreter)
    interpreter.invoke()
    events: list[dict[str, Any]] = []
    begin = time.perf_counter()
    parts: list[Part | Step] = list(plan.steps) if plan.native is None else list(plan.native.parts)
    for part in parts:
        if isinstance(part, Stretch):
            events += _stretch_events(part, begin)
            continue
        start = time.perf_counter()
        part() if isinstance(part, PythonPart) else part.run()
        step = part.task.step if isinstance(part, PythonPart) else part
        events.append(_event(step.operation.name, 0, start - begin, time.perf_counter() - start, REFERENCE))
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def _stretch_events(part: Stretch, begin: float) -> list[dict[str, Any]]:
    """Of a loop, its last round; what has been jumped over does not appear."""
    times = np.zeros((len(part.items), part.threads, 2), np.int64)
    run = part.workers.program(part.entries.ctypes.data, len(part.items), part.threads, times.ctypes.data)
    start = time.perf_counter()
    run()
    elapsed = time.perf_counter() - start
    # The processor's clock has a unit of its own: the whole run tells how long it is.
    origin = int(times.min(where=times > 0, initial=times.max()))
    unit = elapsed / max(1, int(times.max()) - origin)
    return [
        _event(
            task.step.operation.name,
            rank,
            start - begin + (int(first) - origin) * unit,
            int(last - first) * unit,
            item.kernel,
        )
        for task, item, row in zip(part.owners, part.items, times, strict=True)
        for rank, (first, last) in enumerate(row)
        if isinstance(item, Call) and last
    ]


def _event(name: str, thread: int, start: float, duration: float, kernel: str) -> dict[str, Any]:
    return {
        "name": name,
        "ph": "X",
        "pid": 0,
        "tid": thread,
        "ts": start * 1e6,
        "dur": duration * 1e6,
        "args": {"kernel": kernel},
    }


def _plan(interpreter: Interpreter) -> Plan:
    plan = interpreter._session.plans[0]
    if not plan.allocated:
        raise InvalidInputError("the interpreter is not ready: allocate_tensors() must be called before")
    return plan
