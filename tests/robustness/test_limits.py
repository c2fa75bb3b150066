"""Every limit of `Limits`: what exceeds it is refused with a typed error that names it, what just fits runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, InvalidInputError, InvalidModelError, ModelBuilder
from litejit.interpreter import OpResolverType
from litejit.kernels.node import Limits

ROUNDS = 20


def tile() -> bytes:
    """256 floats out of one."""
    b = ModelBuilder()
    b.output(b.op("TILE", [b.input("x", (1,)), b.constant(np.array([256], np.int32))]))
    return b.to_bytes()


def count_to(rounds: float) -> bytes:
    """A loop of so many rounds."""
    b = ModelBuilder()
    x = b.input("x", (1,))
    cond, body = b.subgraph(), b.subgraph()
    i = cond.input("i", (1,))
    less = cond.op("LESS", [i, cond.constant(np.array([rounds], np.float32))], [{"dtype": np.bool_}])
    cond.output(cond.op("RESHAPE", [less, cond.constant(np.zeros(0, np.int32))], [{"dtype": np.bool_, "shape": ()}]))
    i, one = body.input("i", (1,)), body.constant(np.ones(1, np.float32))
    body.output(body.op("ADD", [i, one], fused_activation_function="NONE"))
    b.output(b.op("WHILE", [x], cond_subgraph_index=cond.index, body_subgraph_index=body.index))
    return b.to_bytes()


def nested(depth: int) -> bytes:
    """Subgraphs that call each other; the main one counts, too."""
    b = ModelBuilder()
    graphs = [b, *(b.subgraph() for _ in range(depth - 1))]
    for at, graph in enumerate(graphs):
        x: Any = graph.input("x", (1,))
        if at + 1 < depth:
            fields = {"name": "inner", "decomposition_subgraph_index": at + 1, "composite_attributes": []}
            graph.output(graph.op("STABLEHLO_COMPOSITE", [x], **fields))
        else:
            graph.output(graph.op("NEG", [x]))
    return b.to_bytes()


LIMITS: list[tuple[str, Callable[[], bytes], dict[str, int], dict[str, int], str]] = [
    # id, model, the limits that it just fits, those that refuse it, error
    ("tensor", tile, {"tensor_bytes": 1024}, {"tensor_bytes": 1023}, "more than the limit of 1023 bytes"),
    (
        "rounds",
        lambda: count_to(ROUNDS),
        {"while_iterations": ROUNDS + 1},
        {"while_iterations": ROUNDS - 1},
        f"the loop did not end within {ROUNDS - 1} rounds",
    ),
    (
        "endless-loop",
        lambda: count_to(np.inf),
        {},
        {"while_iterations": 1000},
        "the loop did not end within 1000 rounds",
    ),
    ("depth", lambda: nested(5), {"subgraph_depth": 5}, {"subgraph_depth": 4}, "nest deeper than 4"),
    ("default-depth", lambda: nested(65), {}, {"subgraph_depth": Limits().subgraph_depth}, "nest deeper than 64"),
    ("tables", tile, {"tables": 50}, {"tables": 5}, "too many"),
]


@pytest.mark.parametrize("resolver", [OpResolverType.BUILTIN_REF, OpResolverType.AUTO], ids=["reference", "fast"])
@pytest.mark.parametrize(("model", "fits", "refuses", "error"), [row[1:] for row in LIMITS], ids=[r[0] for r in LIMITS])
def test_limit(
    model: Callable[[], bytes], fits: dict[str, int], refuses: dict[str, int], error: str, resolver: OpResolverType
) -> None:
    def run(limits: Limits) -> None:
        interpreter = Interpreter(model_content=model(), limits=limits, experimental_op_resolver_type=resolver)
        interpreter.allocate_tensors()
        interpreter.invoke()

    if fits:
        run(Limits(**fits))
    with pytest.raises((InvalidModelError, InvalidInputError), match=error):
        run(Limits(**refuses))


def test_limits_have_safe_defaults() -> None:
    run = Interpreter(model_content=nested(64), limits=Limits())
    run.allocate_tensors()
    run.invoke()
    for limit in vars(Limits()).values():
        assert 0 < limit <= 1 << 32
