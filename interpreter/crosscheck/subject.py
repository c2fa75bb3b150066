"""`Subject`: the model under comparison, with everything that is asked of its operators: order, operands, kernels."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from litejit.crosscheck.cut import SingleOperator, cut
from litejit.interpreter import Interpreter, OpResolverType
from litejit.kernels.kernel import Kernel
from litejit.kernels.node import Limits, Shape, SubgraphSignature, TensorSpec
from litejit.kernels.registry import builtin_kernels, custom_kernels
from litejit.operations import KernelFactory, Operation
from litejit.plan import Plan
from litejit.schema import BuiltinOperator, Model, TensorType, write_model
from litejit.schema.errors import InvalidInputError
from litejit.schema.validate import called_subgraphs
from litejit.step import prepared

__all__ = ["Place", "Subject", "load_content"]

Place = tuple[int, int]
"""Subgraph and index of an operator, or of a tensor."""

_ON_RESOURCES = (
    "VAR_HANDLE",
    "READ_VARIABLE",
    "ASSIGN_VARIABLE",
    "HASHTABLE",
    "HASHTABLE_IMPORT",
    "HASHTABLE_FIND",
    "HASHTABLE_SIZE",
)
_HANDLES = (TensorType.RESOURCE, TensorType.VARIANT)


def load_content(model: str | os.PathLike[str] | bytes | bytearray | memoryview | Model) -> bytes:
    """The bytes of a model given as a path, as bytes or as a `Model`. InvalidInputError for anything else."""
    if isinstance(model, Model):
        return write_model(model)
    if isinstance(model, (bytes, bytearray, memoryview)):
        return bytes(model)
    if not isinstance(model, (str, os.PathLike)):
        raise InvalidInputError(f"the model is {type(model).__name__}, expected a path, bytes or a Model")
    try:
        return Path(model).read_bytes()
    except OSError as error:
        raise InvalidInputError(f"the model '{model}' cannot be read: {error.strerror}") from None


class Subject:
    """A model as an interpreter of litejit's sees it. content: the file."""

    def __init__(self, content: bytes, interpreter: Interpreter | None = None) -> None:
        self.content = content
        self.interpreter = interpreter or Interpreter(
            model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
        )
        self.model: Model = self.interpreter._model

    def plan(self, subgraph: int) -> Plan:
        """The plan of a subgraph."""
        return self.interpreter._session.plans[subgraph]

    def operation(self, place: Place) -> Operation:
        """An operator."""
        return self.plan(place[0]).graph.operations[place[1]]

    def spec(self, place: Place) -> TensorSpec:
        """What is known of a tensor."""
        return self.plan(place[0]).specs[place[1]]

    def declared(self, place: Place) -> TensorSpec:
        """A tensor as the file declares it."""
        return self.plan(place[0]).graph.tensors[place[1]]

    def operators(self) -> list[Place]:
        """All operators that an inference may reach, in execution order: those of a subgraph before its caller."""
        seen: set[int] = set()

        def walk(subgraph: int) -> Iterator[Place]:
            seen.add(subgraph)
            for index, operator in enumerate(self.model.subgraphs[subgraph].operators):
                for _, called in called_subgraphs(operator):
                    if called not in seen:
                        yield from walk(called)
                yield subgraph, index

        return list(walk(0))

    def is_folded(self, place: Place) -> bool:
        """Whether an operator only depends on constants, and so was computed while planning."""
        operation = self.operation(place)
        return bool(operation.outputs) and all(
            self.spec((place[0], index)).value is not None for index in operation.outputs
        )

    def works_on_resources(self, place: Place) -> bool:
        """Whether an operator reads or writes variables or hash tables, or names them."""
        return self.operation(place).name in _ON_RESOURCES

    def calls_resources(self, place: Place) -> bool:
        """Whether an operator calls a subgraph in which one does."""
        operator = self.model.subgraphs[place[0]].operators[place[1]]
        return any(
            self.works_on_resources((called, at)) or self.calls_resources((called, at))
            for _, called in called_subgraphs(operator)
            for at in range(len(self.plan(called).graph.operations))
        )

    def is_repeated(self, subgraph: int) -> bool:
        """Whether a subgraph may run more than once in an inference, so that its tensors are those of its last run."""
        return subgraph in self._repeated

    @cached_property
    def _repeated(self) -> set[int]:
        seen: set[int] = set()
        repeated: set[int] = set()

        def walk(subgraph: int, again: bool) -> None:
            again = again or subgraph in seen
            if subgraph in repeated:
                return
            (repeated if again else seen).add(subgraph)
            graph = self.plan(subgraph).graph
            for operator, operation in zip(self.model.subgraphs[subgraph].operators, graph.operations, strict=True):
                for _, called in called_subgraphs(operator):
                    walk(called, again or operation.name.endswith("WHILE"))

        walk(0, False)
        return repeated

    def gives_data(self, place: Place) -> bool:
        """Whether an operator has results, and all of them are data."""
        outputs = self.operation(place).outputs
        return bool(outputs) and not self._any_handles(place, outputs)

    def _any_handles(self, place: Place, tensors: Sequence[int]) -> bool:
        return any(index >= 0 and self.declared((place[0], index)).type in _HANDLES for index in tensors)

    def operands(self, place: Place, tensors: Mapping[Place, np.ndarray]) -> list[np.ndarray | None] | None:
        """The operands of an operator from tensors that a runtime computed; None if one is missing.

        Constants are the file's; variables have the value that they start with.
        """
        result: list[np.ndarray | None] = []
        for index in self.operation(place).inputs:
            spec = None if index < 0 else self.spec((place[0], index))
            if spec is None:
                result.append(None)
            elif spec.value is not None:
                result.append(spec.value)
            elif spec.is_variable:
                result.append(self.plan(place[0]).initial_value(index))
            elif (place[0], index) in tensors:
                result.append(tensors[place[0], index])
            else:
                return None
        return result

    def kernel(
        self,
        place: Place,
        operands: Sequence[np.ndarray | None],
        numerics: str | None = None,
        own: bool = False,
        resources: dict[Any, Any] | None = None,
    ) -> Kernel:
        """An operator's kernel, prepared for these operands.

        numerics: another flavour than the interpreter's. own: litejit's own kernel, whatever the interpreter overrides.
        resources: others than the interpreter's.
        """
        plan, operation = self.plan(place[0]), self.operation(place)
        specs = []
        for index, operand in zip(operation.inputs, operands, strict=True):
            spec = None if index < 0 else plan.specs[index]
            if spec is not None and operand is not None and spec.sparsity is None:
                spec = replace(spec, shape=operand.shape)
            specs.append(spec)
        kernel, _ = prepared(
            plan,
            operation,
            specs,
            operands,
            numerics or operation.numerics,
            context=None if resources is None else _OtherResources(self.interpreter._session, resources),
            make_kernel=_own_factory(operation) if own else None,
        )
        return kernel

    def compute(
        self, place: Place, operands: Sequence[np.ndarray | None], numerics: str | None = None, own: bool = False
    ) -> list[np.ndarray]:
        """What an operator makes of operands; see `kernel`. Variables among the operands stay as they are."""
        kernel = self.kernel(place, operands, numerics, own)
        arguments = [
            operand.copy()
            if index >= 0 and operand is not None and self.spec((place[0], index)).is_variable
            else operand
            for index, operand in zip(self.operation(place).inputs, operands, strict=True)
        ]
        result = kernel(*arguments)
        many = isinstance(result, tuple) or len(self.operation(place).outputs) != 1
        return [np.asarray(value) for value in (result if many else (result,))]

    def single(
        self, place: Place, operands: Sequence[np.ndarray | None], results: Sequence[np.ndarray]
    ) -> SingleOperator:
        """An operator as a model of its own. results: for the shapes of the outputs."""
        operation = self.operation(place)
        constants = [None if index < 0 else self.spec((place[0], index)).value for index in operation.inputs]
        return cut(self.model, *place, operands, constants, results)

    def find_operator(self, operator: int | str | Place) -> Place:
        """A place from an index of the main subgraph, "subgraph:index", or the name of an output tensor."""
        if isinstance(operator, tuple):
            place = operator
        elif isinstance(operator, int) or operator.isdecimal():
            place = 0, int(operator)
        elif all(part.isdecimal() for part in operator.split(":", 1)):
            subgraph, _, index = operator.partition(":")
            place = int(subgraph), int(index)
        else:
            return self._producer(operator)
        if not (
            0 <= place[0] < len(self.model.subgraphs) and 0 <= place[1] < len(self.plan(place[0]).graph.operations)
        ):
            raise InvalidInputError(f"the model has no operator {place[1]} in subgraph {place[0]}")
        return place

    def _producer(self, name: str) -> Place:
        for place in self.operators():
            if any(self.declared((place[0], index)).name == name for index in self.operation(place).outputs):
                return place
        raise InvalidInputError(f"no operator of the model has an output called '{name}'")


def _own_factory(operation: Operation) -> KernelFactory:
    own: KernelFactory | None
    if operation.custom:
        own = custom_kernels().get(operation.name)
    else:
        own = builtin_kernels().get(BuiltinOperator[operation.name])
    return operation.make_kernel if own is None else own


class _OtherResources:
    """A context as it is, but for the resources."""

    def __init__(self, context: Any, resources: dict[Any, Any]) -> None:
        self._context = context
        self.numerics: str = context.numerics
        self.limits: Limits = context.limits
        self.resources = resources

    def subgraph(self, index: int) -> SubgraphSignature:
        return self._context.subgraph(index)

    def infer_subgraph(
        self, index: int, shapes: Sequence[Shape], types: Sequence[TensorType] | None = None
    ) -> list[TensorSpec]:
        return self._context.infer_subgraph(index, shapes, types)

    def call_subgraph(
        self, index: int, inputs: Sequence[np.ndarray], types: Sequence[TensorType] | None = None, anew: bool = False
    ) -> list[np.ndarray]:
        return self._context.call_subgraph(index, inputs, types, anew)
