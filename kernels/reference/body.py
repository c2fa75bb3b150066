"""Subgraphs of two values and one result, as the bodies of reductions and scatters are."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from litejit.kernels.node import Node, TensorSpec

__all__ = ["Combiner", "body_combiner", "fold", "logical"]

Combiner = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""A function of two arrays, element by element."""


def logical(function: np.ufunc) -> Combiner:
    """A logical function of numbers, its result 0 or 1 in their type."""
    return lambda a, b: function(a, b).astype(a.dtype)


def body_combiner(node: Node, index: int, input: TensorSpec, known: Mapping[str, Combiner]) -> Combiner:
    """What subgraph `index` does to two arrays of input's type.

    A body of one operator that is in `known` is that function of plain numbers, whatever its quantization or
    activation, as in the official kernels. Any other body is called with whole arrays: it must work on each element.
    """
    signature = node.context.subgraph(index)
    types = [spec.type.name for spec in (*signature.inputs, *signature.outputs)]
    node.require(
        len(signature.inputs) == 2 and types == [input.type.name] * 3,
        "the body (subgraph {}) takes and returns {}, expected two tensors of {} and one result of it",
        index,
        ", ".join(types),
        input.type.name,
    )
    if len(signature.operators) == 1 and signature.operators[0] in known:
        return known[signature.operators[0]]
    context = node.context

    def call(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        (result,) = context.call_subgraph(index, [a, np.broadcast_to(b, a.shape)])
        node.require(result.shape == a.shape, "subgraph {} makes shape {} of {}", index, result.shape, a.shape)
        return result

    return call


def fold(combiner: Combiner, start: np.ndarray, values: np.ndarray) -> np.ndarray:
    """combiner(… combiner(start, values[0]) …, values[-1]), in that order."""
    result = start
    with np.errstate(all="ignore"):
        for value in values:
            result = combiner(result, value)
    return result
