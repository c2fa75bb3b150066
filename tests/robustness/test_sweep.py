"""Every operator, mutated: whatever is wrong with it, the answer is success or an error of litejit's, in bounded time.

LITEJIT_MUTATIONS=N sets how many mutations of each problem of the catalogue are tried one at a time (default 8; a large
number tries all of them), LITEJIT_MUTANTS=N how many random combinations of them in all (default 1500).
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from litejit.kernels.registry import builtin_kernels, custom_kernels
from tests.catalogue import CATALOGUE
from tests.robustness.mutations import Change, Mutant, mutations, outcome

MUTATIONS = int(os.environ.get("LITEJIT_MUTATIONS", "8"))
MUTANTS = int(os.environ.get("LITEJIT_MUTANTS", "1500"))
SECONDS = 5.0
PLACES = ("operator", "tensor", "subgraph", "signature")
"""An error names one of them."""

NAMES = [operator.name for operator in builtin_kernels()] + list(custom_kernels())
WORK = [(name, at) for name in NAMES for at in range(len(CATALOGUE.get(name, [])))]


def attempt(name: str, at: int, changes: list[tuple[str, Change]]) -> None:
    mutant = Mutant(CATALOGUE[name][at], name)
    labels = [label for label, change in changes if applies(mutant, change)]
    try:
        model, values = mutant.to_bytes(), mutant.inputs()
    except (ValueError, TypeError, AttributeError):  # two changes that no file can hold together
        return
    try:
        result = outcome(model, values)
    except Exception as error:
        raise AssertionError(f"{name} {at}, {labels}: {error!r}") from error
    assert result.seconds < SECONDS, f"{name} {at}, {labels}: {result.seconds:.1f} s"
    text = str(result.error)
    assert result.error is None or any(place in text for place in PLACES), f"{name} {at}, {labels}: {text}"


def applies(mutant: Mutant, change: Change) -> bool:
    """Makes the change, unless an earlier one has taken away what it is about."""
    try:
        change(mutant)
    except (ValueError, TypeError, IndexError, AttributeError, MemoryError):
        return False
    return True


@pytest.mark.parametrize(("name", "at"), WORK)
def test_one_mutation(name: str, at: int) -> None:
    rng = np.random.default_rng(sum(name.encode()) + at)
    every = list(mutations(Mutant(CATALOGUE[name][at], name)))
    for place in rng.permutation(len(every))[:MUTATIONS]:
        attempt(name, at, [every[place]])


@pytest.mark.parametrize(("name", "at"), WORK)
def test_several_mutations(name: str, at: int) -> None:
    rng = np.random.default_rng(1000 + sum(name.encode()) + at)
    every = list(mutations(Mutant(CATALOGUE[name][at], name)))
    for _ in range(max(1, MUTANTS // len(WORK))):
        attempt(name, at, [every[place] for place in rng.integers(0, len(every), int(rng.integers(2, 5)))])
