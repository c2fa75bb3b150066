"""The catalogue has every operator, and each of its problems is one that the official runtime solves alike."""

from __future__ import annotations

import pytest

from litejit.kernels import registry
from litejit.kernels.registry import builtin_kernels, custom_kernels
from litejit.testing import Problem, check, run
from tests.catalogue import CATALOGUE
from tests.catalogue_beyond import BEYOND
from tests.oracle import oracle

REGISTERED = [operator.name for operator in builtin_kernels()] + list(custom_kernels())
PROBLEMS = [
    pytest.param(name, problem, id=f"{name}-{at}")
    for name in REGISTERED
    for at, problem in enumerate(CATALOGUE.get(name, []))
]
UNEQUAL = {
    "TFLite_Detection_PostProcess": "the official kernel leaves what it does not find as it was",
    "LOCAL_RESPONSE_NORMALIZATION": "the official reference kernel leaves a channel out",
}
"""Operator -> why its outputs are not compared here."""


def test_every_operator_has_an_entry() -> None:
    assert [name for name in REGISTERED if not CATALOGUE.get(name)] == []


@pytest.mark.parametrize(("name", "problem"), PROBLEMS)
def test_entry(name: str, problem: Problem) -> None:
    """Floats only about: how far each operator may be off is in its own tests."""
    if name in BEYOND:
        assert len(run(problem)) > 0
    elif name in UNEQUAL:
        assert oracle.truth(problem.model, problem.inputs).error is None
        assert len(run(problem)) > 0
    else:
        check(problem)


def test_families_are_found_without_importing_them() -> None:
    kernels = {operator.name: kernel for operator, kernel in builtin_kernels().items()} | custom_kernels()
    assert registry._families() == {name: kernel.__module__.rpartition(".")[2] for name, kernel in kernels.items()}
