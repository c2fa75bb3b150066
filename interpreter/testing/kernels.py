"""Checking a kernel of one's own against litejit's, on given problems and on drawn ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litejit.schema.errors import InvalidInputError
from litejit.testing.harness import Problem, assert_same, run

__all__ = ["check_kernel"]


def check_kernel(
    kernel: Callable[..., Any],
    op: str,
    *cases: Any,
    flavour: str = "litert-ref",
    ulp: int = 0,
    atol: float = 0.0,
    max_examples: int = 100,
) -> None:
    """Asserts that a kernel computes an operator as litejit does, which computes as the official runtime does.

    kernel: what `Interpreter(kernels={op: …})` takes. cases: `Problem`s, or Hypothesis strategies that draw them, with
    so many examples each. flavour: whose rounding. ulp, atol: see `assert_same`.
    """
    if not cases:
        raise InvalidInputError("no cases are given: a Problem, or a strategy of litejit.testing.strategies")

    def check(problem: Problem) -> None:
        expected = run(problem, numerics=flavour)
        for ours, theirs in zip(run(problem, numerics=flavour, kernels={op: kernel}), expected, strict=True):
            assert_same(ours, theirs, ulp=ulp, atol=atol, peer=f"litejit ({flavour})")

    for case in cases:
        if isinstance(case, Problem):
            check(case)
        else:
            _check_drawn(check, case, max_examples)


def _check_drawn(check: Callable[[Problem], None], strategy: Any, max_examples: int) -> None:
    from hypothesis import HealthCheck, given, settings

    unhurried = settings(
        max_examples=max_examples, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    unhurried(given(strategy)(check))()
