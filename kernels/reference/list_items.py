"""Items of a list of tensors, which lie behind one another in one tensor."""

from __future__ import annotations

import numpy as np

from litejit.kernels.kernel import Kernel
from litejit.kernels.node import Node
from litejit.kernels.reference.moving import INDEX_TYPES
from litejit.schema.errors import InvalidInputError

__all__ = ["SetListItem"]


class SetListItem(Kernel):
    """The list with another item at a position: what `concatenation(list[:at], item, list[at + 1:])` is.

    No operator of the schema: the fast tier recognises it, see `litejit.list_items`.
    items: [count, …]; position: one int32 or int64 element; item: [1, …] -> [count, …].
    Raises InvalidInputError where there is no such position.
    """

    def prepare(self, node: Node) -> None:
        """The list's shape."""
        items = node.input("items")
        node.input("position", types=INDEX_TYPES)
        node.input("item", types=items.type, shape=(1, *items.dims[1:]))
        node.output(items.dims, types=items.type)

    def __call__(self, items: np.ndarray, position: np.ndarray, item: np.ndarray) -> np.ndarray:
        """The output."""
        at = int(position.reshape(())[()])
        if not 0 <= at < len(items):
            raise InvalidInputError(f"position is {at}, the list has {len(items)} items")
        result = items.copy()
        result[at] = item[0]
        return result
