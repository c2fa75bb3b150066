"""Mutated files: reading one gives a model or one of litejit's own errors, soon and in little memory.

LITEJIT_FUZZ_FILES=N sets how many mutants are tried in all (default 400).
"""

import os
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from litejit.schema import LitejitError, ModelBuilder, TensorType, read_model, tensor_value, write_model
from tests.paths import EXTRA_MODELS
from tests.test_fuzz import mutate
from tests.test_schema_semantics import calls
from tests.test_schema_sparsity import sparse

MUTANTS = int(os.environ.get("LITEJIT_FUZZ_FILES", "400"))
SECONDS = 5.0
MEGABYTES = 64


def all_kinds_of_tables() -> bytes:
    b = ModelBuilder(description="fuzz")
    x = b.input("x", (1, 8), np.int8, scale=0.5, zero_point=1, shape_signature=(-1, 8))
    w = b.constant(np.arange(32).reshape(4, 8) % 16 - 8, type=TensorType.INT4, scale=[0.1, 0.2, 0.3, 0.4])
    names = b.constant(np.array([b"a", b"bc", b""], object))
    y = b.op("FULLY_CONNECTED", [x, w, None], [{"shape": (1, 4), "dtype": np.int8}], keep_num_dims=True)
    y = b.op("RESHAPE", [y], new_shape=[2, 2])
    z = b.op("STABLEHLO_GATHER", [names, y], slice_sizes=[1, 1], offset_dims=[0])
    b.output(b.op("Custom", [y, z], custom=True, custom_options=b"options", intermediates=[x]))
    b.signature("serve", {"x": x}, {"y": y})
    b.metadata("note", b"hello")
    return b.to_bytes()


FILES = {
    "tables": all_kinds_of_tables(),
    "sparse": sparse(),
    "calls": calls([("WHILE", {"cond_subgraph_index": 1, "body_subgraph_index": 2})], [], []),
}
FILES |= {f"{path.parent.name}/{path.stem}": path for path in EXTRA_MODELS if path.stat().st_size < 400_000}


def read_all(data: bytes) -> bool:
    """Read a model with all its constants; whether it was refused."""
    try:
        model = read_model(data)
        for subgraph in model.subgraphs:
            for tensor in subgraph.tensors:
                tensor_value(model, tensor)
        write_model(model)
    except LitejitError:
        return True
    return False


@pytest.mark.parametrize("name", FILES)
def test_mutants_are_read_or_refused(name):
    data = FILES[name].read_bytes() if isinstance(FILES[name], Path) else FILES[name]
    rng = np.random.default_rng(sum(name.encode()))
    tracemalloc.start()
    try:
        for _ in range(max(4, MUTANTS // len(FILES))):
            mutant = mutate(data, rng)
            tracemalloc.reset_peak()
            start = time.perf_counter()
            read_all(mutant)
            assert time.perf_counter() - start < SECONDS
            assert tracemalloc.get_traced_memory()[1] < MEGABYTES << 20
    finally:
        tracemalloc.stop()


def test_truncated_files_are_refused():
    data = FILES["tables"]
    refused = [read_all(data[:size]) for size in range(len(data))]
    assert sum(refused) > 0.95 * len(data)
