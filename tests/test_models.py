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
from litejit.feeding import feed
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


WHY_REFUSED = {
    "bad_quantized_dimension_person_detect": "tensor 33 .*quantized_dimension is 3, the shape .8. has rank 1",
    "custom_face_landmark_attention": r"operator 192 \(Landmarks2TransformMatrix\): there is no kernel",
    "custom_posenet_decoder": r"operator 0 \(PosenetDecoderOp\): there is no kernel",
    "custom_sentencepiece_embedder": r"operator 0 \(TFSentencepieceTokenizeOp\): there is no kernel",
    "custom_string_to_floats": r"operator 0 \(CUSTOM_OP_STRING_TO_FLOATS\): there is no kernel",
    "flex_planestrike_agents": r"operator 9 \(FlexMultinomial\): there is no kernel",
    "segment_sum_invalid_buffer": r"operator 0 \(SEGMENT_SUM\): inputs.1. is tensor 2 .*, which nothing produces",
}
"""What the error of a model says that the official runtime refuses; those that are not here run."""


@pytest.mark.parametrize("path", REFUSED, ids=model_id)
def test_refused_or_run(path: Path) -> None:
    """What the official runtime refuses is refused here with the reason, or runs here."""

    def load_and_run() -> None:
        interpreter = Interpreter(model_path=path)
        feed(interpreter, seeded_inputs(interpreter, path))
        interpreter.invoke()

    if path.stem not in WHY_REFUSED:
        load_and_run()
        return
    with pytest.raises(LitejitError, match=WHY_REFUSED[path.stem]):
        load_and_run()
