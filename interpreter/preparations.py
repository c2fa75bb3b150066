"""What a plan has been prepared for before, so that a called subgraph is prepared once for each kind of its inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from litejit.kernels.tensor_spec import Shape, TensorSpec
from litejit.schema.lazy import Items
from litejit.schema.tensor_types import TensorType

if TYPE_CHECKING:
    from litejit.native import NativePlan
    from litejit.step import Step
    from litejit.stored import StoredPlan

__all__ = ["NOTHING", "Deviation", "Preparations", "Ready", "Signature"]

_MOST_KNOWN, _MOST_BYTES = 64, 1 << 28
"""What is kept: so many preparations, so many bytes."""

Signature = tuple[Shape, TensorType]
"""What an input is."""

NOTHING: Signature = (), TensorType.FLOAT32
"""An input that is not there."""


class Deviation(Exception):
    """Data are not as a preparation supposes."""


class Ready(NamedTuple):
    """A plan prepared for some shapes and types of its inputs; see the attributes of those names."""

    specs: Items[TensorSpec]
    arrays: Items[np.ndarray | None]
    steps: list[Step]
    native: NativePlan | StoredPlan | None
    input_shapes: dict[int, Shape]
    input_types: dict[int, TensorType]
    outputs: list[TensorSpec]

    @property
    def bytes(self) -> int:
        """Of the memory that belongs to it alone, about."""
        if self.native is not None:
            return self.native.bytes
        values = zip(self.specs, self.arrays, strict=True)
        return sum(array.nbytes for spec, array in values if array is not None and spec.value is None)


class Preparations(dict[tuple[Signature, ...], Ready]):
    """By what the inputs are; the oldest ones give way."""

    def keep(self, signatures: tuple[Signature, ...], ready: Ready) -> None:
        """Adds one, as far as there is room."""
        self[signatures] = ready
        while len(self) > _MOST_KNOWN or sum(other.bytes for other in self.values()) > _MOST_BYTES:
            del self[next(iter(self))]
