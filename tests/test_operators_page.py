"""docs/operators.md says what the registry says."""

from __future__ import annotations

from pathlib import Path

from litejit.cli_ops import operator_page, operator_table
from litejit.kernels.float_bounds import FLOAT_BOUNDS
from tests.catalogue import CATALOGUE

PAGE = Path(__file__).parent.parent / "docs" / "operators.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == operator_page(), "run: litejit ops --markdown > docs/operators.md"


def test_every_operator_with_a_kernel_has_a_case_table_and_a_bound_is_of_an_operator() -> None:
    operators = {row["operator"] for row in operator_table() if row["tier"]}
    assert operators - {name for name, problems in CATALOGUE.items() if problems} == set()
    assert set(FLOAT_BOUNDS) - operators == set()
