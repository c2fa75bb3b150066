"""The choice among several algorithms for one operator: which may compute it, what each is estimated to cost.

An `Algorithm` makes the calls, or says why these shapes and weights are not for it. The one asked for comes first (see
`forced`), then the one that `litejit tune` has measured to be the quickest here, then the others from the cheapest on;
the first that is legal computes the operator. All of them give the same integers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from litejit.kernels.jit import tuning
from litejit.kernels.jit.call import Call
from litejit.kernels.jit.forced import forced
from litejit.kernels.jit.lowering import Lowering

__all__ = ["Algorithm", "Illegal", "Option", "choose", "listed"]


@dataclass(frozen=True)
class Illegal:
    """Why an algorithm may not compute an operator."""

    reason: str


@dataclass(frozen=True)
class Algorithm:
    """One way of computing an operator.

    lower: its calls, or why there are none; all proofs that it needs are made there. cost: estimated microseconds of
    one thread, whether legal or not.
    """

    name: str
    lower: Callable[[Lowering], list[Call] | Illegal]
    cost: Callable[[Lowering], float]


@dataclass(frozen=True)
class Option:
    """An algorithm, as `litejit profile --explain` shows it.

    illegal: why it may not be used; None if it may. because: what the choice rests on.
    """

    algorithm: str
    microseconds: float
    illegal: str | None
    is_chosen: bool
    because: str = ""


def choose(lowering: Lowering, algorithms: Sequence[Algorithm]) -> list[Call] | None:
    """The calls of the first legal algorithm; None where there is none."""
    for algorithm, _ in _ranked(lowering, algorithms):
        calls = algorithm.lower(lowering)
        if not isinstance(calls, Illegal):
            return calls
    return None


def listed(lowering: Lowering, algorithms: Sequence[Algorithm]) -> tuple[Option, ...]:
    """All algorithms in the order in which they are tried."""
    result: list[Option] = []
    for algorithm, because in _ranked(lowering, algorithms):
        calls = algorithm.lower(lowering)
        reason = calls.reason if isinstance(calls, Illegal) else None
        is_chosen = reason is None and not any(option.is_chosen for option in result)
        result.append(Option(algorithm.name, algorithm.cost(lowering), reason, is_chosen, because if is_chosen else ""))
    return tuple(result)


def _ranked(lowering: Lowering, algorithms: Sequence[Algorithm]) -> list[tuple[Algorithm, str]]:
    """The algorithms in the order in which they are tried, and what speaks for each."""
    asked_for = forced()
    known = tuning.known()
    measured = known.get(tuning.signature(lowering)) if algorithms and known else None

    def rank(algorithm: Algorithm) -> tuple[float, str]:
        if algorithm.name in asked_for:
            return -2.0, "asked for"
        if algorithm.name == measured:
            return -1.0, "measured here"
        return algorithm.cost(lowering), "estimated"

    ranked = sorted(((rank(algorithm), algorithm) for algorithm in algorithms), key=lambda pair: pair[0][0])
    return [(algorithm, because) for (_, because), algorithm in ranked]
