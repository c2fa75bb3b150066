"""Operators on single elements done piece by piece: which are, which must not be; no output changes by a bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from litejit import ModelBuilder, stored
from litejit import compiler as compiling
from litejit.kernels.jit.target import is_checked
from litejit.rewrites import interleave
from litejit.testing import Problem
from tests.jit.equal import native_calls, prepared

WHOLE = "interleaving.pieces"

Build = Callable[[ModelBuilder, int, int], tuple[int, ...]]


def problem(build: Build, shape: tuple[int, ...] = (3, 50, 50), small: tuple[int, ...] = (1,)) -> Problem:
    """build: makes the outputs of a large input, whose last item is shorter than the others, and of a small one."""
    rng = np.random.default_rng(0)
    b = ModelBuilder()
    x, y = b.input("x", shape, np.float32), b.input("y", small, np.float32)
    b.output(*build(b, x, y))
    return Problem(b.to_bytes(), [rng.normal(0, 3, size).astype(np.float32) for size in (shape, small)])


def curve(b: ModelBuilder, x: int, y: int) -> tuple[int, ...]:
    """Seven operators, two of which read the input."""
    cube = b.op("MUL", [b.op("MUL", [x, x]), x])
    inner = b.op("ADD", [x, b.op("MUL", [cube, b.constant(np.float32(0.044715))])])
    return (b.op("SUB", [b.op("TANH", [inner]), b.op("RSQRT", [b.op("ABS", [cube])])]),)


def ended(b: ModelBuilder, x: int, y: int) -> tuple[int, ...]:
    """An operator in between that is not on single elements."""
    axis = b.constant(np.array([1], np.int32))
    return (b.op("NEG", [b.op("ABS", [b.op("CUMSUM", [b.op("EXP", [b.op("NEG", [x])]), axis])])]),)


def beside(b: ModelBuilder, x: int, y: int) -> tuple[int, ...]:
    """A small operator in between, with which the others have nothing to do."""
    square = b.op("MUL", [x, x])
    other = b.op("MUL", [y, y])
    return b.op("SUB", [x, square]), other


def between(b: ModelBuilder, x: int, y: int) -> tuple[int, ...]:
    """A small operator in between, whose result the second one needs."""
    square = b.op("MUL", [x, x])
    other = b.op("MUL", [y, y])
    return (b.op("SUB", [square, other]),)


def strangers(b: ModelBuilder, x: int, y: int) -> tuple[int, ...]:
    """Two operators that have no tensor in common."""
    return b.op("NEG", [x]), b.op("NEG", [y])


def by_rows(b: ModelBuilder, x: int, y: int) -> tuple[int, ...]:
    return (b.op("ADD", [b.op("MUL", [x, y]), x]),)


CASES: list[tuple[Build, tuple[int, ...], tuple[int, ...], int]] = [
    (curve, (3, 50, 50), (1,), 1),
    (curve, (2048,), (1,), 0),
    (ended, (3, 50, 50), (1,), 2),
    (beside, (3, 50, 50), (1,), 1),
    (between, (3, 50, 50), (1,), 0),
    (strangers, (3, 50, 50), (3, 50, 50), 0),
    (by_rows, (3, 50, 50), (3, 50, 50), 1),
    (by_rows, (3, 64, 32), (32,), 1),  # 64 rows are an item
    (by_rows, (3, 50, 50), (50,), 0),  # 40 rows, 2000 elements, are
    (by_rows, (3, 96, 32), (3, 1, 32), 0),  # one and a half are a block
]


@pytest.mark.parametrize(("build", "shape", "small", "count"), CASES)
@pytest.mark.parametrize("threads", [1, 2])
def test_same_results(
    build: Build,
    shape: tuple[int, ...],
    small: tuple[int, ...],
    count: int,
    threads: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = problem(build, shape, small)
    joined = prepared(given, num_threads=threads)
    monkeypatch.setenv("LITEJIT_FUSION", "off")
    apart = prepared(given, num_threads=threads)
    calls = native_calls(joined)
    assert calls.count(WHOLE) == (0 if is_checked() else count)
    assert sorted(name for name in calls if name != WHOLE) == sorted(native_calls(apart))
    for interpreter in (joined, apart):
        for _ in range(2):  # the second time in memory that has been used
            interpreter.invoke()
    for detail in joined.get_output_details():
        ours, theirs = (each.get_tensor(detail["index"]) for each in (joined, apart))
        assert ours.tobytes() == theirs.tobytes()


SIZE = 4 * 7500


@pytest.mark.skipif(is_checked(), reason="the checked build runs calls one by one")
@pytest.mark.parametrize(
    ("between", "out", "is_joined"),
    [
        (1, 2, True),
        (1, 0, True),  # where the input lies, which nobody reads afterwards
        (1, 1, True),  # in the place of the operand
        (1, 0.01, False),  # a piece would be written over the next piece of the input
        (1, 1.01, False),
        (1, 0.99, False),
        (0.01, 2, False),
    ],
)
def test_places_that_overlap(between: float, out: float, is_joined: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """x * x -> y, y + x -> z; places in sizes of a tensor, counted from that of x."""
    given = problem(lambda b, x, y: (b.op("ADD", [b.op("MUL", [x, x]), x]),))
    monkeypatch.setenv("LITEJIT_FUSION", "off")
    native = prepared(given)._session.plans[0].native
    assert native is not None
    first, second = native.tasks
    at = {first.inputs[0]: 0, first.outputs[0]: between, second.outputs[0]: out}
    monkeypatch.delenv("LITEJIT_FUSION")
    starts = {index: int(SIZE * place) // 4 * 4 for index, place in at.items()}
    result = interleave(native.tasks, lambda index: range(starts[index], starts[index] + SIZE))
    assert [bool(task.calls) for task in result] == [True, not is_joined]


@pytest.mark.skipif(is_checked(), reason="the checked build keeps no programs")
def test_kept_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LITEJIT_PROGRAMS", raising=False)
    monkeypatch.setattr(stored, "directory", lambda: tmp_path)
    monkeypatch.setattr(compiling, "WORTH_KEEPING", 0.0)
    given = problem(curve)
    results = []
    for kept in (False, True):
        interpreter = prepared(given)
        assert isinstance(interpreter._session.plans[0]._ready, stored.StoredPlan) == kept
        interpreter.invoke()
        results.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).tobytes())
    assert results[0] == results[1]
