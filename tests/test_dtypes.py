"""Every operator in every type at every place: taken where the official runtime takes it, with the same result.

Beside it, which types each tier serves: `litejit.operator_types`, from which `litejit ops` and docs/operators.md are
made. LITEJIT_WRITE_DOCS=1 python -m pytest tests/test_dtypes.py writes it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from litejit.cli_ops import measured_types
from litejit.kernels.registry import builtin_kernels, custom_kernels
from litejit.schema import TensorType
from tests.agreement import Kind, explained, is_lowered, verdict
from tests.catalogue import CATALOGUE
from tests.catalogue_types import OF_TYPES
from tests.dtype_differences import DIFFERENCES, NEWER, is_deadly
from tests.dtypes import Case, cases
from tests.mutant import Mutant

KERNELS = {operator.name: kernel for operator, kernel in builtin_kernels().items()} | custom_kernels()
FILE = Path(__file__).parent.parent / "interpreter" / "operator_types.json"
WRITE = bool(os.environ.get("LITEJIT_WRITE_DOCS"))


def every_case(name: str) -> Iterator[tuple[str, Case]]:
    for at in range(len(CATALOGUE[name])):
        for case in cases(name, at):
            if not is_deadly(name, f"{at} {case.label}"):
                yield f"{at} {case.label}", case
    for at, problem in enumerate(OF_TYPES.get(name, [])):
        mutant = Mutant(problem, name)
        yield f"of types {at}", Case("unchanged", mutant, deciding(mutant, name))


def deciding(mutant: Mutant, name: str) -> TensorType:
    """The type of the operand that the operator goes by; of the output where there is no such operand."""
    kernel, operator = KERNELS[name], mutant.operator
    position = 0 if kernel.typed_by is None else kernel.operands[kernel.typed_by]
    indices = operator.inputs if position < len(operator.inputs) else operator.outputs
    return mutant.tensors[int(indices[position if indices is operator.inputs else 0])].type


@pytest.mark.parametrize("name", KERNELS)
def test_types(name: str) -> None:
    seen: dict[str, set[TensorType]] = {"reference": set(), "fast": set()}
    official: set[TensorType] = set()
    wrong, used = [], set()
    for label, case in every_case(name):
        model, values = case.mutant.to_bytes(), case.mutant.inputs()
        found = verdict(model, values, name, fast=False)
        known = explained(DIFFERENCES, name, label, found.kind)
        used.add(known)
        newer = known is not None and known.reason is NEWER
        operator = case.mutant.operator
        if (found.kind is Kind.SAME or newer) and (len(operator.inputs) or len(operator.outputs)):
            type = deciding(case.mutant, name)
            seen["reference"].add(type)
            official |= set() if newer else {type}
            if type not in seen["fast"] and is_lowered(model, name):
                seen["fast"].add(type)
        if found.kind not in (Kind.SAME, Kind.REFUSED, Kind.DIED) and known is None:
            wrong.append(f"{label}: {found.kind.value} ({found.resolver}): {found.words}")
    assert not wrong, "\n".join(wrong)
    idle = [known.label for known in DIFFERENCES if name in known.operators.split() and known not in used]
    assert not idle, f"known differences that there are not: {idle}"
    if KERNELS[name].types:
        assert {type.name for type in set(KERNELS[name].types) - seen["reference"]} == set(), "types without a case"
    if seen["reference"] > official:
        seen["newer"] = seen["reference"] - official
    row = {tier: [type.name for type in sorted(types)] for tier, types in seen.items()}
    if WRITE:
        rows = json.loads(FILE.read_text()) if FILE.exists() else {}
        FILE.write_text(
            json.dumps(dict(sorted({**rows, name: row}.items())), separators=(",", ":")).replace("},", "},\n")
        )
    else:
        assert row == measured_types().get(name), "stale: LITEJIT_WRITE_DOCS=1 python -m pytest tests/test_dtypes.py"
