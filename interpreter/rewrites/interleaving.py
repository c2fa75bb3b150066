"""Operators on single elements that follow one another on the same tensors, done piece by piece.

Each operator runs the code that it runs by itself, on some thousand elements at a time, which the next one finds in the
first-level cache. All of them write what they would write, where they would write it: results are the same to the bit,
and memory is not planned anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from litejit.kernels.jit.call import Call, Tensor
from litejit.kernels.jit.forced import forced
from litejit.kernels.jit.interleaving import interleaved, item_elements
from litejit.kernels.jit.target import is_checked
from litejit.rewrites.task import Task

__all__ = ["interleave"]

Place = Callable[[int], range]
"""The addresses of a tensor's bytes."""


@dataclass(frozen=True)
class _Access:
    """Where what a call reads and what it writes lies."""

    read: frozenset[range] = frozenset()
    written: frozenset[range] = frozenset()

    @classmethod
    def of(cls, call: Call, place: Place) -> _Access:
        """That of a call whose result is in the slot `out`."""
        tensors = {name: place(value.index) for name, value in call.values.items() if isinstance(value, Tensor)}
        read = frozenset(at for name, at in tensors.items() if name != "out")
        return cls(read, frozenset([tensors["out"]]))

    def __or__(self, other: _Access) -> _Access:
        return _Access(self.read | other.read, self.written | other.written)

    def allows(self, other: _Access, by_pieces: bool = False) -> bool:
        """Whether neither writes what the other reads or writes; by_pieces: unless it is the same bytes for both."""
        pairs = [*product(self.written, other.read | other.written), *product(self.read, other.written)]
        return all((by_pieces and a == b) or a.stop <= b.start or b.stop <= a.start for a, b in pairs)


@dataclass
class _Chain:
    """Tasks of one call each, by number.

    access: of all of them. passed: of small tasks that lie between them and are done after them.
    """

    tasks: list[int] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    access: _Access = _Access()
    passed: _Access = _Access()

    def takes(self, call: Call, access: _Access) -> bool:
        """Whether another call can be done piece by piece with the others, and uses what they use.

        Items are the same elements of all of them. What one call writes and another reads or writes is the same bytes
        for both, a piece of which belongs to the same item of both, or they have none in common.
        """
        if not self.calls or (call.items, item_elements(call)) != (self.calls[0].items, item_elements(self.calls[0])):
            return False
        uses = not access.read.isdisjoint(self.access.read | self.access.written)
        return uses and self.access.allows(access, by_pieces=True) and self.passed.allows(access)

    def add(self, at: int, call: Call, access: _Access) -> None:
        """Makes a call the last one."""
        self.tasks.append(at)
        self.calls.append(call)
        self.access |= access


def interleave(tasks: Sequence[Task], place: Place) -> list[Task]:
    """The tasks, whose tensors have been given their places; those that can be done piece by piece are one task.

    The checked build runs calls one by one, each with its own memory watched.
    """
    if "apart" in forced() or is_checked():
        return list(tasks)
    result = list(tasks)
    chain = _Chain()
    for at, task in enumerate(tasks):
        if task.result == ():
            continue
        call = _single(task)
        if call is None:
            _join(result, chain)
            chain = _Chain()
            continue
        access = _Access.of(call, place)
        if chain.takes(call, access):
            chain.add(at, call, access)
        elif call.items == 1 and chain.access.allows(access):
            chain.passed |= access
        else:
            _join(result, chain)
            chain = _Chain()
            if call.items > 1:
                chain.add(at, call, access)
    _join(result, chain)
    return result


def _single(task: Task) -> Call | None:
    """The call of a task that has but one, of a kind that can be done piece by piece."""
    if not isinstance(task.result, tuple) or len(task.result) != 1:
        return None
    (call,) = task.result
    return call if isinstance(call, Call) and item_elements(call) is not None else None


def _join(tasks: list[Task], chain: _Chain) -> None:
    """Makes one task of those of a chain, in the place of the first."""
    if len(chain.tasks) < 2:
        return
    first, *rest = (tasks[at] for at in chain.tasks)
    steps = tuple(step for task in rest for step in (task.step, *task.others))
    tasks[chain.tasks[0]] = replace(first, lowering=None, result=interleaved(chain.calls), others=first.others + steps)
    for at in chain.tasks[1:]:
        tasks[at] = tasks[at].dropped
