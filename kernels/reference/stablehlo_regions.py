"""STABLEHLO_REDUCE and STABLEHLO_SORT, which the official runtime does not have.

Their subgraphs are written for single elements and called with whole arrays: they must work on each element.
Semantics: the StableHLO specification.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Context, Node, TensorSpec
from litejit.kernels.reference.stablehlo_shape import dimensions
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, StablehloReduceOptions, StablehloSortOptions, TensorType

__all__ = ["StablehloReduce", "StablehloSort"]


def _require_region(node: Node, index: int, given: Sequence[TensorSpec], results: Sequence[TensorType]) -> None:
    """Subgraph `index` maps tensors of the given types to tensors of the types of results."""
    signature = node.context.subgraph(index)
    takes, returns = ([spec.type for spec in group] for group in (signature.inputs, signature.outputs))
    expected = [spec.type for spec in given]
    node.require(
        takes == expected and returns == list(results),
        "subgraph {} maps {} to {}, expected {} to {}",
        index,
        *(", ".join(type.name for type in types) or "nothing" for types in (takes, returns, expected, results)),
    )


def _call_region(context: Context, index: int, operands: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The subgraph's results on arrays of one shape, broadcast to it where they do not depend on the operands."""
    shape = operands[0].shape
    return [np.broadcast_to(result, shape) for result in context.call_subgraph(index, operands)]


class _OfOneShape(Kernel):
    """Base: a number of operands of one shape, as many results."""

    n_outputs = None
    flavours = ALL_FLAVOURS

    def operands_of(self, node: Node, count: int) -> list[TensorSpec]:
        """The first `count` operands, of one shape and of any types of fixed size."""
        specs = [node.input(at) for at in range(count)]
        node.require(count >= 1, "the operator has {} operands, expected at least one to work on", len(node.inputs))
        node.require(len(node.declared) == count, "the operator has {} outputs, expected {}", len(node.declared), count)
        for spec in specs:
            node.require(spec.dims == specs[0].dims, "{} and {} differ in shape", specs[0], spec)
            node.require(spec.dtype != object, "strings have no fixed size")
        self.context = node.context
        return specs


@builtin(BuiltinOperator.STABLEHLO_REDUCE)
class StablehloReduce(_OfOneShape):
    """Reduces inputs [shape] over `dimensions`, all together, from init_values (one element each) on.

    The first half of the operands are inputs, the second half init_values. The body maps running results and one
    element of each input to new running results; elements are taken in row-major order.
    """

    options: StablehloReduceOptions

    def prepare(self, node: Node) -> None:
        """Derives `order`, which brings the reduced dimensions to the front, and `shape`, what is left."""
        given = len(node.inputs)
        node.require(given % 2 == 0, "there are {} operands, expected as many init_values as inputs", given)
        specs = self.operands_of(node, len(node.inputs) // 2)
        for at, spec in enumerate(specs):
            value = node.input(len(specs) + at, types=spec.type)
            node.require(value.size == 1, "init_value ({}) has shape {}, expected one element", value, value.dims)
        reduced = sorted(dimensions(node, "dimensions", self.options.dimensions, specs[0].rank))
        kept = [axis for axis in range(specs[0].rank) if axis not in reduced]
        self.order = [*reduced, *kept]
        self.shape = tuple(specs[0].dims[axis] for axis in kept)
        _require_region(node, self.options.body_subgraph_index, [*specs, *specs], [spec.type for spec in specs])
        for at, spec in enumerate(specs):
            node.output(self.shape, at=at, types=spec.type)

    def __call__(self, *operands: np.ndarray) -> tuple[np.ndarray, ...]:
        """Folds."""
        count = len(operands) // 2
        results = [np.full(self.shape, value.reshape(-1)[0], value.dtype) for value in operands[count:]]
        if not results[0].size:
            return tuple(results)
        steps = operands[0].size // results[0].size
        inputs = [x.transpose(self.order).reshape(steps, *self.shape) for x in operands[:count]]
        for at in range(steps):
            results = _call_region(self.context, self.options.body_subgraph_index, [*results, *(x[at] for x in inputs)])
        return tuple(np.array(result) for result in results)


@builtin(BuiltinOperator.STABLEHLO_SORT)
class StablehloSort(_OfOneShape):
    """Sorts all operands together along `dimension`, so that the comparator holds of no element and its predecessor.

    The comparator takes two elements of each operand, (a of the first, b of the first, a of the second, …), and says
    whether a comes before b. Sorting is always stable, whatever is_stable says.
    """

    options: StablehloSortOptions

    def prepare(self, node: Node) -> None:
        """Derives `axis`."""
        specs = self.operands_of(node, len(node.inputs))
        rank, axis = specs[0].rank, int(self.options.dimension)
        node.require(-rank <= axis < rank, "dimension is {}, expected {} to {}", axis, -rank, rank - 1)
        self.axis = axis % rank
        pairs = [spec for spec in specs for _ in range(2)]
        _require_region(node, self.options.comparator_subgraph_index, pairs, [TensorType.BOOL])
        for at, spec in enumerate(specs):
            node.output(spec.dims, at=at, types=spec.type)

    def __call__(self, *operands: np.ndarray) -> tuple[np.ndarray, ...]:
        """Swaps neighbours at even and odd places in turn, in all rows at once, until nothing moves."""
        values = [np.array(np.moveaxis(x, self.axis, 0)) for x in operands]
        still = 0
        # So many rounds sort whatever there is, if the comparator is an order.
        for turn in range(len(values[0]) if values[0].size else 0):
            still = 0 if self._swap(values, turn % 2) else still + 1
            if still == 2:
                break
        return tuple(np.ascontiguousarray(np.moveaxis(x, 0, self.axis)) for x in values)

    def _swap(self, values: list[np.ndarray], start: int) -> bool:
        """Swaps neighbours (start, start + 1), (start + 2, …) of which the second comes before the first."""
        pairs = (len(values[0]) - start) // 2
        if pairs == 0:
            return False
        first = [x[start : start + 2 * pairs : 2] for x in values]
        second = [x[start + 1 : start + 2 * pairs : 2] for x in values]
        given = [part for a, b in zip(first, second, strict=True) for part in (b, a)]
        (before,) = _call_region(self.context, self.options.comparator_subgraph_index, given)
        for a, b in zip(first, second, strict=True):
            a[...], b[...] = np.where(before, b, a), np.where(before, a, b)
        return bool(before.any())
