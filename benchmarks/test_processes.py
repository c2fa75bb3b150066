"""Whole processes and single calls under pytest-benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.processes import DEFAULT, SCRIPTS, process

MODELS = [path for path in DEFAULT if path.exists()]


@pytest.mark.parametrize("runtime", SCRIPTS)
@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.stem)
def test_warm_process(benchmark: Any, model: Path, runtime: str) -> None:
    process(runtime, model)
    benchmark.group = f"process {model.stem}"
    _, memory = benchmark.pedantic(lambda: process(runtime, model), rounds=5)
    benchmark.extra_info["memory"] = memory


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.stem)
def test_cold_process(benchmark: Any, model: Path, tmp_path: Path) -> None:
    benchmark.group = f"process with an empty cache {model.stem}"
    benchmark.pedantic(lambda: process("litejit", model, LITEJIT_CACHE_DIR=str(tmp_path)), rounds=1)
