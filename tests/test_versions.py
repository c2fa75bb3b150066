"""Every version of every operator, and some beyond: taken where the official runtime takes it."""

from __future__ import annotations

import pytest

from litejit.kernels.registry import builtin_kernels
from tests.agreement import Kind, verdict
from tests.catalogue import CATALOGUE
from tests.catalogue_beyond import BEYOND
from tests.mutant import Mutant

VERSIONS = {
    operator.name: kernel.versions for operator, kernel in builtin_kernels().items() if operator.name not in BEYOND
}


@pytest.mark.parametrize("name", VERSIONS)
def test_versions(name: str) -> None:
    wrong = []
    for at, problem in enumerate(CATALOGUE[name]):
        for version in range(VERSIONS[name][1] + 3):
            mutant = Mutant(problem, name)
            mutant.model.operator_codes[mutant.operator.opcode_index].version = version
            found = verdict(mutant.to_bytes(), mutant.inputs(), name, fast=False)
            if found.kind not in (Kind.SAME, Kind.REFUSED):
                wrong.append(f"{at} version {version}: {found.kind.value} ({found.resolver}): {found.words}")
    assert not wrong, "\n".join(wrong)
