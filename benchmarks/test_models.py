"""Whole models under pytest-benchmark, a group for each model and number of threads.

python -m pytest benchmarks -k "mobilenet and not float"
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.conftest import compare
from benchmarks.models import MODELS, name_of
from litejit import Interpreter
from tests.inputs import seeded_inputs

CASES = [pytest.param(path, threads, id=f"{name_of(path)}-{threads}") for path in MODELS for threads in (1, 2)]


@pytest.mark.parametrize(("path", "threads"), CASES)
def test_model(benchmark: Any, path: Path, threads: int) -> None:
    compare(benchmark, path, seeded_inputs(Interpreter(path), path), threads)
