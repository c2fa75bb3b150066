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


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_compare_complex_numbers(direction: str) -> None:
    """Pairs (real, imaginary) in lexicographic order; a part that is not-a-number compares with nothing."""
    parts = np.array([-np.inf, -1, -0.0, 0, 2, np.nan])
    numbers = [complex(real, imag) for real in parts for imag in parts]
    left, right = (v.copy() for v in np.meshgrid(numbers, numbers))

    def less(x: complex, y: complex) -> bool:
        return x.real < y.real or (x.real == y.real and x.imag < y.imag)

    def holds(x: complex, y: complex) -> bool:
        same = x.real == y.real and x.imag == y.imag
        ordered = {"LT": less(x, y), "GT": less(y, x), "LE": less(x, y) or same, "GE": less(y, x) or same}
        return {"EQ": same, "NE": not same, **ordered}[direction]

    expected = np.array([holds(*pair) for pair in zip(left.flat, right.flat, strict=True)]).reshape(left.shape)
    for dtype in (np.complex64, np.complex128):
        for kind in ("NOTYPE", "FLOAT"):
            options = {"comparison_direction": f"STABLEHLO_COMPARISON_DIRECTION_{direction}",
                       "compare_type": f"STABLEHLO_COMPARISON_TYPE_{kind}"}  # fmt: skip
            operands = [left.astype(dtype), right.astype(dtype)]
            assert_same(run(stablehlo("COMPARE", operands, [out(np.bool_)], **options))[0], expected)


KINDS = {"FLOAT": [np.float16, np.float32, np.float64, np.complex64],
         "FLOAT_TOTAL_ORDER": [np.float16, np.float32, np.float64],
         "SIGNED": [np.int8, np.int64], "UNSIGNED": [np.uint8, np.uint64, np.bool_]}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_compare_types(kind: str) -> None:
    """compare_type says what the operands are, or nothing."""
    options = {"comparison_direction": "STABLEHLO_COMPARISON_DIRECTION_GT",
               "compare_type": f"STABLEHLO_COMPARISON_TYPE_{kind}"}  # fmt: skip
    for dtype in {dtype for dtypes in KINDS.values() for dtype in dtypes}:
        problem = stablehlo("COMPARE", [np.array([1, 0], dtype), np.zeros(2, dtype)], [out(np.bool_)], **options)
        if dtype in KINDS[kind]:
            assert_same(run(problem)[0], np.array([True, False]))
        else:
            refused(problem, f"compare_type STABLEHLO_COMPARISON_TYPE_{kind} is not for")


def test_complex_numbers() -> None:
    z = np.array([3 - 4j, -8, 2j, 0, 1 + 1j], np.complex64)
    w = np.array([1j, 2, -1 + 1j, 1, 3], np.complex64)
    assert_same(run(stablehlo("ABS", [z], [out(np.float32)]))[0], np.float32([5, 8, 2, 0, np.sqrt(2)]))
    assert_same(run(stablehlo("CBRT", [z]))[0] ** 3, z, atol=1e-5)
    assert_same(run(stablehlo("CONVERT", [z], [out(np.bool_)]))[0], np.array([True, True, False, False, True]))
    assert_same(run(stablehlo("CONVERT", [z], [out(np.int32)]))[0], np.int32([3, -8, 0, 0, 1]))
    assert_same(run(stablehlo("CLAMP", [np.complex64(-1), z, np.complex64(1)], [out(np.complex64)]))[0],
                np.array([1, -1, 2j, 0, 1], np.complex64))  # fmt: skip
    options = {f"{side}_{kind}_dimensions": [] if kind == "batching" else [0]
               for side in ("lhs", "rhs") for kind in ("batching", "contracting")}  # fmt: skip
    (product,) = run(stablehlo("DOT_GENERAL", [z, w], [out(np.complex64)], **options))
    assert_same(product, np.complex64((z * w).sum()), atol=1e-5)


@pytest.mark.parametrize("name", ["SUBTRACT", "OR", "COMPARE", "NEGATE", "CLAMP", "CONVERT", "DOT_GENERAL", "IOTA"])
def test_quantized_tensors_are_refused(name: str) -> None:
    """The specification computes with the numbers that they stand for."""
    count = {"NEGATE": 1, "CONVERT": 1, "CLAMP": 3, "IOTA": 0}.get(name, 2)
    operands = [Input(I8, scale=0.5, zero_point=3) for _ in range(count)]
    result = out(np.bool_) if name == "COMPARE" else out(np.int8, shape=(256,), scale=0.5)
    refused(single_op(f"STABLEHLO_{name}", operands, [result]), "is quantized, expected plain numbers")


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
    zero, far = np.array(-5, np.int64), np.array(99, np.int64)
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
        (
            stablehlo("DYNAMIC_SLICE", [LEFT, *(np.zeros((), t) for t in (np.int32, np.int64))], slice_sizes=[1, 1]),
            "operand 2",
        ),
        (
            stablehlo(
                "DOT_GENERAL",
                [REALS, REALS],
                [out(np.int32)],
                lhs_contracting_dimensions=[0],
                rhs_contracting_dimensions=[0],
            ),
            "is INT32, expected FLOAT16 or FLOAT32",
        ),
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
