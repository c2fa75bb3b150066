"""`LazyList`: what is made of a model as far as somebody asks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

__all__ = ["Items", "LazyList"]

_T = TypeVar("_T")


class LazyList(Sequence[_T]):
    """A list of fixed length whose items are made, by their index, when they are first asked for.

    An item that is made as None is made again each time.
    """

    def __init__(self, length: int, make: Callable[[int], _T]) -> None:
        self._items: list[Any] = [None] * length
        self._make = make

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, at: int) -> _T:  # type: ignore[override]
        item: _T = self._items[at]
        if item is None:
            at = range(len(self._items))[at]  # from the end, if negative
            item = self._items[at] = self._make(at)
        return item

    def __setitem__(self, at: int, item: _T) -> None:
        self._items[at] = item


Items: TypeAlias = list[_T] | LazyList[_T]
"""A list whose items are known by now, or a lazy one."""
