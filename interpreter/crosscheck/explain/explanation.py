"""`Explanation`: the arithmetic of one output element as data, as text, and to be done again from the data alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from litejit.crosscheck.explain.operations import OPERATIONS, Plan

__all__ = ["Explanation", "Step", "Tap", "Term", "run_steps"]


@dataclass(frozen=True)
class Tap:
    """One product. at: coordinate in the input; raw: the number there; value: less its zero point, or dequantized.

    weight_at, weight: the same of the weight, which is 1 where there is none.
    """

    at: tuple[int, ...]
    raw: Any
    value: Any
    weight: Any = 1
    weight_at: tuple[int, ...] = ()

    @property
    def product(self) -> Any:
        """value * weight."""
        return self.value * self.weight


@dataclass(frozen=True)
class Step:
    """One operation on the number so far. do: which, see `OPERATIONS`; parameters: its own; value: what comes out."""

    do: str
    parameters: dict[str, Any]
    value: Any

    def __str__(self) -> str:
        given = ", ".join(f"{name} {_short(value)}" for name, value in self.parameters.items())
        return f"{self.do.replace('_', ' '):<22} {given:<58} = {_short(self.value)}"


@dataclass
class Term:
    """A sum of products, and what happens to it before terms are added up.

    rounded: the sum is rounded to float32 after every addition, in the order of the taps. label: a title.
    """

    taps: list[Tap]
    steps: list[Step] = field(default_factory=list)
    rounded: bool = False
    label: str = ""

    @property
    def total(self) -> Any:
        """The sum of the products."""
        products = [tap.product for tap in self.taps]
        return float(np.add.accumulate(np.array(products, np.float32))[-1]) if self.rounded else sum(products)


@dataclass
class Explanation:
    """How one element came about: terms are added up, then go through the steps.

    exact: of floats, the element in float64 (complex128); result: what the runtime computed.
    """

    where: str
    op: str
    tensor: str
    index: tuple[int, ...]
    dtype: str
    result: Any
    terms: list[Term]
    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    exact: float | complex | None = None

    def recompute(self) -> Any:
        """The element, from the data of this explanation alone; floats in float64."""
        total: Any = 0
        for term in self.terms:
            value: Any = term.total
            for step in term.steps:
                value = OPERATIONS[step.do](value, **step.parameters)
            total = total + value
        for step in self.steps:
            total = OPERATIONS[step.do](total, **step.parameters)
        return total

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries and lists."""
        return asdict(self)

    def text(self, taps: int = 40) -> str:
        """Everything on one screen; at most so many taps of each term."""
        lines = [f"{self.where}: {self.tensor}[{', '.join(map(str, self.index))}], {self.dtype}", ""]
        for number, term in enumerate(self.terms):
            lines.append(term.label or (f"operand {number + 1}" if len(self.terms) > 1 else f"{len(term.taps)} taps"))
            for tap in term.taps[:taps]:
                weight = "" if not tap.weight_at else f" * {_short(tap.weight):>10} {list(tap.weight_at)}"
                raw = "" if tap.raw is tap.value or tap.raw == tap.value else f" ({_short(tap.raw)})"
                lines.append(
                    f"  {list(tap.at)!s:<18} {_short(tap.value):>10}{raw:<8}{weight:<32} = {_short(tap.product)}"
                )
            if len(term.taps) > taps:
                lines.append(f"  … and {len(term.taps) - taps} more")
            lines.append(f"  sum = {_short(term.total)}")
            lines += [f"  {step}" for step in term.steps]
        lines += ["", *(str(step) for step in self.steps), f"result = {_short(self.result)}"]
        if self.exact is not None:
            lines.append(
                f"exact (float64) = {self.exact!r}, the {self.dtype} result is off by {self.result - self.exact:.3g}"
            )
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines)


def run_steps(value: Any, plan: Plan) -> list[Step]:
    """Steps with their values, from a start value."""
    steps = []
    for do, parameters in plan:
        value = OPERATIONS[do](value, **parameters)
        steps.append(Step(do, parameters, value))
    return steps


def _short(value: Any) -> str:
    return f"{value:.9g}" if isinstance(value, float) else str(value)
