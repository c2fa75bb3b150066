"""The table of models at the end of a test run, and docs/models.md, which is made from it."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.paths import EXTRA_MODELS, ROOT

os.environ.setdefault("LITEJIT_PROGRAMS", "off")  # tests are of what is prepared, and replace parts of it

ROWS: list[dict[str, Any]] = []
DOCUMENT = ROOT / "docs" / "models.md"
COLUMNS = ("model", "inputs", "official kernels", "operators", "tensors", "integers", "different", "floats")
HEAD = """# Models

What `python -m pytest tests/test_models.py` compares with the official runtime: the outputs and all intermediate
tensors of whole models, on seeded inputs of two kinds. `integers` and `floats` are how many elements were compared,
`different` is how many integers were not equal. Floats are within the bound given, of the largest magnitude of their
tensor (1e-5 is 84 units in the last place of that magnitude), because litejit takes sums in another order.
`official kernels` is what the comparison is with: the reference kernels (ref); where they refuse the model, or are
known to be wrong for it, the optimised ones (opt); where only XNNPACK runs it, the default ones (auto), whose
intermediate tensors cannot be seen.

"""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collects the rows, also those of other processes."""
    if report.when == "call":
        ROWS.extend(value for name, value in report.user_properties if name == "model")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints the table."""
    if not ROWS:
        return
    terminalreporter.section("models beside the official runtime")
    columns = (*COLUMNS, "worst", "floats within")
    lines = [columns, *([str(row[name]) for name in columns] for row in sorted(ROWS, key=_order))]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    for line in lines:
        terminalreporter.write_line("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails the run when docs/models.md is not what all models at hand give; writes it with LITEJIT_WRITE_DOCS=1."""
    if os.environ.get("PYTEST_XDIST_WORKER") or not EXTRA_MODELS or session.testsfailed:
        return
    from tests.test_models import CASES

    if len(ROWS) != len(CASES):
        return
    if os.environ.get("LITEJIT_WRITE_DOCS"):
        DOCUMENT.parent.mkdir(exist_ok=True)
        DOCUMENT.write_text(_document())
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != _document():
        print("\ndocs/models.md is stale: LITEJIT_WRITE_DOCS=1 python -m pytest tests/test_models.py writes it")
        session.exitstatus = 1


def _order(row: dict[str, Any]) -> tuple[str, bool]:
    return row["model"], row["inputs"] != "uniform"


def _document() -> str:
    columns = (*COLUMNS, "floats within")
    lines = [f"| {' | '.join(columns)} |", f"|{'|'.join(' --- ' for _ in columns)}|"]
    lines += [f"| {' | '.join(str(row[name]) for name in columns)} |" for row in sorted(ROWS, key=_order)]
    reasons = {row["model"]: row["difference"] for row in sorted(ROWS, key=_order) if row["difference"]}
    known = [f"* `{model}`: {reason}." for model, reason in reasons.items()]
    return HEAD + "\n".join(lines) + "\n\n## Known differences\n\n" + "\n".join(known) + "\n"
