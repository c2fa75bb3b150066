"""Elements in reverse order: REVERSE_V2 and REVERSE_SEQUENCE."""

from __future__ import annotations

import numpy as np

from litejit.kernels.geometry import normalize_axis
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.reference.moving import INDEX_TYPES, index_values
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, ReverseSequenceOptions, TensorType
from litejit.schema.errors import InvalidInputError


@builtin(BuiltinOperator.REVERSE_V2, versions=(1, 4))
class ReverseV2(Kernel):
    """Reverses the order along some axes.

    input: rank at most 8; axis: [axes] int32, adjacent and distinct.
    Semantics: LiteRT tflite/kernels/reverse.cc.
    """

    types = (
        TensorType.FLOAT32,
        TensorType.FLOAT16,
        TensorType.BFLOAT16,
        TensorType.UINT8,
        TensorType.INT8,
        TensorType.INT16,
        TensorType.INT32,
        TensorType.INT64,
        TensorType.BOOL,
    )
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """axes: sorted, counted from the start."""
        input = node.input("input", rank=range(9))
        axis = index_values(node, "axis", types=TensorType.INT32, rank=1)
        self.axes = tuple(sorted(normalize_axis(value, input.rank) for value in axis))
        adjacent = all(after == before + 1 for before, after in zip(self.axes, self.axes[1:], strict=False))
        node.require(adjacent, "axis is {}, expected adjacent and distinct axes", axis)
        node.output(input.dims, types=input.type)

    def __call__(self, input: np.ndarray, axis: np.ndarray) -> np.ndarray:
        """The output."""
        return np.asarray(np.flip(input, self.axes), order="C")


@builtin(BuiltinOperator.REVERSE_SEQUENCE)
class ReverseSequence(Kernel):
    """For each entry b of batch_dim, reverses the first seq_lengths[b] elements along seq_dim.

    input: any shape; seq_lengths: [size of batch_dim] int32 or int64, below 2 the elements stay as they are.
    options.seq_dim, options.batch_dim: distinct axes, counted from the start.
    Raises InvalidInputError when a length exceeds the dimension. Semantics: LiteRT tflite/kernels/reverse_sequence.cc;
    there, only the first length is checked.
    """

    types = (TensorType.FLOAT32, TensorType.UINT8, TensorType.INT16, TensorType.INT32, TensorType.INT64)
    flavours = ALL_FLAVOURS
    options: ReverseSequenceOptions

    def prepare(self, node: Node) -> None:
        """seq_dim, batch_dim: the options."""
        input = node.input("input")
        self.seq_dim, self.batch_dim = self.options.seq_dim, self.options.batch_dim
        for name, axis in (("seq_dim", self.seq_dim), ("batch_dim", self.batch_dim)):
            node.require(0 <= axis < input.rank, "{} is {}, expected 0 <= {} < {}", name, axis, name, input.rank)
        node.require(self.seq_dim != self.batch_dim, "seq_dim and batch_dim are both {}", self.seq_dim)
        node.input("seq_lengths", types=INDEX_TYPES, shape=(input.dims[self.batch_dim],))
        node.output(input.dims, types=input.type)

    def __call__(self, input: np.ndarray, seq_lengths: np.ndarray) -> np.ndarray:
        """The output."""
        size = input.shape[self.seq_dim]
        if (seq_lengths > size).any():
            raise InvalidInputError(f"seq_lengths has {seq_lengths.max()}, the dimension has {size} elements")
        position, lengths = np.arange(size), seq_lengths.astype(np.int64)[:, None]
        source = np.where(position < lengths, lengths - 1 - position, position)
        shape = [1] * input.ndim
        shape[self.batch_dim], shape[self.seq_dim] = source.shape
        source = source if self.batch_dim < self.seq_dim else source.T
        return np.take_along_axis(input, source.reshape(shape), self.seq_dim)
