"""Plans whose shapes depend on data are made for shapes that came before; other data still give the right results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, ModelBuilder
from litejit.interpreter import OpResolverType
from litejit.kernels.node import Limits
from litejit.schema import TensorType
from litejit.schema.errors import LitejitError
from litejit.testing import assert_same
from tests.jit.equal import native_calls

F32, I32, I64, BOOL = np.float32, np.int32, np.int64, np.bool_
HANDLE = {"shape": (), "dtype": TensorType.RESOURCE}
Inputs = Sequence[np.ndarray]


class Tiers:
    """One model on both tiers; every run must give the same results, or the same error."""

    def __init__(self, model: bytes, **keywords: Any) -> None:
        tiers = (OpResolverType.BUILTIN_REF, OpResolverType.AUTO)
        made = (Interpreter(model_content=model, experimental_op_resolver_type=tier, **keywords) for tier in tiers)
        self.reference, self.fast = made

    def run(self, *inputs: np.ndarray) -> bool:
        """Whether it is the supposition that has been run. Every second time, intermediates are asked for, too."""
        answers = [self._answer(interpreter, inputs) for interpreter in (self.reference, self.fast)]
        if isinstance(answers[0], str):
            assert answers[0] == answers[1]
            return False
        for theirs, ours in zip(*answers, strict=True):
            assert_same(ours, theirs)
        return self.supposes

    @property
    def supposes(self) -> bool:
        return type(self.fast._session.plans[0].native.plan).__name__ == "SupposedPlan"  # type: ignore[union-attr]

    @staticmethod
    def _answer(interpreter: Interpreter, inputs: Inputs) -> list[np.ndarray] | str:
        details = interpreter.get_input_details()
        if [tuple(detail["shape"]) for detail in details] != [value.shape for value in inputs]:
            for detail, value in zip(details, inputs, strict=True):
                interpreter.resize_tensor_input(detail["index"], value.shape)
        interpreter.allocate_tensors()
        for detail, value in zip(details, inputs, strict=True):
            interpreter.set_tensor(detail["index"], value)
        try:
            interpreter.invoke()
        except LitejitError as error:
            return str(error)
        return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def chosen(shape: tuple[int, ...], dtype: Any) -> bytes:
    """Places of the elements that are not 0, those elements plus themselves, and their sum."""
    b = ModelBuilder()
    x = b.input("x", shape, dtype)
    places = b.op("WHERE", [x], [{"shape": (1, len(shape)), "dtype": I64}])
    if dtype != F32:
        b.output(places)
        return b.to_bytes()
    picked = b.op("GATHER_ND", [x, places], [{"shape": (1,)}])
    doubled = b.op("ADD", [picked, picked], [{"shape": (1,)}])
    total = b.op("SUM", [doubled, b.constant(np.array([0], I32))], [{"shape": ()}])
    b.output(places, doubled, total)
    return b.to_bytes()


@pytest.mark.parametrize("shape", [(1,), (7,), (3, 5), (2, 3, 4), (2, 1, 3, 2)])
@pytest.mark.parametrize("dtype", [F32, np.int8, np.uint8, I32, I64, BOOL, np.uint32])
def test_where(shape: tuple[int, ...], dtype: Any) -> None:
    """None, all, some; more and fewer; a zero with a sign."""
    rng, tiers = np.random.default_rng(0), Tiers(chosen(shape, dtype))
    some = (rng.integers(0, 2, shape) * np.array(-1.0)).astype(dtype)
    supposed = [tiers.run(value) for value in (some, some, some, np.ones(shape, dtype)) for _ in range(2)]
    assert supposed[:6] == [False] * 2 + [True] * 4
    for _ in range(6):
        tiers.run(np.zeros(shape, dtype))
    assert tiers.supposes


@pytest.mark.parametrize("threads", [1, 2])
def test_other_data_each_time(threads: int) -> None:
    rng, tiers = np.random.default_rng(1), Tiers(chosen((40,), F32), num_threads=threads)
    for _ in range(60):
        tiers.run(np.where(rng.random(40) < rng.choice([0, 0.02, 0.1]), rng.normal(size=40), 0).astype(F32))
    same = np.eye(1, 40, 3, dtype=F32)[0]
    assert [tiers.run(same) for _ in range(80)][-1]
    assert {"supposing.nonzero", "gathering.at_coordinates"} <= set(native_calls(tiers.fast))


def test_shapes_given_as_data() -> None:
    b = ModelBuilder()
    x, shape = b.input("x", (6,), F32), b.input("shape", (2,), I32)
    y = b.op("RESHAPE", [b.op("NEG", [x]), shape], [{"shape": (2, 3)}])
    out = {"shape": (2,), "dtype": I32}
    b.output(b.op("ADD", [y, y], [{"shape": (2, 3)}]), b.op("SHAPE", [y], [out], out_type=TensorType.INT32))
    tiers, x_value = Tiers(b.to_bytes()), np.arange(6, dtype=F32)
    shapes = [(2, 3)] * 4 + [(3, 2), (2, 3), (2, 3), (-1, 2), (4, 2), (2, 3), (2, 3)]
    supposed = [tiers.run(x_value + at, np.array(shape, I32)) for at, shape in enumerate(shapes)]
    assert supposed == [False, False, True, True, False, False, True, False, False, False, True]
    assert "supposing.same" in native_calls(tiers.fast)


def test_variables_of_any_shape() -> None:
    """The value that is read has the shape of the last input, whatever the file says."""
    b = ModelBuilder()
    start = b.subgraph("start")
    handle = start.op("VAR_HANDLE", [], [HANDLE], shared_name="v")
    start.op("ASSIGN_VARIABLE", [handle, start.constant(np.array(5, F32))], [])
    b.op("CALL_ONCE", [], [], init_subgraph_index=start.index)
    x = b.input("x", (), F32)
    handle = b.op("VAR_HANDLE", [], [HANDLE], shared_name="v")
    old = b.op("READ_VARIABLE", [handle], [{"shape": ()}])
    b.op("ASSIGN_VARIABLE", [handle, x], [])
    b.output(b.op("MUL", [old, x], [{"shape": ()}]))
    tiers = Tiers(b.to_bytes())
    values = [np.array(at, F32) for at in range(5)] + [np.full((2, 1), 3, F32)] * 4 + [np.full((1, 2), 4, F32)] * 4
    supposed = [tiers.run(value) for value in values]
    assert supposed[:5] == [False, False, True, True, True]
    assert supposed[8]
    assert supposed[12]


def listing(count: int, item: tuple[int, ...], first: int) -> bytes:
    """for i in first .. rounds: list[i] = x * i, spelt as converters do."""
    b = ModelBuilder()
    scalar, whole = {"shape": (), "dtype": I32}, {"shape": (count, *item)}
    cond, body = b.subgraph("cond"), b.subgraph("body")
    rounds, x = b.input("rounds", (), I32), b.input("x", (1, *item), F32)
    for graph in (cond, body):
        graph.input("i", (), I32)
        graph.input("rounds", (), I32)
        graph.input("list", (count, *item), F32)
        graph.input("x", (1, *item), F32)
    cond.output(cond.op("LESS", [0, 1], [{"shape": (), "dtype": BOOL}]))
    one, vector = body.constant(np.array(1, I32)), body.constant(np.array([1], I32))
    following = body.op("ADD", [0, one], [scalar])
    number, after = (body.op("RESHAPE", [at, vector], [{"shape": (1,), "dtype": I32}]) for at in (0, following))
    axes = {"shape": (1 + len(item),), "dtype": I32}
    rest, zeros = (body.constant(np.full(len(item), value, I32)) for value in (-1, 0))
    all_zero, all_rest = (body.constant(np.full(1 + len(item), value, I32)) for value in (0, -1))
    up_to = body.op("CONCATENATION", [number, rest], [axes], axis=0)
    from_on = body.op("CONCATENATION", [after, zeros], [axes], axis=0)
    before = body.op("SLICE", [2, all_zero, up_to], [{"shape": ()}])
    behind = body.op("SLICE", [2, from_on, all_rest], [{"shape": ()}])
    scaled = body.op("MUL", [3, body.op("CAST", [0], [{"shape": ()}])], [{"shape": (1, *item)}])
    written = body.op("CONCATENATION", [before, scaled, behind], [whole], axis=0)
    body.output(following, 1, written, 3)
    operands = [b.constant(np.array(first, I32)), rounds, b.constant(np.full((count, *item), 7, F32)), x]
    outputs = [scalar, scalar, whole, {"shape": (1, *item)}]
    _, _, result, _ = b.op("WHILE", operands, outputs, cond_subgraph_index=cond.index, body_subgraph_index=body.index)
    b.output(result, b.op("NEG", [result], [whole]))
    return b.to_bytes()


@pytest.mark.parametrize("item", [(3,), (2, 17), (1, 1)])
@pytest.mark.parametrize("first", [0, 2, -1])
def test_lists_written_in_loops(item: tuple[int, ...], first: int) -> None:
    """An index out of range is the same error; -1 makes the list longer."""
    tiers = Tiers(listing(5, item, first), limits=Limits(while_iterations=20))
    x = np.arange(np.prod(item), dtype=F32).reshape(1, *item)
    supposed = [tiers.run(np.array(rounds, I32), x + rounds) for rounds in (5, 5, 5, 3, 0, 6, 4, 4, 1, 5, 5)]
    if first >= 0:
        assert supposed == [False, False, True, True, True, False, False, True, True, True, True]
        assert "supposing.replaced" in native_calls(tiers.fast)


def counted(before: bool) -> bytes:
    """Counts its runs in a variable, before or after the elements of x that are not 0 are found; returns both."""
    b = ModelBuilder()
    x = b.input("x", (4,), F32)

    def count() -> int:
        handle = b.op("VAR_HANDLE", [], [HANDLE], shared_name="v")
        old = b.op("READ_VARIABLE", [handle], [{"shape": (1,)}])
        b.op("ASSIGN_VARIABLE", [handle, b.op("ADD", [old, b.constant(np.ones(1, F32))], [{"shape": (1,)}])], [])
        return int(old)

    start = b.subgraph("start")
    handle = start.op("VAR_HANDLE", [], [HANDLE], shared_name="v")
    start.op("ASSIGN_VARIABLE", [handle, start.constant(np.zeros(1, F32))], [])
    b.op("CALL_ONCE", [], [], init_subgraph_index=start.index)
    runs = count() if before else -1
    places = b.op("WHERE", [x], [{"shape": (1, 1), "dtype": I64}])
    b.output(places, runs if before else count())
    return b.to_bytes()


@pytest.mark.parametrize("before", [False, True])
def test_state_changes_once_in_a_run(before: bool) -> None:
    """What has changed something cannot begin anew, so nothing is supposed after it."""
    tiers = Tiers(counted(before))
    values = [[1, 0, 0, 1]] * 4 + [[1, 0, 0, 0], [0, 0, 0, 0]] + [[1, 0, 0, 1]] * 3
    supposed = [tiers.run(np.array(value, F32)) for value in values]
    assert supposed[2:4] == [not before] * 2
    assert supposed[4:6] == [False] * 2
    assert supposed[-1] == (not before)


def test_intermediates_and_views() -> None:
    interpreter = Interpreter(model_content=chosen((4,), F32))
    interpreter.allocate_tensors()
    x = np.array([1, 0, 2, 0], F32)
    for _ in range(3):
        interpreter.tensor(0)()[:] = x
        interpreter.invoke()
    details = interpreter.get_tensor_details()
    assert [tuple(detail["shape"]) for detail in details] == [(4,), (2, 1), (2,), (2,), (1,), ()]
    assert interpreter.get_tensor(2).tolist() == [1, 2]
    interpreter.tensor(0)()[1] = 5
    interpreter.invoke()
    assert interpreter.get_tensor(2).tolist() == [1, 5, 2]
