"""Hash tables from int64 to strings or from strings to int64: HASHTABLE, _IMPORT, _FIND, _SIZE.

They live as long as the interpreter and are filled once. Semantics: LiteRT tflite/kernels/hashtable*.cc and
tflite/experimental/resource/static_hashtable.cc.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from litejit.kernels.node import Context, Node
from litejit.kernels.reference.resource import ResourceKernel
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, HashtableOptions, TensorType
from litejit.schema.errors import InvalidInputError

__all__ = ["Hashtable", "HashtableFind", "HashtableImport", "HashtableSize"]

Kind = tuple[TensorType, TensorType]
"""Type of the keys, type of the values."""


@dataclass
class Table:
    """One table; content is None until the first import."""

    kind: Kind
    content: dict[Any, Any] | None = None


def _tables(context: Context) -> dict[int, Table]:
    return context.resources.setdefault("hash tables", {})


def _kind(node: Node, key: TensorType, value: TensorType) -> Kind:
    kinds = ((TensorType.INT64, TensorType.STRING), (TensorType.STRING, TensorType.INT64))
    message = "a table from {} to {} is not defined, INT64 to STRING and STRING to INT64 are"
    node.require((key, value) in kinds, message, *(getattr(type, "name", type) for type in (key, value)))
    return key, value


class TableKernel(ResourceKernel):
    """Base of the operators that take a table."""

    types = (TensorType.RESOURCE,)

    def table(self, resource_id: np.ndarray, kind: Kind | None = None) -> Table:
        """The table of a handle; InvalidInputError where there is none, or one of other types."""
        number = int(resource_id.flat[0])
        table = _tables(self.context).get(number)
        if table is None:
            raise InvalidInputError(f"there is no hash table {number}")
        if kind not in (None, table.kind):
            has, expected = (f"{key.name} to {value.name}" for key, value in (table.kind, kind))
            raise InvalidInputError(f"hash table {number} goes from {has}, expected one from {expected}")
        return table


@builtin(BuiltinOperator.HASHTABLE)
class Hashtable(ResourceKernel):
    """-> handle [1]: `table_id`. The table is made when there is none of that number yet."""

    options: HashtableOptions

    def prepare(self, node: Node) -> None:
        """Checks the types."""
        super().prepare(node)
        self.kind = _kind(node, self.options.key_dtype, self.options.value_dtype)
        node.output((1,), types=TensorType.RESOURCE)

    def __call__(self) -> np.ndarray:
        """The handle."""
        _tables(self.context).setdefault(self.options.table_id, Table(self.kind))
        return np.array([self.options.table_id], np.int32)


@builtin(BuiltinOperator.HASHTABLE_IMPORT)
class HashtableImport(TableKernel):
    """resource_id, keys, values in the shape of keys -> nothing. Of equal keys the first counts.

    Fills the table. One that has been filled stays as it is.
    """

    n_outputs = 0

    def prepare(self, node: Node) -> None:
        """Checks keys against values."""
        super().prepare(node)
        keys = node.input("keys")
        self.kind = _kind(node, keys.type, node.input("values", shape=keys.dims).type)

    def __call__(self, resource_id: np.ndarray, keys: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, ...]:
        """Fills."""
        table = self.table(resource_id, self.kind)
        if table.content is None:
            table.content = dict(zip(keys.ravel()[::-1].tolist(), values.ravel()[::-1].tolist(), strict=True))
        return ()


@builtin(BuiltinOperator.HASHTABLE_FIND)
class HashtableFind(TableKernel):
    """resource_id, keys: any shape, default: one value -> values in the shape of keys."""

    def prepare(self, node: Node) -> None:
        """Output like keys."""
        super().prepare(node)
        keys, default = node.input("keys"), node.input("default")
        node.require(default.size > 0, "operand 'default' has shape {}, expected an element", default.dims)
        self.kind = _kind(node, keys.type, default.type)
        self.output = node.output(keys.dims, types=default.type)

    def __call__(self, resource_id: np.ndarray, keys: np.ndarray, default: np.ndarray) -> np.ndarray:
        """Looks up."""
        content = self.table(resource_id, self.kind).content
        if content is None:
            raise InvalidInputError("the hash table is read before anything is imported into it")
        missing = default.flat[0]
        values = np.empty(keys.size, self.output.dtype)
        values[:] = [content.get(key, missing) for key in keys.ravel().tolist()]
        return values.reshape(keys.shape)


@builtin(BuiltinOperator.HASHTABLE_SIZE)
class HashtableSize(TableKernel):
    """resource_id -> [1] int64, how many keys the table has (0 before it is filled)."""

    def prepare(self, node: Node) -> None:
        """One number."""
        super().prepare(node)
        node.output((1,), types=TensorType.INT64)

    def __call__(self, resource_id: np.ndarray) -> np.ndarray:
        """Counts."""
        return np.array([len(self.table(resource_id).content or ())], np.int64)
