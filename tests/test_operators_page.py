"""docs/operators.md says what the registry says."""

from __future__ import annotations

from pathlib import Path

import pytest

from litejit.cli_ops import measured_types, operator_page, operator_table
from litejit.kernels.float_bounds import FLOAT_BOUNDS
from tests.catalogue import CATALOGUE

PAGE = Path(__file__).parent.parent / "docs" / "operators.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == operator_page(), "run: litejit ops --markdown > docs/operators.md"


def without_cases() -> set[str]:
    """Operators with a kernel that the catalogue has no problem of."""
    return operators() - {name for name, problems in CATALOGUE.items() if problems}


def operators() -> set[str]:
    return {row["operator"] for row in operator_table() if row["tier"]}


def test_every_operator_with_a_kernel_has_a_case_table_and_a_bound_is_of_an_operator() -> None:
    assert without_cases() == set()
    assert set(FLOAT_BOUNDS) - operators() == set()
    assert set(measured_types()) == operators()


def test_an_operator_without_a_case_table_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CATALOGUE, "ADD", [])
    assert without_cases() == {"ADD"}
