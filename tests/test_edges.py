"""Edge problems of every operator, three ways: official runtime, reference tier, fast tier. And drawn pairs of edges.

Where the official runtime takes a problem, both tiers give what it gives (floats within the operator's bound); where it
refuses, litejit does. LITEJIT_EDGES=N sets how many edges of each problem of the catalogue are tried (default 12, a
large number tries all of them), LITEJIT_DRAWN=N how many combinations are drawn for each operator (default 6).
"""

from __future__ import annotations

import os
import zlib

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from litejit.kernels.registry import builtin_kernels, custom_kernels
from tests.agreement import Kind, Verdict, explained, verdict
from tests.catalogue import CATALOGUE
from tests.catalogue_beyond import BEYOND
from tests.edge_differences import DIFFERENCES, is_deadly
from tests.edges import edges
from tests.mutant import Mutant

EDGES = int(os.environ.get("LITEJIT_EDGES", "12"))
DRAWN = int(os.environ.get("LITEJIT_DRAWN", "6"))
NAMES = [operator.name for operator in builtin_kernels()] + list(custom_kernels())
OFFICIAL = [name for name in NAMES if name not in BEYOND]
WITHOUT_EDGES = {"VAR_HANDLE", "CALL_ONCE", "DENSIFY"}
"""Operators without operands that could be varied: a handle, a call of nothing, a sparse constant."""

AGREED = (Kind.SAME, Kind.REFUSED, Kind.DIED)


def tried(name: str, at: int, labels: list[str]) -> Verdict:
    """The verdict of a problem with these edges."""
    mutant = Mutant(CATALOGUE[name][at], name)
    changes = dict(edges(mutant))
    for label in labels:
        changes[label](mutant)
    return verdict(mutant.to_bytes(), mutant.inputs(), name)


@pytest.mark.parametrize("name", OFFICIAL)
def test_edges(name: str) -> None:
    wrong = []
    for at in range(len(CATALOGUE[name])):
        every = list(dict(edges(Mutant(CATALOGUE[name][at], name))))
        every.sort(key=lambda label: zlib.crc32(f"{name} {label}".encode()))  # any order that stays
        for label in every[:EDGES]:
            if is_deadly(name, f"{at} {label}"):
                continue
            found = tried(name, at, [label])
            if found.kind not in AGREED and explained(DIFFERENCES, name, f"{at} {label}", found.kind) is None:
                wrong.append(f"{at} {label}: {found.kind.value} ({found.resolver}): {found.words}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", OFFICIAL)
def test_drawn_combinations(name: str) -> None:
    """Two or three edges at a time."""
    calm = settings(
        max_examples=DRAWN, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )  # fmt: skip

    @calm
    @given(st.data())
    def check(data: st.DataObject) -> None:
        at = data.draw(st.integers(0, len(CATALOGUE[name]) - 1), "problem")
        legal = legal_edges(name, at)
        labels = data.draw(st.lists(st.sampled_from(legal), min_size=2, max_size=3, unique=True), "edges")
        try:
            found = tried(name, at, labels)
        except (ValueError, TypeError, AttributeError, KeyError):  # one edge has taken away what another is about
            return
        assert found.kind in AGREED, f"{at} {labels}: {found.kind.value} ({found.resolver}): {found.words}"

    if name not in WITHOUT_EDGES:
        check()


def test_every_operator_is_drawn() -> None:
    few = {name for name in OFFICIAL if any(len(legal_edges(name, at)) < 2 for at in range(len(CATALOGUE[name])))}
    assert few == WITHOUT_EDGES


def legal_edges(name: str, at: int) -> list[str]:
    """Those about which nothing is known to be different."""
    labels = dict(edges(Mutant(CATALOGUE[name][at], name)))
    return [
        label
        for label in labels
        if not is_deadly(name, f"{at} {label}")
        and all(explained(DIFFERENCES, name, f"{at} {label}", kind) is None for kind in Kind)
    ]
