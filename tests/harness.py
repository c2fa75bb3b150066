"""The harness of operator tests, which litejit's users have, too: see `litejit.testing`."""

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
