"""STABLEHLO_DOT_GENERAL, which the official runtime does not have. Semantics: the StableHLO specification."""

from __future__ import annotations

from math import prod

import numpy as np

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.reference.stablehlo_elements import NUMBERS, kin, refuse_quantized
from litejit.kernels.reference.stablehlo_shape import dimensions
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, StablehloDotGeneralOptions

__all__ = ["StablehloDotGeneral"]


@builtin(BuiltinOperator.STABLEHLO_DOT_GENERAL)
class StablehloDotGeneral(Kernel):
    """Sums of products over the contracting dimensions -> [batching dimensions, rest of lhs, rest of rhs].

    Products are added in the output's type, which may be another one of the same kind; integers modulo 2**bits.
    """

    types = NUMBERS
    flavours = ALL_FLAVOURS
    options: StablehloDotGeneralOptions

    def prepare(self, node: Node) -> None:
        """left, right: orders of dimensions. sizes: of lhs, all batching, other, contracting ones."""
        refuse_quantized(node)
        lhs, options = node.input("lhs"), self.options
        rhs = node.input("rhs", types=lhs.type)
        batch = dimensions(node, "lhs_batching_dimensions", options.lhs_batching_dimensions, lhs.rank)
        summed = dimensions(node, "lhs_contracting_dimensions", options.lhs_contracting_dimensions, lhs.rank)
        others = (options.rhs_batching_dimensions, options.rhs_contracting_dimensions)
        other_batch = dimensions(node, "rhs_batching_dimensions", others[0], rhs.rank, len(batch))
        other_summed = dimensions(node, "rhs_contracting_dimensions", others[1], rhs.rank, len(summed))
        dimensions(node, "lhs_batching and lhs_contracting", (*batch, *summed), lhs.rank)
        dimensions(node, "rhs_batching and rhs_contracting", (*other_batch, *other_summed), rhs.rank)
        pairs = zip((*batch, *summed), (*other_batch, *other_summed), strict=True)
        node.require(
            all(lhs.dims[a] == rhs.dims[b] for a, b in pairs),
            "lhs of shape {} and rhs of shape {} differ in dimensions that belong together",
            lhs.dims,
            rhs.dims,
        )
        rest = [axis for axis in range(lhs.rank) if axis not in (*batch, *summed)]
        other_rest = [axis for axis in range(rhs.rank) if axis not in (*other_batch, *other_summed)]
        self.left, self.right = [*batch, *rest, *summed], [*other_batch, *other_summed, *other_rest]
        self.sizes = [prod(lhs.dims[axis] for axis in axes) for axes in (batch, rest, summed)]
        self.shape = [lhs.dims[axis] for axis in (*batch, *rest)] + [rhs.dims[axis] for axis in other_rest]
        self.dtype = node.output(self.shape, types=kin(lhs.type)).dtype

    def __call__(self, lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """Multiplies."""
        batch, rows, depth = self.sizes
        a = lhs.transpose(self.left).reshape(batch, rows, depth).astype(self.dtype)
        b = rhs.transpose(self.right).reshape(batch, depth, -1 if rhs.size else 0).astype(self.dtype)
        with np.errstate(all="ignore"):
            return (np.matmul(a, b) if a.size and b.size else np.zeros(self.shape, self.dtype)).reshape(self.shape)
