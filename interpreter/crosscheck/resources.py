"""What variables and hash tables hold while a model's operators are gone through, and small models that compare that.

An operator on a resource has operands that are no data. Here the data are what the resource holds: contents are kept by
going through all operators that write, in execution order, on recorded operands.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from litejit.crosscheck.subject import Place, Subject
from litejit.kernels.reference.hashtable import Table
from litejit.schema import ModelBuilder, TensorType
from litejit.schema.errors import LitejitError

__all__ = ["Resources", "content_model", "is_kept", "writes"]

_WRITERS = ("ASSIGN_VARIABLE", "HASHTABLE_IMPORT")
_HANDLE: dict[str, Any] = {"shape": (), "dtype": TensorType.RESOURCE}
_READERS = ("READ_VARIABLE", "HASHTABLE_FIND", "HASHTABLE_SIZE")


def writes(op: str) -> bool:
    """Whether an operator changes what a resource holds, and returns nothing."""
    return op in _WRITERS


def is_kept(op: str) -> bool:
    """Whether an operator reads or writes what a resource holds."""
    return op in _WRITERS or op in _READERS


class Resources:
    """The contents of a model's resources."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        # Numbers of variables were given out when the operators were prepared.
        numbers = subject.interpreter._session.resources.get("variable numbers", {})
        self._contents: dict[Any, Any] = {"variable numbers": dict(numbers)}
        self._uncertain: set[tuple[str, int]] = set()

    def apply(self, place: Place, operands: Sequence[np.ndarray | None], certain: bool) -> None:
        """Lets an operator work on the contents. certain: whether the other side did so with the same operands."""
        operation = self._subject.operation(place)
        if operation.name in _WRITERS:
            (self._uncertain.discard if certain else self._uncertain.add)(_resource(operation.name, operands))
        try:
            self._subject.kernel(place, operands, own=True, resources=self._contents)(*operands)
        except LitejitError:
            self._uncertain.add(_resource(operation.name, operands))

    def is_certain(self, place: Place, operands: Sequence[np.ndarray | None]) -> bool:
        """Whether a resource holds the same on both sides."""
        return _resource(self._subject.operation(place).name, operands) not in self._uncertain

    def compute(self, place: Place, operands: Sequence[np.ndarray | None]) -> list[np.ndarray]:
        """What a reader returns, or what a resource holds after a writer: a table, the values of the given keys."""
        contents = copy.deepcopy(self._contents)
        name = self._subject.operation(place).name
        kernel = self._subject.kernel(place, operands, resources=contents)
        result = kernel(*operands)
        if name == "ASSIGN_VARIABLE":
            return [contents["variables"][_resource(name, operands)[1]]]
        if name == "HASHTABLE_IMPORT":
            keys, values = operands[1], operands[2]
            assert keys is not None
            assert values is not None
            table = contents["hash tables"][_resource(name, operands)[1]].content
            found = np.empty(keys.size, values.dtype)
            found[:] = [table[key] for key in keys.ravel().tolist()]
            return [found.reshape(keys.shape)]
        return [np.asarray(result)]

    def content(self, op: str, operands: Sequence[np.ndarray | None]) -> Any:
        """What the resource of an operator holds: an array, a table, or None."""
        kind, number = _resource(op, operands)
        return self._contents.get(kind, {}).get(number)


def _resource(op: str, operands: Sequence[np.ndarray | None]) -> tuple[str, int]:
    handle = operands[0] if operands else None
    return "hash tables" if op.startswith("HASHTABLE") else "variables", -1 if handle is None else int(handle.flat[0])


def content_model(
    subject: Subject, place: Place, resources: Resources, operands: Sequence[np.ndarray | None]
) -> tuple[bytes, list[np.ndarray]]:
    """A model that fills a resource and lets an operator work on it, and its inputs.

    It returns what the operator does; if that is nothing, what the resource holds then, as `Resources.compute` does.
    """
    program = _Program(subject, place, operands)
    content = resources.content(program.op, operands)
    if program.op.startswith("HASHTABLE"):
        program.build_table(content)
    else:
        program.build_variable(content)
    return program.b.to_bytes(), program.given


class _Program:
    """A model under construction. given: its inputs."""

    def __init__(self, subject: Subject, place: Place, operands: Sequence[np.ndarray | None]) -> None:
        operation = subject.operation(place)
        self.op = operation.name
        self.b = ModelBuilder()
        self.given: list[np.ndarray] = []
        self._operands = list(zip(operands[1:], operation.inputs[1:], strict=True))
        self._types = {index: subject.declared((place[0], index)).type for index in operation.inputs}
        outputs = [subject.declared((place[0], index)) for index in operation.outputs]
        self._outputs: list[dict[str, Any]] = [{"shape": spec.dims, "dtype": spec.type} for spec in outputs]

    def input(self, value: np.ndarray, type: TensorType) -> int:
        """A tensor that gets this value."""
        self.given.append(value)
        return self.b.input(None, value.shape, type)

    def operands(self) -> list[int]:
        """Tensors for all operands but the handle."""
        return [self.input(value, self._types[index]) for value, index in self._operands if value is not None]

    def build_variable(self, content: np.ndarray | None) -> None:
        """ASSIGN_VARIABLE, READ_VARIABLE."""
        handle = self.b.op("VAR_HANDLE", [], [_HANDLE], shared_name="v")
        if self.op == "ASSIGN_VARIABLE":
            self.b.op("ASSIGN_VARIABLE", [handle, *self.operands()], [])
            value, index = self._operands[0]
            assert value is not None
            self._outputs = [{"shape": value.shape, "dtype": self._types[index]}]
        elif content is not None:
            self.b.op("ASSIGN_VARIABLE", [handle, self.input(content, self._outputs[0]["dtype"])], [])
        self.b.output(self.b.op("READ_VARIABLE", [handle], self._outputs))

    def build_table(self, table: Table) -> None:
        """HASHTABLE_IMPORT, HASHTABLE_FIND, HASHTABLE_SIZE."""
        key, value = table.kind
        handle = self.b.op("HASHTABLE", [], [{**_HANDLE, "shape": (1,)}], table_id=1, key_dtype=key, value_dtype=value)
        if table.content is not None:
            filled = [self.input(_array(list(table.content), key), key)]
            filled.append(self.input(_array(list(table.content.values()), value), value))
            self.b.op("HASHTABLE_IMPORT", [handle, *filled], [])
        operands = self.operands()
        if self.op != "HASHTABLE_IMPORT":
            self.b.output(self.b.op(self.op, [handle, *operands], self._outputs))
            return
        self.b.op("HASHTABLE_IMPORT", [handle, *operands], [])
        keys = self.given[-2]
        nothing = self.input(_array([b"" if value == TensorType.STRING else 0], value), value)
        self.b.output(
            self.b.op("HASHTABLE_FIND", [handle, operands[0], nothing], [{"shape": keys.shape, "dtype": value}])
        )


def _array(values: list[Any], type: TensorType) -> np.ndarray:
    array = np.empty(len(values), object if type == TensorType.STRING else np.int64)
    array[:] = values
    return array
