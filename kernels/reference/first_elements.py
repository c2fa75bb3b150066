"""Operands that may be larger than what is read of them: some official kernels look at few of their dimensions."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from litejit.kernels.node import Node, Shape, TensorSpec

__all__ = ["at_least_rank", "first_elements", "first_elements_of"]


def at_least_rank(node: Node, operand: str, rank: int, **expected: Any) -> TensorSpec:
    """The operand, of which further dimensions may follow; InvalidModelError where there are fewer.

    expected: what `Node.input` checks.
    """
    spec = node.input(operand, **expected)
    node.require(spec.rank >= rank, "operand '{}' ({}) has shape {}, expected rank {}", operand, spec, spec.dims, rank)
    return spec


def first_elements(
    node: Node, operand: str, shape: Shape, axes: tuple[int, ...] | None = None, **expected: Any
) -> TensorSpec:
    """The operand as if it had that shape, of which it holds the first elements.

    axes: the dimensions that have to be those of the shape, by default all of them; further ones may follow. Without
    any, the operand may have any shape. expected: what `Node.input` checks.
    Raises InvalidModelError where they are not, or where there are fewer elements.
    """
    spec = node.input(operand, **expected)
    if spec.dims == shape:
        return spec
    node.require(
        spec.sparsity is None
        and (axes == () or spec.rank >= len(shape))
        and all(spec.dims[axis] == shape[axis] for axis in (range(len(shape)) if axes is None else axes))
        and spec.size >= prod(shape),
        "operand '{}' ({}) has shape {}, expected {}",
        operand,
        spec,
        spec.dims,
        shape,
    )
    return replace(spec, shape=shape, value=None if spec.value is None else first_elements_of(spec.value, shape))


def first_elements_of(x: np.ndarray, shape: Shape) -> np.ndarray:
    """The first elements of x in that shape, a view where x lies in one piece."""
    return x if x.shape == shape else x.reshape(-1)[: prod(shape)].reshape(shape)
