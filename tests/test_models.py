"""Every model at hand, whole: outputs and all intermediate tensors against the official reference kernels.

Integers are equal; floats within RELATIVE of the largest magnitude of their tensor, because sums are taken in another
order; tests.known_differences has the exceptions, and what holds for them. The models that ship with litejit are
always there; further ones are found by tests.paths. At the end of the run a table shows what was compared; with all
models at hand, docs/models.md is checked to be its lasting part (LITEJIT_WRITE_DOCS=1 writes it). See tests.conftest.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from litejit import Interpreter, LitejitError
from tests.inputs import second_kind, seeded_inputs
from tests.known_differences import KNOWN_DIFFERENCES, Difference
from tests.model_comparison import Comparison, compare, compare_operators, model_id, row, run
from tests.paths import EXTRA_MODELS, ROOT

SHIPPED = sorted((ROOT / "interpreter" / "models").glob("*.tflite"))
RUNNABLE = SHIPPED + [path for path in EXTRA_MODELS if path.parent.name != "refused"]
REFUSED = [path for path in EXTRA_MODELS if path.parent.name == "refused"]
CASES = [(path, kind) for path in RUNNABLE for kind in ("uniform", second_kind(path))]


@pytest.mark.parametrize(("path", "kind"), CASES, ids=[f"{model_id(path)}-{kind}" for path, kind in CASES])
def test_equals_official_reference(path: Path, kind: str, record_property: Callable[[str, object], None]) -> None:
    known = KNOWN_DIFFERENCES.get(model_id(path), Difference("", operators=False))
    both = run(path, kind, known.resolver, known.numerics)
    whole = compare(both, known.relative)
    alone = compare_operators(both) if known.operators else Comparison()
    record_property("model", row(path, kind, both, whole))
    assert whole.tensors > 0
    assert not whole.wrong, "\n".join(whole.wrong[:10])
    assert not alone.wrong, "\n".join(alone.wrong[:10])


@pytest.mark.parametrize("path", REFUSED, ids=model_id)
def test_refused_or_run(path: Path) -> None:
    """What the official runtime refuses is refused here with a reason, or runs here."""
    reason = ""
    try:
        interpreter = Interpreter(model_path=path)
        interpreter.allocate_tensors()
        for detail, value in zip(interpreter.get_input_details(), seeded_inputs(interpreter, path), strict=True):
            interpreter.set_tensor(detail["index"], value)
        interpreter.invoke()
    except LitejitError as error:
        reason = str(error)
    assert not reason or len(reason) > 20
