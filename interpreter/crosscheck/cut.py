"""Cutting one operator out of a model: a model of its own, with the operands that are not constant as its inputs."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from litejit.schema import Buffer, Model, SubGraph, Tensor, pack, write_model
from litejit.schema.types import tensor_data
from litejit.schema.validate import called_subgraphs

__all__ = ["SingleOperator", "cut"]


@dataclass(frozen=True)
class SingleOperator:
    """A model of one operator. inputs: which of its operands are the model's inputs, by position."""

    model: bytes
    inputs: tuple[int, ...]


def cut(
    model: Model,
    subgraph: int,
    index: int,
    operands: Sequence[np.ndarray | None],
    constants: Sequence[np.ndarray | None],
    results: Sequence[np.ndarray],
) -> SingleOperator:
    """Operator `index` of a subgraph as a model.

    operands: their arrays, for the shapes; constants: those whose value is fixed; results: for the shapes of outputs.
    Subgraphs that the operator calls come along, buffers that nothing needs do not.
    """
    source = model.subgraphs[subgraph]
    operator = source.operators[index]
    calls = bool(called_subgraphs(operator))
    new = _Cut(model, source, keep_buffers=calls)
    inputs: dict[int, int] = {}
    for position, (tensor, operand, constant) in enumerate(zip(operator.inputs, operands, constants, strict=True)):
        at = new.tensor(int(tensor), operand, constant)
        if at >= 0 and new.is_input(at):
            inputs.setdefault(at, position)
    outputs = [new.tensor(int(tensor), result) for tensor, result in zip(operator.outputs, results, strict=True)]
    moved = _copied(
        operator,
        opcode_index=operator.opcode_index if calls else 0,
        inputs=_indices(new.tensor(int(tensor)) for tensor in operator.inputs),
        outputs=_indices(outputs),
        intermediates=_indices(new.tensor(int(tensor)) for tensor in operator.intermediates),
        debug_metadata_index=-1,
    )
    main = SubGraph(
        name="main", tensors=new.tensors, inputs=_indices(inputs), outputs=_indices(outputs), operators=[moved]
    )
    single = Model(
        version=model.version,
        description=f"operator {index} of subgraph {subgraph}",
        operator_codes=model.operator_codes if calls else [model.operator_codes[operator.opcode_index]],
        subgraphs=[main, *(model.subgraphs[1:] if calls else ())],
        buffers=new.buffers,
    )
    return SingleOperator(write_model(single), tuple(inputs.values()))


class _Cut:
    """Tensors and buffers of the new model, numbered anew. keep_buffers: subgraphs that come along refer to them."""

    def __init__(self, model: Model, source: SubGraph, keep_buffers: bool) -> None:
        self.model = model
        self.source = source
        self.tensors: list[Tensor] = []
        self.buffers: list[Buffer] = list(model.buffers) if keep_buffers else [Buffer()]
        self._indices: dict[int, int] = {-1: -1}

    def is_input(self, at: int) -> bool:
        """Whether a new tensor takes its value from outside."""
        return self.tensors[at].buffer == 0 and not self.tensors[at].is_variable

    def tensor(self, tensor: int, value: np.ndarray | None = None, constant: np.ndarray | None = None) -> int:
        """The new index of a tensor, copied at first use. value: for its shape; constant: its data."""
        if tensor in self._indices:
            return self._indices[tensor]
        old = self.source.tensors[tensor]
        new = _copied(old, buffer=0, external_buffer=0, shape_signature=None)
        if value is not None and old.sparsity is None:
            new.shape = tuple(value.shape)
        if constant is not None:
            data = tensor_data(self.model, old)
            new.buffer = self._buffer(pack(constant, old.type) if data is None else data)
        self._indices[tensor] = at = len(self.tensors)
        self.tensors.append(new)
        details = None if old.quantization is None else old.quantization.details
        if details is not None and hasattr(details, "scales"):
            # Blockwise scales and zero points are tensors of their own.
            names = [name for name in ("scales", "zero_points") if getattr(details, name) >= 0]
            moved = {name: self._constant(getattr(details, name)) for name in names}
            new.quantization = _copied(new.quantization, details=_copied(details, **moved))
        return at

    def _constant(self, tensor: int) -> int:
        return self.tensor(tensor, None, np.zeros(0))

    def _buffer(self, data: Any) -> int:
        self.buffers.append(Buffer(data=np.frombuffer(data, np.uint8)))
        return len(self.buffers) - 1


def _indices(tensors: Iterable[int]) -> np.ndarray:
    return np.array(list(tensors), np.int32)


def _copied(table: Any, **changes: Any) -> Any:
    result = copy.copy(table)
    for name, value in changes.items():
        setattr(result, name, value)
    return result
