"""What has broken runtimes of this kind: (report, operator, mutation, expected error), one test for each report.

The operator is mutated from its problem in the catalogue; no error expected: it has to run. official: what the
official reference kernels do, "raises" (then litejit does too), "crashes", or "runs".
"""

from __future__ import annotations

import pytest

from tests.catalogue import CATALOGUE
from tests.oracle import oracle
from tests.robustness.mutations import Mutant, mutations, outcome
from tests.robustness.reports import DIVISIONS, PLACES, SIZES, TENSORS

REPORTS = [*DIVISIONS, *TENSORS, *PLACES, *SIZES]


@pytest.mark.parametrize(
    ("operator", "at", "labels", "error", "official"), [report[1:] for report in REPORTS], ids=[r[0] for r in REPORTS]
)
def test_report(operator: str, at: int, labels: str, error: str | None, official: str) -> None:
    mutant = Mutant(CATALOGUE[operator][at], operator)
    changes = dict(mutations(Mutant(CATALOGUE[operator][at], operator)))
    for label in labels.split(";"):
        changes[label](mutant)
    result = outcome(mutant.to_bytes(), mutant.inputs())
    assert (result.error is None) == (error is None), result.error
    assert error is None or error in str(result.error)
    if official == "raises":
        assert oracle.run(mutant.to_bytes(), mutant.inputs(), "ref").error is not None
        assert result.error is not None
