"""Every model read, written and read again is the same model; the official runtime computes the same bits with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from litejit import Interpreter, LitejitError
from litejit.schema import Model, read_model, write_model
from tests.inputs import seeded_inputs
from tests.known_differences import FREE_RUNNING
from tests.model_comparison import model_id
from tests.oracle import RESOLVERS, Answer, oracle
from tests.paths import EXTRA_MODELS, ROOT

MODELS = [*sorted((ROOT / "interpreter" / "models").glob("*.tflite")), *EXTRA_MODELS]


@pytest.mark.parametrize("path", MODELS, ids=model_id)
def test_written_models_are_the_models_that_were_read(path: Path) -> None:
    model = read_model(path, validate=False)
    written = write_model(model)
    again = read_model(written, validate=False)
    assert again == model
    assert write_model(again) == written
    inputs = inputs_of(path)
    if inputs is None:
        return
    theirs = oracle.truth(path.read_bytes(), inputs)
    ours = oracle.run(written, inputs, theirs.resolver or list(RESOLVERS)[-1])
    assert (ours.error is None) == (theirs.error is None), f"{ours.error}, of the file as it was: {theirs.error}"
    if not FREE_RUNNING & operators(model):
        assert_equal(ours, theirs)


def inputs_of(path: Path) -> list[np.ndarray] | None:
    """Seeded inputs; None for a file that litejit refuses."""
    try:
        return seeded_inputs(Interpreter(model_path=path), path)
    except LitejitError:
        return None


def operators(model: Model) -> set[str]:
    return {code.operator.name for code in model.operator_codes}


def assert_equal(ours: Answer, theirs: Answer) -> None:
    assert len(ours.outputs) == len(theirs.outputs)
    for a, b in zip(ours.outputs, theirs.outputs, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tolist() == b.tolist() if a.dtype.kind in "OS" else a.tobytes() == b.tobytes()
