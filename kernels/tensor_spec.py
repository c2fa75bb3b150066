"""What is known of a tensor before it is computed (`TensorSpec`), and how much a model may ask for (`Limits`)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from litejit.schema.errors import InvalidModelError
from litejit.schema.limits import MAX_CALL_DEPTH, MAX_TABLES
from litejit.schema.tensor_types import TensorType
from litejit.schema.types import numpy_dtype

__all__ = ["Limits", "NeedsData", "Quantization", "Shape", "TensorSpec"]

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Limits:
    """How much a model may ask for before it is refused, so that a small bad file cannot exhaust the machine.

    tensor_bytes: size of any one tensor. while_iterations: rounds of one WHILE operator. subgraph_depth: how deep
    subgraphs may call each other. tables: FlatBuffers tables that the file decodes to, counted each time that one is
    referred to; together they bound the size of the decoded model.
    """

    tensor_bytes: int = 1 << 32
    while_iterations: int = 1 << 24
    subgraph_depth: int = MAX_CALL_DEPTH
    tables: int = MAX_TABLES


class NeedsData(Exception):
    """Raised by `Node.value` while planning: this operator can only be prepared once its inputs hold data."""


@dataclass(frozen=True, eq=False)
class Quantization:
    """Affine quantization, real = scale * (quantized - zero_point), per tensor (one scale) or per channel of `axis`.

    scale: [1] or [channels] float32; zero_point: same length, int64; axis: the schema's quantized_dimension.
    block_size: for blockwise quantization, how many consecutive elements share a scale (0: not blockwise).
    """

    scale: np.ndarray
    zero_point: np.ndarray
    axis: int = 0
    block_size: int = 0
    block_scale: np.ndarray | None = None

    @property
    def per_channel(self) -> bool:
        """More than one scale."""
        return self.scale.size > 1


@dataclass(frozen=True, eq=False)
class TensorSpec:
    """What is known of a tensor before it is computed.

    shape is None while it depends on data. value is set for constants (of the file, or folded at planning).
    is_fixed: the file declares a rank above 0 and leaves no dimension open.
    """

    name: str
    index: int
    type: TensorType
    shape: Shape | None
    quantization: Quantization | None = None
    value: np.ndarray | None = None
    is_variable: bool = False
    sparsity: Any = None
    is_fixed: bool = False

    @cached_property
    def dtype(self) -> np.dtype:
        """NumPy dtype of the tensor's array (4-bit and 2-bit types live unpacked in 8 bits)."""
        return numpy_dtype(self.type)

    @property
    def rank(self) -> int:
        """Number of dimensions."""
        return len(self.dims)

    @property
    def dims(self) -> Shape:
        """The shape, for code that runs only once it is known."""
        if self.shape is None:
            raise NeedsData
        return self.shape

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.dims)

    @property
    def scale(self) -> np.float32:
        """The per-tensor scale; InvalidModelError when the tensor has none, or one for each channel."""
        return np.float32(self._per_tensor().scale[0])

    @property
    def zero_point(self) -> int:
        """The per-tensor zero point; InvalidModelError when the tensor has none, or one for each channel."""
        return int(self._per_tensor().zero_point[0])

    @property
    def unchecked_scale(self) -> np.float32:
        """The scale for official kernels that do not look whether there is one: 0 without one, or with several."""
        single = self.quantization is not None and self.quantization.scale.size == 1
        return np.float32(self.quantized.scale[0] if single else 0)

    @property
    def unchecked_zero_point(self) -> int:
        """The zero point that goes with `unchecked_scale`."""
        single = self.quantization is not None and self.quantization.scale.size == 1
        return int(self.quantized.zero_point[0]) if single else 0

    @property
    def quantized(self) -> Quantization:
        """The quantization; InvalidModelError when there is none, a scale is illegal, or scales do not fit the shape.

        A scale may be 0: converters write it for weights that are all 0. `scale` and `zero_point` want it positive.
        """
        if self.quantization is None or self.quantization.scale.size == 0:
            raise InvalidModelError(f"{self} has no quantization parameters, a {self.type.name} operand needs them")
        scale = self.quantization.scale
        if not (np.isfinite(scale).all() and (scale >= 0).all()):
            raise InvalidModelError(f"{self} has quantization scale {scale.min()}, expected finite numbers, 0 or more")
        axis, sizes = self.quantization.axis, self.shape
        along = self.quantization.per_channel and self.quantization.block_size == 0
        if along and sizes is not None and not (0 <= axis < len(sizes) and sizes[axis] == scale.size):
            raise InvalidModelError(
                f"{self} of shape {sizes} has {scale.size} scales along dimension {axis}, expected as many as elements"
            )
        return self.quantization

    def _per_tensor(self) -> Quantization:
        quantization = self.quantized
        if quantization.per_channel:
            raise InvalidModelError(
                f"{self} is quantized per channel ({quantization.scale.size} scales), expected one scale"
            )
        if quantization.scale[0] == 0:
            raise InvalidModelError(f"{self} has quantization scale 0, expected a positive finite number")
        return quantization

    def __str__(self) -> str:
        return f"tensor {self.index} '{self.name}'"
