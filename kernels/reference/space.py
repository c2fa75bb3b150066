"""Blocks of pixels moved between space, depth and batch. Pure data movement, so every type is exact."""

from __future__ import annotations

from math import prod

import numpy as np

from litejit.kernels.geometry import require_positive
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.elementwise import QUANTIZED_TYPES
from litejit.kernels.reference.moving import (
    SIZED_TYPES,
    index_values,
    padding_value,
    require_same_quantization,
    require_symmetric_int16,
)
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, DepthToSpaceOptions, SpaceToDepthOptions, TensorType

_DEPTH_TYPES = (TensorType.FLOAT32, TensorType.UINT8, TensorType.INT8, TensorType.INT32, TensorType.INT64)


@builtin(BuiltinOperator.SPACE_TO_DEPTH, versions=(1, 2))
class SpaceToDepth(Kernel):
    """Moves each block_size x block_size patch of pixels into channels.

    input: [batch, height, width, channels]
    -> [batch, height // block_size, width // block_size, block_size * block_size * channels]

    Raises InvalidModelError when block_size < 1 or does not divide height and width.
    Semantics: LiteRT tflite/kernels/space_to_depth.cc.
    """

    types = _DEPTH_TYPES
    flavours = ALL_FLAVOURS
    options: SpaceToDepthOptions

    def prepare(self, node: Node) -> None:
        """block_size: the option. shape: of the output."""
        input = node.input("input", rank=4)
        block = self.block_size = self.options.block_size
        require_positive(block_size=block)
        batch, height, width, channels = input.dims
        node.require(
            height % block == 0 and width % block == 0,
            "block_size {} does not divide height x width {} x {}",
            block,
            height,
            width,
        )
        self.shape = (batch, height // block, width // block, block * block * channels)
        node.output(self.shape, types=input.type)

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        block = self.block_size
        batch, height, width, _ = self.shape
        patches = input.reshape(batch, height, block, width, block, input.shape[3])
        return patches.transpose(0, 1, 3, 2, 4, 5).reshape(self.shape)


@builtin(BuiltinOperator.DEPTH_TO_SPACE, versions=(1, 2))
class DepthToSpace(Kernel):
    """Moves channels into block_size x block_size patches of pixels; the inverse of SPACE_TO_DEPTH.

    input: [batch, height, width, channels]
    -> [batch, height * block_size, width * block_size, channels // block_size**2]

    Raises InvalidModelError when block_size < 1 or its square does not divide the channels.
    Semantics: LiteRT tflite/kernels/depth_to_space.cc; FLOAT16 is taken there by the XNNPACK delegate only.
    """

    types = (*_DEPTH_TYPES, TensorType.FLOAT16)
    flavours = ALL_FLAVOURS
    options: DepthToSpaceOptions

    def prepare(self, node: Node) -> None:
        """block_size: the option. shape: of the output."""
        input = node.input("input", rank=4)
        block = self.block_size = self.options.block_size
        require_positive(block_size=block)
        batch, height, width, channels = input.dims
        node.require(
            channels % (block * block) == 0, "block_size {} squared does not divide {} channels", block, channels
        )
        self.shape = (batch, height * block, width * block, channels // (block * block))
        node.output(self.shape, types=input.type)

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        block = self.block_size
        batch, height, width, _ = input.shape
        patches = input.reshape(batch, height, width, block, block, self.shape[3])
        return patches.transpose(0, 1, 3, 2, 4, 5).reshape(self.shape)


class _BatchBlocks(Kernel):
    """What SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND share: the operands."""

    types = SIZED_TYPES
    flavours = ALL_FLAVOURS

    def _blocks(self, node: Node, borders: str) -> tuple[TensorSpec, list[int], list[tuple[int, int]]]:
        """The input, block_shape, and the operand `borders` as (before, after) of each spatial dimension."""
        input = node.input("input", rank=(3, 4))
        if input.type in QUANTIZED_TYPES:
            require_same_quantization(node, input, node.declared[0])
            require_symmetric_int16(node, input)
        spatial = input.rank - 2
        block_shape = index_values(node, "block_shape", types=TensorType.INT32, shape=(spatial,))
        values = index_values(node, borders, types=TensorType.INT32, shape=(spatial, 2))
        node.require(min(block_shape) >= 1, "block_shape is {}, expected at least 1", block_shape)
        node.require(min(values) >= 0, "{} is {}, expected at least 0", borders, values)
        return input, block_shape, list(zip(values[::2], values[1::2], strict=True))


@builtin(BuiltinOperator.SPACE_TO_BATCH_ND, versions=(1, 4))
class SpaceToBatchNd(_BatchBlocks):
    """Pads the spatial dimensions, then moves the pixels at each position of a block into a batch of their own.

    input: [batch, height, (width,) channels]; block_shape: [spatial] int32; paddings: [spatial, 2] int32, padded with 0
    or the zero point of 8-bit types -> [block positions * batch, padded height // block height, …, channels].

    Raises InvalidModelError when a block does not divide the padded dimension.
    Semantics: LiteRT tflite/kernels/space_to_batch_nd.cc.
    """

    def prepare(self, node: Node) -> None:
        """block_shape; paddings: for all dimensions; pad_value; shape: of the output."""
        input, self.block_shape, paddings = self._blocks(node, "paddings")
        padded = [before + dim + after for dim, (before, after) in zip(input.dims[1:-1], paddings, strict=True)]
        node.require(
            all(dim % block == 0 for dim, block in zip(padded, self.block_shape, strict=True)),
            "block_shape {} does not divide the padded dimensions {}",
            self.block_shape,
            padded,
        )
        self.paddings = [(0, 0), *paddings, (0, 0)]
        out_spatial = [dim // block for dim, block in zip(padded, self.block_shape, strict=True)]
        self.shape = (input.dims[0] * prod(self.block_shape), *out_spatial, input.dims[-1])
        output = node.output(self.shape, types=input.type)
        eight_bits = input.type in (TensorType.INT8, TensorType.UINT8)
        self.pad_value = padding_value(node, output) if eight_bits else 0

    def __call__(self, input: np.ndarray, block_shape: np.ndarray, paddings: np.ndarray) -> np.ndarray:
        """The output."""
        padded = np.pad(input, self.paddings, constant_values=self.pad_value)
        split = [padded.shape[0]]
        for out_dim, block in zip(self.shape[1:-1], self.block_shape, strict=True):
            split += [out_dim, block]
        spatial = len(self.block_shape)
        blocks = padded.reshape(*split, padded.shape[-1])
        order = [*range(2, 2 * spatial + 1, 2), 0, *range(1, 2 * spatial, 2), 2 * spatial + 1]
        return blocks.transpose(order).reshape(self.shape)


@builtin(BuiltinOperator.BATCH_TO_SPACE_ND, versions=(1, 4))
class BatchToSpaceNd(_BatchBlocks):
    """Interleaves batches into blocks of pixels, then crops; the inverse of SPACE_TO_BATCH_ND.

    input: [batch, height, (width,) channels]; block_shape: [spatial] int32; crops: [spatial, 2] int32
    -> [batch // block positions, height * block height - crops, …, channels].

    Raises InvalidModelError when the blocks do not divide the batch or the crops exceed a dimension.
    Semantics: LiteRT tflite/kernels/batch_to_space_nd.cc.
    """

    def prepare(self, node: Node) -> None:
        """block_shape; shape: of the output; inside: what is left of the interleaved dimensions."""
        input, self.block_shape, crops = self._blocks(node, "crops")
        positions = prod(self.block_shape)
        node.require(input.dims[0] % positions == 0, "batch {} in blocks of {}", input.dims[0], self.block_shape)
        full = [dim * block for dim, block in zip(input.dims[1:-1], self.block_shape, strict=True)]
        self.inside = tuple(slice(before, dim - after) for dim, (before, after) in zip(full, crops, strict=True))
        out_spatial = [part.stop - part.start for part in self.inside]
        node.require(min(out_spatial) >= 0, "crops {} exceed the dimensions {}", crops, full)
        self.shape = (input.dims[0] // positions, *out_spatial, input.dims[-1])
        node.output(self.shape, types=input.type)

    def __call__(self, input: np.ndarray, block_shape: np.ndarray, crops: np.ndarray) -> np.ndarray:
        """The output."""
        spatial = len(self.block_shape)
        blocks = input.reshape(*self.block_shape, self.shape[0], *input.shape[1:])
        order = [spatial]
        for axis in range(spatial):
            order += [spatial + 1 + axis, axis]
        full = [dim * block for dim, block in zip(input.shape[1:-1], self.block_shape, strict=True)]
        whole = blocks.transpose(*order, 2 * spatial + 1).reshape(self.shape[0], *full, input.shape[-1])
        return np.asarray(whole[:, *self.inside], order="C")
