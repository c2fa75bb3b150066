"""The pytest plugin, the strategies, and the example suite of the README."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.metadata import entry_points
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, find, given, settings

from litejit.testing import check, strategies
from litejit.testing.kernels import check_kernel
from tests.paths import ROOT

pytest_plugins = ["pytester"]

PLUGIN = (
    [] if any(entry.name == "litejit" for entry in entry_points(group="pytest11")) else ["-p", "litejit.testing.plugin"]
)
DRAWN = {
    f"{name} {dtype}": getattr(strategies, name)(dtype=dtype)
    for name in (
        "conv2d",
        "depthwise_conv2d",
        "fully_connected",
        "average_pool_2d",
        "max_pool_2d",
        "add",
        "mul",
        "softmax",
    )
    for dtype in ("float32", "int8", "uint8", "int16")
}


@pytest.mark.parametrize("case", DRAWN)
def test_strategies_draw_legal_problems(case: str) -> None:
    """Litejit runs all of them, and so does the official runtime, to the same result."""

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
    @given(DRAWN[case])
    def run(problem: Any) -> None:
        check(problem, ulp=8, atol=1e-4)

    run()


def test_problems_shrink() -> None:
    problem = find(strategies.conv2d(dtype="int8"), lambda problem: problem.inputs[0].shape[1] >= 3)
    assert problem.inputs[0].shape == (1, 3, 1, 1)
    assert not problem.inputs[0].any()


def right(input1: np.ndarray, input2: np.ndarray, kernel: Any) -> np.ndarray:
    return kernel(input1, input2)


def wrong(input1: np.ndarray, input2: np.ndarray, kernel: Any) -> np.ndarray:
    return np.minimum(kernel(input1, input2), 100)


def test_check_kernel() -> None:
    check_kernel(right, "ADD", strategies.add(dtype="int8"), max_examples=20)
    with pytest.raises(AssertionError, match=r"litejit \(litert-ref\) has|differ, first at"):
        check_kernel(wrong, "ADD", strategies.add(dtype="int8"))


def readme_suite() -> str:
    """The example test-suite of the README."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return next(block for block in blocks if "assert_kernel_matches" in block)


def test_the_suite_of_the_readme(pytester: Any) -> None:
    suite = readme_suite()
    assert len([line for line in suite.splitlines() if line.strip()]) <= 10
    pytester.makepyfile(suite)
    pytester.runpytest_subprocess(*PLUGIN, "-q").assert_outcomes(passed=1)


C_KERNEL = """
#include <stdint.h>
void mul(const int8_t *a, const int8_t *b, int8_t *out, long size, const int32_t *p) {
  for (long i = 0; i < size; ++i) {
    int64_t x = (int64_t)(a[i] - p[0]) * (b[i] - p[1]);
    if (p[3] > 0) x <<= p[3];
    int64_t high = (x * p[2] + (1 << 30)) >> 31;
    int right = p[3] < 0 ? -p[3] : 0;
    int64_t steps = right ? (high + ((int64_t)1 << right >> 1) - (high < 0)) >> right : high;
    steps += p[4];
    out[i] = (int8_t)(steps < p[5] ? p[5] : steps > p[6] ? p[6] : steps);
  }
}
"""
C_SUITE = """
import ctypes
import numpy as np
from litejit.testing import Input, out, single_op, strategies

lib = ctypes.CDLL("./mul.so")

def my_mul(input1, input2, kernel):
    f = kernel.quantized.formula
    a, b = (np.ascontiguousarray(x) for x in np.broadcast_arrays(input1, input2))
    out = np.empty_like(a)
    p = np.int32([*f.offsets, f.multiplier.mantissa, f.multiplier.exponent, f.zero_point, f.low, f.high])
    lib.mul(*(x.ctypes.data_as(ctypes.c_void_p) for x in (a, b, out)), ctypes.c_long(out.size), p.ctypes)
    return out

x = Input(np.arange(-128, 128).astype(np.int8), scale=2.0**-5)
EVERY_NUMBER = single_op("MUL", [x, Input(np.int8([3]), scale=2.0**-5)], [out(np.int8, scale=2.0**-5)])

def test_my_mul(assert_kernel_matches):
    assert_kernel_matches(my_mul, "MUL", CASES)
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no C compiler: install gcc")
@pytest.mark.parametrize(
    ("away", "cases", "outcome"),
    [
        ("- (high < 0)", 'strategies.mul(dtype="int8"), EVERY_NUMBER', "passed"),
        ("", "EVERY_NUMBER", "failed"),
    ],
    ids=["right", "wrong"],
)
def test_a_kernel_in_c(away: str, cases: str, outcome: str, pytester: Any) -> None:
    """Through ctypes. Leaving out what makes ties round away from zero is found."""
    pytester.makefile(".c", mul=C_KERNEL.replace("- (high < 0)", away))
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "mul.c", "-o", "mul.so"], cwd=pytester.path, check=True)
    pytester.makepyfile(C_SUITE.replace("CASES", cases))
    pytester.runpytest_subprocess(*PLUGIN, "-q").assert_outcomes(**{outcome: 1})


SUITES = {
    "oracle": (
        """
        import numpy as np
        from litejit.testing import Input, single_op
        def test(tflite_oracle):
            problem = single_op("ABS", [Input(np.float32([-1, 2]))])
            assert tflite_oracle.run(problem.model, problem.inputs).outputs[0].tolist() == [1, 2]
        """,
        [],
        {"passed": 1},
    ),
    "wrong kernel": (
        """
        import numpy as np
        from litejit.testing import Input, out, single_op
        def test(assert_kernel_matches):
            x = Input(np.arange(4, dtype=np.int8), scale=.5)
            problem = single_op("ADD", [x, x], [out(np.int8, scale=.5)])
            assert_kernel_matches(lambda a, b: a, "ADD", problem)
        """,
        [],
        {"failed": 1},
    ),
    "flavour": (
        """
        def test(litejit_flavour):
            assert litejit_flavour == "xnnpack"
        """,
        ["--litejit-flavour", "xnnpack"],
        {"passed": 1},
    ),
}


@pytest.mark.parametrize("case", SUITES)
def test_fixtures(case: str, pytester: Any) -> None:
    suite, options, outcomes = SUITES[case]
    pytester.makepyfile(suite)
    pytester.runpytest_subprocess(*PLUGIN, "-q", *options).assert_outcomes(**outcomes)


def test_unknown_flavour(pytester: Any) -> None:
    pytester.makepyfile("def test(): pass")
    result = pytester.runpytest_subprocess(*PLUGIN, "--litejit-flavour", "tensorflow")
    result.stderr.fnmatch_lines(["*--litejit-flavour is 'tensorflow', expected one of*"])
