"""How a graph describes an operator to its kernel: tensors (`TensorSpec`), operator (`Node`), world (`Context`).

A kernel sees nothing else of a model. Shapes that depend on data are not a kernel's concern: a kernel that needs a
value asks for it with `Node.value`, and the plan prepares it again when the value exists.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, NoReturn, Protocol

import numpy as np

from litejit.kernels.tensor_spec import Limits, NeedsData, Quantization, Shape, TensorSpec
from litejit.schema import TensorType
from litejit.schema.errors import InvalidModelError, UnsupportedError
from litejit.schema.limits import MAX_RANK

__all__ = ["Context", "Limits", "NeedsData", "Node", "Quantization", "Shape", "SubgraphSignature", "TensorSpec"]


@dataclass(frozen=True)
class SubgraphSignature:
    """The interface of a subgraph that an operator may call: name, input and output tensors as declared in the file.

    operators: names of its operators in order, for operators that recognise what a subgraph of one operator does.
    """

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    operators: tuple[str, ...] = ()


class Context(Protocol):
    """The world of an operator: what a kernel may use beside its own inputs.

    numerics: name of the numerics flavour of nodes that have none of their own. limits: see `Limits`.
    resources: mutable, shared by all subgraphs of one interpreter and kept between invokes (variables, hash tables,
    random generators), keyed by whatever the kernel family chooses.
    """

    numerics: str
    limits: Limits
    resources: dict[Any, Any]

    def subgraph(self, index: int) -> SubgraphSignature:
        """Interface of a subgraph; InvalidModelError when there is none of that index."""
        ...

    def infer_subgraph(
        self, index: int, shapes: Sequence[Shape], types: Sequence[TensorType] | None = None
    ) -> list[TensorSpec]:
        """What a subgraph's outputs are for inputs of these shapes and types (None: those of the file).

        Shapes are None where they depend on data.
        """
        ...

    def call_subgraph(
        self, index: int, inputs: Sequence[np.ndarray], types: Sequence[TensorType] | None = None, anew: bool = False
    ) -> list[np.ndarray]:
        """Runs a subgraph on inputs (prepared again for them where needed) and returns its outputs.

        anew: its variable tensors start at their initial value, unless all tensors are to be preserved.
        """
        ...


@dataclass
class Node:
    """One operator of one graph, as its kernel sees it in `Kernel.prepare`.

    inputs: one TensorSpec for each operand, None where an optional operand is left out.
    declared: the outputs as the file declares them (type and quantization count, the shape is a hint at best).
    numerics: name of the numerics flavour, by default the context's.
    """

    op: str
    version: int
    options: Any
    inputs: tuple[TensorSpec | None, ...]
    declared: tuple[TensorSpec, ...]
    context: Context
    intermediates: tuple[TensorSpec, ...] = ()
    names: Mapping[str, int] = field(default_factory=dict)
    runtime_values: Sequence[np.ndarray | None] | None = None
    numerics: str = ""
    outputs: list[TensorSpec | None] = field(init=False)
    read_values: set[int] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.outputs = [None] * len(self.declared)
        self.numerics = self.numerics or self.context.numerics

    def has(self, operand: str | int) -> bool:
        """Whether an optional operand is given."""
        position = self._position(operand)
        return position < len(self.inputs) and self.inputs[position] is not None

    def input(
        self,
        operand: str | int,
        *,
        rank: int | Collection[int] | None = None,
        types: TensorType | Collection[TensorType] | None = None,
        shape: Shape | None = None,
    ) -> TensorSpec:
        """The operand of that name (a parameter of the kernel's `__call__`) or position, checked as asked for."""
        spec = self.inputs[self._position(operand)] if self.has(operand) else None
        if spec is None:
            raise InvalidModelError(f"operand {self._label(operand)} is missing")
        if types is not None:
            allowed = (types,) if isinstance(types, TensorType) else tuple(types)
            self.require(
                spec.type in allowed,
                "operand {} ({}) is {}, expected {}",
                self._label(operand),
                spec,
                spec.type.name,
                " or ".join(t.name for t in allowed),
            )
        if rank is not None:
            ranks = (rank,) if isinstance(rank, int) else tuple(rank)
            self.require(
                spec.rank in ranks,
                "operand {} ({}) has shape {}, expected rank {}",
                self._label(operand),
                spec,
                spec.dims,
                " or ".join(map(str, ranks)),
            )
        if shape is not None:
            self.require(
                spec.dims == tuple(shape),
                "operand {} ({}) has shape {}, expected {}",
                self._label(operand),
                spec,
                spec.dims,
                tuple(shape),
            )
        return spec

    def optional(self, operand: str | int, **expected: Any) -> TensorSpec | None:
        """Like `input`, None when the operand is left out."""
        return self.input(operand, **expected) if self.has(operand) else None

    def value(self, operand: str | int) -> np.ndarray:
        """The data of an operand that shapes or derived constants depend on (constant, or this invoke's)."""
        spec = self.input(operand)
        position = self._position(operand)
        if spec.value is not None:
            return spec.value
        if self.runtime_values is None:
            raise NeedsData
        value = self.runtime_values[position]
        if value is None:
            raise NeedsData
        self.read_values.add(position)
        return value

    def output(
        self,
        shape: Sequence[int] | None,
        *,
        at: int = 0,
        types: TensorType | Collection[TensorType] | None = None,
        type: TensorType | None = None,
        value: np.ndarray | None = None,
    ) -> TensorSpec:
        """Declares the shape (None: what the kernel returns) of an output; its type and quantization are the file's.

        types: what the declared type must be one of. type: what the output becomes, whatever the file declares.
        """
        if at >= len(self.declared):
            raise InvalidModelError(f"the operator has {len(self.declared)} outputs, expected at least {at + 1}")
        declared = self.declared[at] if type is None else replace(self.declared[at], type=type)
        if types is not None:
            allowed = (types,) if isinstance(types, TensorType) else tuple(types)
            self.require(
                declared.type in allowed,
                "output {} ({}) is {}, expected {}",
                at,
                declared,
                declared.type.name,
                " or ".join(t.name for t in allowed),
            )
        known = None if shape is None else tuple(int(dim) for dim in shape)
        if known is not None and any(dim < 0 for dim in known):
            raise InvalidModelError(f"output {at} ({declared}) would have the negative shape {known}")
        if known is not None and len(known) > MAX_RANK:
            raise InvalidModelError(
                f"output {at} ({declared}) would have {len(known)} dimensions, at most {MAX_RANK} are possible"
            )
        if known is not None and max(known, default=0) > 2**31 - 1:
            raise InvalidModelError(
                f"output {at} ({declared}) would have shape {known}, a dimension has at most 31 bits"
            )
        if known is not None and prod(known) * declared.dtype.itemsize > self.context.limits.tensor_bytes:
            raise InvalidModelError(
                f"output {at} ({declared}) would have shape {known}, "
                f"more than the limit of {self.context.limits.tensor_bytes} bytes for a tensor"
            )
        spec = replace(declared, shape=known, value=value)
        self.outputs[at] = spec
        return spec

    def require(self, condition: object, message: str, *details: object) -> None:
        """Raises InvalidModelError(message.format(*details)) unless the condition holds."""
        if not condition:
            raise InvalidModelError(message.format(*details))

    def unsupported(self, message: str, *details: object) -> NoReturn:
        """Raises UnsupportedError(message.format(*details))."""
        raise UnsupportedError(message.format(*details))

    def _position(self, operand: str | int) -> int:
        return operand if isinstance(operand, int) else self.names[operand]

    def _label(self, operand: str | int) -> str:
        if isinstance(operand, str):
            return f"'{operand}'"
        return next((f"'{name}'" for name, position in self.names.items() if position == operand), f"{operand}")
