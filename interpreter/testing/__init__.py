"""Checks of kernels against the official runtime and litejit: the harness of litejit's own tests.

A `Problem` is a small model and the arrays to run it on; `single_op` makes one of one operator. `check` runs it here
and there and compares every output. `strategies` draws problems, where Hypothesis is installed.
"""

from litejit.testing.harness import (
    Const,
    Input,
    Problem,
    Variable,
    assert_same,
    assert_within,
    check,
    out,
    refused,
    run,
    single_op,
)

__all__ = [
    "Const",
    "Input",
    "Problem",
    "Variable",
    "assert_same",
    "assert_within",
    "check",
    "out",
    "refused",
    "run",
    "single_op",
]
