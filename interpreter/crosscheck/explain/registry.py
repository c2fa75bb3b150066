"""Which explainer explains which kernel. Families register themselves, as kernels do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from litejit.crosscheck.explain.explanation import Explanation
from litejit.kernels.kernel import Kernel
from litejit.kernels.node import TensorSpec

__all__ = ["EXPLAINERS", "Case", "broadcast_index", "explains"]


@dataclass(frozen=True)
class Case:
    """An operator after its inference: the prepared kernel, operands, their specs, and the output to explain."""

    kernel: Any
    operands: Sequence[np.ndarray | None]
    inputs: Sequence[TensorSpec | None]
    output: TensorSpec
    result: np.ndarray
    where: str
    op: str

    def operand(self, position: int) -> np.ndarray:
        """An operand that is there."""
        value = self.operands[position]
        assert value is not None
        return value

    def spec(self, position: int) -> TensorSpec:
        """The spec of an operand that is there."""
        spec = self.inputs[position]
        assert spec is not None
        return spec

    def explanation(self, index: tuple[int, ...], terms: list[Any], steps: list[Any], **more: Any) -> Explanation:
        """The explanation of an element."""
        value = self.result[index].item()
        return Explanation(
            self.where, self.op, self.output.name, index, self.result.dtype.name, value, terms, steps, **more
        )


Explainer = Callable[[Case, tuple[int, ...]], Explanation]
EXPLAINERS: dict[type[Kernel], Explainer] = {}


def explains(*kernels: type[Kernel]) -> Callable[[Explainer], Explainer]:
    """Decorator: this function explains elements of these kernels' results."""

    def register(explainer: Explainer) -> Explainer:
        EXPLAINERS.update(dict.fromkeys(kernels, explainer))
        return explainer

    return register


def broadcast_index(index: Sequence[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Where the element of a broadcast result comes from in an operand of this shape."""
    own = index[len(index) - len(shape) :]
    return tuple(0 if size == 1 else at for at, size in zip(own, shape, strict=True))
