"""Every model at hand on both tiers: integer outputs equal, floats within RELATIVE of their tensor's magnitude."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pytest

from litejit import Interpreter
from litejit.feeding import feed
from litejit.interpreter import OpResolverType
from litejit.kernels.jit.algorithms import ALGORITHMS
from litejit.kernels.jit.forced import forcing
from litejit.kernels.reference.products import HybridProducts
from litejit.profiler import memory
from tests.inputs import seeded_inputs
from tests.jit.equal import native_calls
from tests.known_differences import FREE_RUNNING, KNOWN_DIFFERENCES
from tests.model_comparison import model_id
from tests.test_models import RUNNABLE

RELATIVE = 2e-5
"""Both tiers add floats up in their own order."""

DEEP_RELATIVE = 5e-4
"""Over many layers, see the reasons of known differences; the order of sums is the only difference."""

LEAST_COSINE = 0.98
"""Where a difference in the last bit becomes a quantization step of a dynamic-range operator, and many do."""


def outputs(path: Path, interpreter: Interpreter) -> list[np.ndarray]:
    inputs = seeded_inputs(interpreter, path)
    feed(interpreter, inputs)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


@pytest.mark.parametrize("path", RUNNABLE, ids=model_id)
def test_tiers_agree(path: Path) -> None:
    interpreter = Interpreter(path)
    compiled = outputs(path, interpreter)
    use = memory(interpreter)
    assert use.arena <= 1.1 * use.bound, "tensors lie so that more memory is needed than they have together at once"
    expected = outputs(path, Interpreter(path, experimental_op_resolver_type=OpResolverType.BUILTIN_REF))
    assert_agree(path, interpreter, compiled, expected)


@pytest.mark.parametrize("path", RUNNABLE, ids=model_id)
def test_algorithms_agree(path: Path) -> None:
    """Every algorithm wherever it is legal, against those that are chosen."""
    interpreter = Interpreter(path)
    interpreter.allocate_tensors()
    kinds = {type(step.kernel) for step in interpreter._session.plans[0].steps} & {*ALGORITHMS}
    if not kinds:
        return
    expected = outputs(path, interpreter)
    chosen = native_calls(interpreter)
    families = [[algorithm.name for algorithm in ALGORITHMS[kind]] for kind in kinds]
    for names in zip_longest(*families, ("apart", "fused")):
        with forcing(*filter(None, names)):
            forced = Interpreter(path)
            forced.allocate_tensors()
            # What blocks rescale by the formula is called as what they rescale in floats.
            if native_calls(forced) != chosen or "fixed" in names:
                assert_agree(path, interpreter, outputs(path, forced), expected)


def assert_agree(
    path: Path, interpreter: Interpreter, outputs: Sequence[np.ndarray], expected: Sequence[np.ndarray]
) -> None:
    operators = {operator["op_name"] for operator in interpreter._get_ops_details()}
    if operators & FREE_RUNNING:
        return
    known = KNOWN_DIFFERENCES.get(model_id(path))
    relative = RELATIVE if known is None else DEEP_RELATIVE
    products = (getattr(step.kernel, "products", None) for step in interpreter._session.plans[0].steps)
    hybrid = any(isinstance(arithmetic, HybridProducts) for arithmetic in products)
    for ours, theirs in zip(outputs, expected, strict=True):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        if theirs.dtype.kind != "f":
            np.testing.assert_array_equal(ours, theirs)
        elif hybrid:
            pairs = (ours, theirs), (ours, ours), (theirs, theirs)
            both, one, other = (float(np.vdot(a, b)) for a, b in pairs)
            assert both >= LEAST_COSINE * np.sqrt(one * other)
        else:
            scale = float(np.abs(theirs[np.isfinite(theirs)]).max(initial=0))
            np.testing.assert_allclose(ours, theirs, rtol=relative, atol=relative * scale)
