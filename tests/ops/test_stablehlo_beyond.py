"""StableHLO operators that the official runtime does not have, against NumPy formulas and the specification's words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit import ModelBuilder
from litejit.testing import Input, Problem, assert_same, out, refused, run, single_op
from tests.catalogue_beyond import BEYOND

I8 = np.arange(-128, 128, dtype=np.int8)
PAIRS = [v.astype(np.int8) for v in np.meshgrid(I8, I8)]
REALS = np.array([-np.inf, -300, -2.5, -1, -0.5, -1e-40, -0.0, 0, 1e-40, 0.5, 1, 2.5, 300, np.inf, np.nan], np.float32)
LEFT, RIGHT = (v.copy() for v in np.meshgrid(REALS, REALS))
DIRECTIONS = {"EQ": np.equal, "NE": np.not_equal, "GE": np.greater_equal, "GT": np.greater, "LE": np.less_equal,
              "LT": np.less}  # fmt: skip


def stablehlo(name: str, operands: list[Any], outputs: list[Any] | None = None, **options: Any) -> Problem:
    return single_op(f"STABLEHLO_{name}", [Input(v) for v in operands], outputs, **options)


UNARY: dict[str, Any] = {
    "LOGISTIC": lambda x: 1 / (1 + np.exp(-x)),
    "ABS": np.abs,
    "COSINE": np.cos,
    "EXPONENTIAL": np.exp,
    "FLOOR": np.floor,
    "LOG": np.log,
    "NEGATE": np.negative,
    "RSQRT": lambda x: 1 / np.sqrt(x),
    "TANH": np.tanh,
    "CBRT": np.cbrt,
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", UNARY)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_unary(name: str, dtype: Any) -> None:
    x = REALS.astype(dtype)
    (y,) = run(stablehlo(name, [x]))
    expected = UNARY[name](x.astype(np.float64)).astype(dtype)
    assert_same(y, expected, ulp=4)
    assert run(stablehlo(name, [x[:0]]))[0].shape == (0,)
    assert run(stablehlo(name, [x[3]]))[0].shape == ()


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_integers(dtype: Any) -> None:
    """Every pair of bytes: the exact result, modulo 256."""
    a, b = (v.astype(dtype) for v in PAIRS)
    x, y = a.astype(np.int64), b.astype(np.int64)
    quotient = np.where(y == 0, -1, np.sign(x) * np.sign(y) * (np.abs(x) // np.maximum(np.abs(y), 1)))
    for name, expected in {
        "SUBTRACT": x - y,
        "DIVIDE": quotient,
        "REMAINDER": np.where(y == 0, x, x - y * quotient),
        "OR": x | y,
    }.items():
        assert_same(run(stablehlo(name, [a, b]))[0], expected.astype(dtype))
    assert_same(run(stablehlo("NEGATE", [a]))[0], (-x).astype(dtype))


def test_integer_powers() -> None:
    a, b = (v.ravel()[::7] for v in PAIRS)
    expected = []
    for x, y in zip(a.tolist(), b.tolist(), strict=True):
        expected.append({0: -1, 1: 1, -1: -1 if y % 2 else 1}.get(x, 0) if y < 0 else pow(x, y, 256))
    assert_same(run(stablehlo("POWER", [a, b]))[0], np.array(expected).astype(np.int8))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("name", "function"),
    [("SUBTRACT", np.subtract), ("DIVIDE", np.divide), ("REMAINDER", np.fmod), ("POWER", np.power)],
)
def test_floats(name: str, function: Any) -> None:
    assert_same(run(stablehlo(name, [LEFT, RIGHT]))[0], function(LEFT, RIGHT))


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_compare(direction: str) -> None:
    options = {"comparison_direction": f"STABLEHLO_COMPARISON_DIRECTION_{direction}"}
    (y,) = run(stablehlo("COMPARE", [LEFT, RIGHT], [out(np.bool_)], **options))
    assert_same(y, DIRECTIONS[direction](LEFT, RIGHT))
    (y,) = run(stablehlo("COMPARE", PAIRS, [out(np.bool_)], **options))
    assert_same(y, DIRECTIONS[direction](*PAIRS))
    # The order of REALS, with -0 before 0 and NaN after infinity, is the total order.
    rank = np.arange(REALS.size)
    options["compare_type"] = "STABLEHLO_COMPARISON_TYPE_FLOAT_TOTAL_ORDER"
    (y,) = run(stablehlo("COMPARE", [LEFT, RIGHT], [out(np.bool_)], **options))
    assert_same(y, DIRECTIONS[direction](*np.meshgrid(rank, rank)))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.float16, np.float64, np.bool_])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_convert(dtype: Any) -> None:
    (y,) = run(stablehlo("CONVERT", [REALS], [out(dtype)]))
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        whole = [0 if np.isnan(v) else v for v in REALS.tolist()]
        expected = [info.min if v < info.min else info.max if v > info.max else int(v) for v in whole]
        assert_same(y, np.array(expected, dtype))
    else:
        assert_same(y, REALS.astype(dtype))


def test_choice() -> None:
    pred = LEFT > 0
    assert_same(run(stablehlo("SELECT", [pred, LEFT, RIGHT], [out()]))[0], np.where(pred, LEFT, RIGHT))
    assert_same(run(stablehlo("SELECT", [np.False_, LEFT, RIGHT], [out()]))[0], RIGHT)
    low, high = np.float32(-1), np.float32(2)
    assert_same(run(stablehlo("CLAMP", [low, REALS, high], [out()]))[0], np.clip(REALS, low, high))
    assert_same(run(stablehlo("CLAMP", [REALS - 1, REALS, REALS - 1], [out()]))[0], REALS - 1)


def test_shapes() -> None:
    x = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    zero, far = np.array(-5, np.int32), np.array(99, np.int64)
    cases = [
        (stablehlo("RESHAPE", [x], [out(np.int16, shape=(4, 6))]), x.reshape(4, 6)),
        (stablehlo("TRANSPOSE", [x], permutation=[2, 0, 1]), x.transpose(2, 0, 1)),
        (stablehlo("CONCATENATE", [x, x[:, :1], x[:, :0]], dimension=1), np.concatenate([x, x[:, :1]], axis=1)),
        (
            stablehlo("BROADCAST_IN_DIM", [x[:, :, 0]], [out(np.int16, shape=(3, 5, 2))], broadcast_dimensions=[2, 0]),
            np.broadcast_to(x[:, :, 0].T[:, None], (3, 5, 2)),
        ),
        (stablehlo("IOTA", [], [out(np.float32, shape=(2, 3))], iota_dimension=0), np.float32([[0] * 3, [1] * 3])),
        (
            stablehlo("SLICE", [x], start_indices=[0, 1, 0], limit_indices=[2, 3, 4], strides=[1, 1, 3]),
            x[:, 1:3, ::3],
        ),
        (stablehlo("DYNAMIC_SLICE", [x, zero, far, zero], slice_sizes=[1, 2, 4]), x[:1, 1:, :]),
    ]
    for problem, expected in cases:
        assert_same(run(problem)[0], expected)
    updated = x.copy()
    updated[:1, 1:, :] = -1
    assert_same(run(stablehlo("DYNAMIC_UPDATE_SLICE", [x, -np.ones((1, 2, 4), np.int16), zero, far, zero]))[0], updated)


def test_dot_general() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(-128, 128, (3, 2, 5, 4)).astype(np.int8), rng.integers(-128, 128, (4, 7, 2, 5)).astype(np.int8)
    options = {"lhs_batching_dimensions": [1], "rhs_batching_dimensions": [2], "lhs_contracting_dimensions": [3, 2],
               "rhs_contracting_dimensions": [0, 3]}  # fmt: skip
    expected = np.einsum("abcd,debc->bae", a.astype(np.int32), b.astype(np.int32))
    assert_same(run(stablehlo("DOT_GENERAL", [a, b], [out(np.int32)], **options))[0], expected.astype(np.int32))


def test_while() -> None:
    (problem,) = BEYOND["STABLEHLO_WHILE"]
    assert run(problem)[0] == 128


@pytest.mark.parametrize(
    ("problem", "fragment"),
    [
        (stablehlo("RESHAPE", [REALS], [out(shape=(4, 4))]), "no shape (4, 4)"),
        (stablehlo("TRANSPOSE", [LEFT], permutation=[0, 0]), "permutation is (0, 0)"),
        (stablehlo("CONCATENATE", [LEFT, LEFT[:3]], dimension=1), "do not fit"),
        (stablehlo("BROADCAST_IN_DIM", [REALS], [out(shape=(3, 4))], broadcast_dimensions=[1]), "is not broadcast"),
        (stablehlo("SLICE", [REALS], start_indices=[0], limit_indices=[16], strides=[1]), "limit within (15,)"),
        (stablehlo("DYNAMIC_SLICE", [REALS], slice_sizes=[1]), "there are 0 start indices"),
        (stablehlo("COMPARE", [REALS, REALS[:2]], [out(np.bool_)]), "expected (15,)"),
        (stablehlo("SELECT", [REALS[:2] > 0, REALS, REALS], [out()]), "expected (15,)"),
        (stablehlo("SUBTRACT", [REALS, I8]), "'rhs'"),
    ],
)
def test_errors(problem: Problem, fragment: str) -> None:
    refused(problem, fragment)


@pytest.mark.parametrize(
    ("name", "fields"),
    [("CUSTOM_CALL", {})],
)
def test_operators_without_a_kernel_are_refused_by_name(name: str, fields: dict[str, int]) -> None:
    b = ModelBuilder()
    b.output(b.op(f"STABLEHLO_{name}", [b.input("x", REALS.shape)], **fields))
    inner = b.subgraph("inner")
    inner.output(inner.input("y", ()))
    refused(Problem(b.to_bytes(), [REALS]), f"STABLEHLO_{name}): there is no kernel")
