"""What each sweep compares: found out by going through its cases with a `check` that only prepares the model.

A combination is (operator, signature, flavour), see `litejit.kernels.established`.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import pytest

from litejit.kernels.established import DEFAULT_FLAVOUR, signature
from litejit.kernels.kernel import Kernel
from litejit.testing import Problem, run

__all__ = ["Combination", "combinations", "sweep_function"]

Combination = tuple[str, str, str]


def sweep_function(name: str) -> Callable[..., None]:
    """A test by its name below tests/."""
    module, _, function = name.rpartition(".")
    found = getattr(importlib.import_module(f"tests.{module}"), function)
    assert callable(found), name
    return found


def combinations(name: str, wanted: set[Combination], patience: int = 60) -> set[Combination]:
    """What a sweep compares, until all that is wanted is found, or so many cases in a row had nothing new."""
    function, found = sweep_function(name), set[Combination]()
    known, last = 0, 0
    with _recording(importlib.import_module(function.__module__), found):
        for at, arguments in enumerate(_cases(function)):
            with suppress(pytest.skip.Exception):
                function(**arguments)
            known, last = len(found), at if len(found) > known else last
            if wanted <= found or at - last > patience:
                break
    return found


def _cases(function: Callable[..., None]) -> Iterator[dict[str, Any]]:
    """The arguments that a parametrized test is called with, in an order that soon shows all kinds of them."""
    marks = [mark for mark in getattr(function, "pytestmark", ()) if mark.name == "parametrize"]
    axes = [[_named(mark.args[0], value) for value in mark.args[1]] for mark in marks]
    cases = list(itertools.product(*axes))
    for at in np.random.default_rng(0).permutation(len(cases)):
        yield {name: value for part in cases[at] for name, value in part.items()}


def _named(names: str | tuple[str, ...], value: Any) -> dict[str, Any]:
    names = tuple(name.strip() for name in names.split(",")) if isinstance(names, str) else tuple(names)
    values = getattr(value, "values", value) if type(value).__name__ == "ParameterSet" else value
    return dict(zip(names, values if len(names) > 1 or values is not value else (value,), strict=True))


@contextmanager
def _recording(module: Any, found: set[Combination]) -> Iterator[None]:
    """Notes each operator of what the module's tests check, or run under a flavour that they name."""
    compared: list[str] = []
    bind = Kernel.bind

    def noting(kernel: Kernel, node: Any) -> None:
        bind(kernel, node)
        name = signature(node) if compared else None
        if name is not None:
            found.add((node.op, name, kernel.flavour))

    def prepared(problem: Problem, **keywords: Any) -> list[np.ndarray]:
        compared.append(keywords.get("numerics", DEFAULT_FLAVOUR))
        try:
            return run(problem, numerics=compared[-1], invokes=keywords.get("invokes", 1))
        finally:
            compared.pop()

    def running(problem: Problem, **keywords: Any) -> list[np.ndarray]:
        if "numerics" in keywords:
            return prepared(problem, **keywords)
        return run(problem, **keywords)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Kernel, "bind", noting)
        for name, replacement in (("check", prepared), ("run", running)):
            if hasattr(module, name):
                patch.setattr(module, name, replacement)
        yield
