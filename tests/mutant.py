"""A problem that may be changed: what generated cases, legal and illegal ones, are made with."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np

from litejit.schema import (
    Buffer,
    Model,
    Operator,
    Tensor,
    TensorType,
    pack,
    read_model,
    tensor_value,
    write_model,
)
from litejit.schema.types import numpy_dtype
from litejit.testing import Problem

__all__ = ["Mutant"]


class Mutant:
    """A problem that may be changed: its model, the values of its inputs, and the operator that it is about."""

    def __init__(self, problem: Problem, name: str) -> None:
        self.model: Model = read_model(problem.model)
        self.graph = self.model.subgraphs[0]
        self.operator: Operator = next(op for op in self.all_operators() if self.name_of(op) == name)
        self.values = {
            int(index): value for index, value in zip(self.graph.inputs, problem.inputs, strict=True) if index >= 0
        }

    def all_operators(self) -> Iterator[Operator]:
        for graph in self.model.subgraphs:
            yield from graph.operators

    def name_of(self, operator: Operator) -> str:
        code = self.model.operator_codes[operator.opcode_index]
        return code.custom_code or code.operator.name

    @property
    def tensors(self) -> list[Tensor]:
        """Of the subgraph that the operator is in."""
        return next(graph for graph in self.model.subgraphs if self.operator in graph.operators).tensors

    def value(self, index: int) -> np.ndarray | None:
        """What a constant or an input holds, None for other tensors."""
        return self.values.get(index) if index in self.values else tensor_value(self.model, self.tensors[index])

    def put(self, index: int, value: np.ndarray, type: TensorType | None = None) -> None:
        """Gives a tensor another value (and so another shape), another type if asked for."""
        tensor = self.tensors[index]
        tensor.shape, tensor.type = value.shape, tensor.type if type is None else type
        if index in self.values:
            self.values[index] = value
        elif tensor.buffer:
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(Buffer(data=np.frombuffer(pack(value, tensor.type), np.uint8)))

    def reshape(self, index: int, shape: tuple[int, ...]) -> None:
        """Gives a tensor another shape, with as much of its value as there is."""
        value = self.value(index)
        filler = np.zeros(1, numpy_dtype(self.tensors[index].type)) if value is None or not value.size else value
        self.put(index, np.resize(filler, shape) if 0 not in shape else np.empty(shape, filler.dtype))

    def retype(self, index: int, type: TensorType) -> None:
        """Gives a tensor another type, its value converted."""
        value, dtype = self.value(index), numpy_dtype(type)
        if value is None or "O" in (dtype.kind, value.dtype.kind):
            shape = self.tensors[index].shape
            self.put(index, np.full(shape, b"x", object) if dtype.kind == "O" else np.zeros(shape, dtype), type)
            return
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.put(index, value.astype(dtype), type)

    def close(self, index: int) -> None:
        """An input becomes a constant."""
        value = self.values.pop(index)
        self.tensors[index].buffer = len(self.model.buffers)
        self.model.buffers.append(Buffer(data=np.frombuffer(pack(value, self.tensors[index].type), np.uint8)))
        self.graph.inputs = self.graph.inputs[self.graph.inputs != index]

    def to_bytes(self) -> bytes:
        return write_model(self.model)

    def inputs(self) -> list[np.ndarray]:
        return [self.values[int(index)] for index in self.graph.inputs]
