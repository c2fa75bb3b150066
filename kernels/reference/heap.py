"""A binary heap that orders equal priorities as the C++ standard library's does, on which the official kernels rely.

Highest priority first. Of two equal children of a node the second one rises; an entry does not pass an equal parent.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Entry", "Heap", "largest"]


class Entry(NamedTuple):
    """What a heap holds: a priority, an index, and how many rivals it has been compared with."""

    priority: float
    index: int
    seen: int = 0


class Heap:
    """A priority queue (std::priority_queue)."""

    def __init__(self, entries: list[Entry] | None = None) -> None:
        self._entries = list(entries or [])
        for place in reversed(range(len(self._entries) // 2)):
            self._settle(place, self._entries[place])

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def first(self) -> Entry:
        """The entry of highest priority."""
        return self._entries[0]

    def push(self, entry: Entry) -> None:
        """Adds an entry."""
        self._entries.append(entry)
        self._rise(len(self._entries) - 1, 0, entry)

    def pop(self) -> Entry:
        """Takes the first entry."""
        last = self._entries.pop()
        return self.replace(last) if self._entries else last

    def replace(self, entry: Entry) -> Entry:
        """Takes the first entry and puts another one in."""
        first = self._entries[0]
        self._settle(0, entry)
        return first

    def _settle(self, top: int, entry: Entry) -> None:
        """Sinks the hole at top to a leaf, puts the entry there and lets it rise, up to top at most."""
        entries, place = self._entries, top
        while (child := 2 * place + 2) <= len(entries):
            if child == len(entries) or entries[child].priority < entries[child - 1].priority:
                child -= 1
            entries[place] = entries[child]
            place = child
        self._rise(place, top, entry)

    def _rise(self, place: int, top: int, entry: Entry) -> None:
        entries = self._entries
        while place > top and entries[(place - 1) // 2].priority < entry.priority:
            entries[place] = entries[(place - 1) // 2]
            place = (place - 1) // 2
        entries[place] = entry


def largest(values: np.ndarray, count: int) -> list[int]:
    """Indices of the count largest values, largest first (std::partial_sort; of one value alone, the first of them)."""
    if count == 1:
        return [int(values.argmax())]
    entries = [Entry(-float(value), index) for index, value in enumerate(values)]
    heap = Heap(entries[:count])
    for entry in entries[count:]:
        if entry.priority < heap.first.priority:
            heap.replace(entry)
    return [heap.pop().index for _ in range(count)][::-1]
