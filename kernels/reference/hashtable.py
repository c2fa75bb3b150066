"""Hash tables from int64 or strings to strings or int64: HASHTABLE, _IMPORT, _FIND, _SIZE.

Semantics: LiteRT tflite/kernels/hashtable*.cc. The first import fills a table, later ones leave it as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from litejit.kernels.node import Context, Node, TensorSpec
from litejit.kernels.reference.resource import Stateful, resource_number
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, HashtableOptions, TensorType
from litejit.schema.errors import InvalidInputError

__all__ = ["Hashtable", "HashtableFind", "HashtableImport", "HashtableSize"]

_KINDS = ((TensorType.INT64, TensorType.STRING), (TensorType.STRING, TensorType.INT64))


def _tables(context: Context) -> dict[int, dict[Any, Any]]:
    return context.resources.setdefault("hash tables", {})


def _check_kind(node: Node, key: TensorType, value: TensorType) -> None:
    node.require(
        (key, value) in _KINDS, "a table from {} to {} is not defined, INT64 to STRING and back are", key, value
    )


def _found(context: Context, handle: np.ndarray) -> dict[Any, Any]:
    number = int(handle.reshape(-1)[0])
    table = _tables(context).get(number)
    if table is None:
        raise InvalidInputError(f"there is no hash table {number}")
    return table


@builtin(BuiltinOperator.HASHTABLE)
class Hashtable(Stateful):
    """-> the handle of the table `table_id`, made when it is new."""

    options: HashtableOptions

    def prepare(self, node: Node) -> None:
        """Finds the number."""
        _check_kind(node, TensorType(self.options.key_dtype), TensorType(self.options.value_dtype))
        node.output(None, types=TensorType.RESOURCE)
        self.context = node.context
        self.handle = resource_number(node.context, "table", self.options.table_id)

    def __call__(self) -> np.ndarray:
        """The handle."""
        _tables(self.context).setdefault(int(self.handle[0]), {})
        return self.handle


@builtin(BuiltinOperator.HASHTABLE_IMPORT)
class HashtableImport(Stateful):
    """resource_id, keys, values of one shape -> nothing; the first key of several equal ones counts."""

    n_outputs = 0
    types = (TensorType.RESOURCE,)

    def prepare(self, node: Node) -> None:
        """Checks keys against values."""
        keys: TensorSpec = node.input("keys")
        node.input("values", shape=keys.dims)
        _check_kind(node, keys.type, node.input("values").type)
        self.context = node.context

    def __call__(self, resource_id: np.ndarray, keys: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, ...]:
        """Fills an empty table."""
        table = _found(self.context, resource_id)
        if not table:
            for key, value in zip(keys.ravel().tolist(), values.ravel().tolist(), strict=True):
                table.setdefault(key, value)
        return ()


@builtin(BuiltinOperator.HASHTABLE_FIND)
class HashtableFind(Stateful):
    """resource_id, keys: any shape, default: one value -> values in the keys' shape."""

    types = (TensorType.RESOURCE,)

    def prepare(self, node: Node) -> None:
        """Output like keys."""
        keys, default = node.input("keys"), node.input("default")
        _check_kind(node, keys.type, default.type)
        node.require(default.size == 1, "operand 'default' has shape {}, expected one element", default.dims)
        self.dtype = node.output(keys.dims, types=default.type).dtype
        self.context = node.context

    def __call__(self, resource_id: np.ndarray, keys: np.ndarray, default: np.ndarray) -> np.ndarray:
        """Looks up."""
        table = _found(self.context, resource_id)
        missing = default.ravel().tolist()[0]
        result = np.empty(keys.size, self.dtype)
        for at, key in enumerate(keys.ravel().tolist()):
            result[at] = table.get(key, missing)
        return result.reshape(keys.shape)


@builtin(BuiltinOperator.HASHTABLE_SIZE)
class HashtableSize(Stateful):
    """resource_id -> [1] int64, how many keys the table has."""

    types = (TensorType.RESOURCE,)

    def prepare(self, node: Node) -> None:
        """One number."""
        node.output((1,), types=TensorType.INT64)
        self.context = node.context

    def __call__(self, resource_id: np.ndarray) -> np.ndarray:
        """Counts."""
        return np.array([len(_found(self.context, resource_id))], np.int64)
