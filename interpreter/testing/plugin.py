"""The pytest plugin: fixtures to check one's own kernels with, and the option --litejit-flavour.

def test_mine(assert_kernel_matches):
    assert_kernel_matches(my_add, "ADD", strategies.add(dtype="int8"))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

__all__ = ["assert_kernel_matches", "litejit_flavour", "tflite_oracle"]

KernelMatches = Callable[..., None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds --litejit-flavour."""
    parser.getgroup("litejit").addoption(
        "--litejit-flavour",
        default="litert-ref",
        metavar="FLAVOUR",
        help="whose rounding kernels are checked against: litert-ref (default), litert-opt, xnnpack, tflm, "
        "single-rounding",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuses a flavour that there is not."""
    from litejit.kernels.kernel import ALL_FLAVOURS

    flavour = config.getoption("--litejit-flavour")
    if flavour not in ALL_FLAVOURS:
        raise pytest.UsageError(f"--litejit-flavour is '{flavour}', expected one of {', '.join(sorted(ALL_FLAVOURS))}")


@pytest.fixture(scope="session")
def litejit_flavour(pytestconfig: pytest.Config) -> str:
    """The flavour that --litejit-flavour asks for."""
    return str(pytestconfig.getoption("--litejit-flavour"))


@pytest.fixture(scope="session")
def tflite_oracle() -> Any:
    """The official runtime in a process of its own: `.run(model, inputs, "ref").outputs`; skips where it is missing."""
    from litejit.crosscheck.official import is_installed, official

    if not is_installed():
        pytest.skip("the official runtime is not installed: pip install 'litejit[crosscheck]'")
    return official


@pytest.fixture
def assert_kernel_matches(litejit_flavour: str) -> KernelMatches:
    """A function (kernel, op, *cases, ulp=0, atol=0.0, max_examples=100) that checks a kernel of one's own.

    kernel: gets the operands' arrays, and litejit's prepared kernel (multipliers, windows, …) if it has a parameter
    `kernel`; returns the output. cases: `Problem`s, or strategies that draw them.
    """
    from litejit.testing.kernels import check_kernel

    def matches(kernel: Callable[..., Any], op: str, *cases: Any, **keywords: Any) -> None:
        check_kernel(kernel, op, *cases, flavour=litejit_flavour, **keywords)

    return matches
