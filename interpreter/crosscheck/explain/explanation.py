"""`Explanation`: the arithmetic of one output element as data, as text, and to be done again from the data alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from litejit.kernels.gemmlowp import WORD32
from litejit.kernels.newton import reciprocal

__all__ = ["Explanation", "Step", "Tap", "Term"]


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
    """One operation on the number so far. do: which, see `_OPERATIONS`; parameters: its own; value: what comes out."""

    do: str
    parameters: dict[str, Any]
    value: Any

    def __str__(self) -> str:
        given = ", ".join(f"{name} {_short(value)}" for name, value in self.parameters.items())
        return f"{self.do.replace('_', ' '):<22} {given:<58} = {_short(self.value)}"


@dataclass
class Term:
    """A sum of products, and what happens to it before terms are added up."""

    taps: list[Tap]
    steps: list[Step] = field(default_factory=list)


@dataclass
class Explanation:
    """How one element came about: terms are added up, then go through the steps.

    exact: of floats, the sum in float64; result: what the runtime computed.
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
    exact: float | None = None

    def recompute(self) -> Any:
        """The element, from the data of this explanation alone; floats in float64."""
        total: Any = 0
        for term in self.terms:
            value: Any = sum(tap.product for tap in term.taps)
            for step in term.steps:
                value = _OPERATIONS[step.do](value, **step.parameters)
            total = total + value
        for step in self.steps:
            total = _OPERATIONS[step.do](total, **step.parameters)
        return total

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries and lists."""
        return asdict(self)

    def text(self, taps: int = 40) -> str:
        """Everything on one screen; at most so many taps of each term."""
        lines = [f"{self.where}: {self.tensor}[{', '.join(map(str, self.index))}], {self.dtype}", ""]
        for number, term in enumerate(self.terms):
            title = f"operand {number + 1}" if len(self.terms) > 1 else f"{len(term.taps)} taps"
            lines.append(title)
            for tap in term.taps[:taps]:
                weight = "" if not tap.weight_at else f" * {_short(tap.weight):>10} {list(tap.weight_at)}"
                raw = "" if tap.raw is tap.value or tap.raw == tap.value else f" ({_short(tap.raw)})"
                lines.append(
                    f"  {list(tap.at)!s:<18} {_short(tap.value):>10}{raw:<8}{weight:<32} = {_short(tap.product)}"
                )
            if len(term.taps) > taps:
                lines.append(f"  … and {len(term.taps) - taps} more")
            lines.append(f"  sum = {_short(sum(tap.product for tap in term.taps))}")
            lines += [f"  {step}" for step in term.steps]
        lines += ["", *(str(step) for step in self.steps), f"result = {_short(self.result)}"]
        if self.exact is not None:
            lines.append(
                f"exact (float64) = {self.exact!r}, the float32 result is off by {self.result - self.exact:.3g}"
            )
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines)


def run_steps(value: Any, plan: list[tuple[str, dict[str, Any]]]) -> list[Step]:
    """Steps with their values, from a start value."""
    steps = []
    for do, parameters in plan:
        value = _OPERATIONS[do](value, **parameters)
        steps.append(Step(do, parameters, value))
    return steps


def _short(value: Any) -> str:
    return f"{value:.9g}" if isinstance(value, float) else str(value)


# ------------------------------------------------------------------ operations, on Python numbers


def _wrap32(x: int) -> int:
    return (x + (1 << 31)) % (1 << 32) - (1 << 31)


def _round_away(x: Any) -> float:
    whole = float(np.trunc(x))
    return whole + (np.sign(x) if abs(x - whole) >= 0.5 else 0)


def _high_mul(x: int, mantissa: int) -> int:
    return min((x * mantissa + (1 << 30)) >> 31, (1 << 31) - 1)


def _divide_by_pot(x: int, exponent: int) -> int:
    half = (1 << exponent) >> 1
    return (x + half - (x < 0 and exponent > 0)) >> exponent


def _rescale(x: int, rounding: str, mantissa: int, exponent: int, real: float) -> int:
    """Multiplication by a real factor; the roundings are those of `Rescaling`."""
    if rounding == "float64":
        return int(_round_away(x * real))
    if rounding == "float32":
        return int(np.rint(np.float32(x) * np.float32(real)))
    if rounding == "q15":
        short = 0x7FFF if mantissa >= 0x7FFF0000 else (mantissa + (1 << 15)) >> 16
        return (x * short + (1 << (14 - exponent))) >> (15 - exponent)
    if rounding == "single":
        total = 31 - min(exponent, 30)
        return (x * mantissa + (1 << (total - 1))) >> total
    high = (_wrap32(x << max(exponent, 0)) * mantissa + (1 << 30)) >> 31
    right = max(-exponent, 0)
    return _divide_by_pot(high, right) if rounding == "double" else (high + ((1 << right) >> 1)) >> right


def _share(total: int, exp: int, bits: int) -> int:
    """exp / total in fixed point, with so many bits after the point: softmax of 8 bits."""
    inverse, shift = reciprocal(np.array([total]))
    product = int(WORD32.multiply(np.array([exp]), inverse)[0])
    return _divide_by_pot(product, int(np.asarray(shift).ravel()[0]) + 12 - bits)


def _quantize(x: float, scale: float, zero_point: int) -> int:
    steps = float(_round_away(np.float32(x) / np.float32(scale)))
    inside = -(1 << 31) if not abs(steps) < (1 << 31) else int(steps)
    return _wrap32(inside + zero_point)


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "add_bias": lambda x, bias: x + bias,
    "wrap_to_32_bits": lambda x: _wrap32(int(x)),
    "negate": lambda x: -x,
    "shift_left": lambda x, bits: x << bits,
    "rescale": _rescale,
    "rescale_below_one": lambda x, mantissa, exponent: _divide_by_pot(_high_mul(x, mantissa), -exponent),
    "add_zero_point": lambda x, zero_point: x + zero_point,
    "clamp": lambda x, low, high: min(max(x, low), high),
    "divide_and_round": lambda x, count: int(abs(x) + count // 2) // count * (1 if x > 0 else -1),
    "divide": lambda x, count: x / count,
    "multiply": lambda x, factor: x * factor,
    "look_up": lambda x, entry: entry,
    "share_of_sum": _share,
    "share_by_inverse": lambda total, exp, inverse, bits: (exp * inverse + ((1 << bits) >> 1)) >> bits,
    "float_share_of_sum": lambda total, exp: exp / total,
    "function": lambda x, name, result: result,
    "quantize": _quantize,
}
