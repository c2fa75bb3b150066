"""Which numerics flavour would have matched: a divergent operator, computed under each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from litejit.crosscheck.subject import Place, Subject
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.reference.output_stage import BlockStage, OutputStage, Rescaling
from litejit.schema.errors import LitejitError

__all__ = ["FLAVOURS", "ROUNDINGS", "Hint", "flavour_hint", "rounding_of"]

FLAVOURS = {
    "litert-ref": "the official reference kernels",
    "litert-opt": "the official optimised kernels",
    "xnnpack": "XNNPACK, which is the official runtime's default",
    "tflm": "tflite-micro",
    "single-rounding": "kernel libraries that round once",
}
"""What the flavours are, the most usual ones first."""

ROUNDINGS = {
    "double": "by a 31-bit multiplier, rounded twice: ties up, then ties away from zero",
    "up": "by a 31-bit multiplier, rounded twice, ties up both times",
    "single": "by a 31-bit multiplier, rounded once, ties up",
    "q15": "by a 15-bit multiplier, rounded once, ties up",
    "float64": "in float64, rounded once, ties away from zero",
    "float32": "in float32, rounded once, ties to even",
}
"""What the names of roundings mean."""


@dataclass
class Hint:
    """How the results of a divergent operator compare with every numerics flavour.

    other, ours: flavour -> how many elements of the other side's, or of our, results differ from it.
    matches: the flavours that give exactly the other side's results; ours_match: those that give ours.
    roundings: flavour -> how it rescales, where that is a matter of one multiplier. See `ROUNDINGS`.
    """

    text: str
    other: dict[str, int]
    ours: dict[str, int]
    roundings: dict[str, str]
    matches: list[str] = field(init=False)
    ours_match: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.matches = [flavour for flavour, different in self.other.items() if different == 0]
        self.ours_match = [flavour for flavour, different in self.ours.items() if different == 0]


def flavour_hint(
    subject: Subject,
    place: Place,
    operands: Sequence[np.ndarray | None],
    ours: Sequence[np.ndarray],
    theirs: Sequence[np.ndarray],
) -> Hint | None:
    """Compares both sides' results of an operator on these operands with every flavour; None if all flavours agree."""
    results: dict[str, list[np.ndarray]] = {}
    roundings: dict[str, str] = {}
    for flavour in FLAVOURS:
        if flavour not in ALL_FLAVOURS:
            continue
        try:
            results[flavour] = subject.compute(place, operands, flavour, own=True)
            rounding = rounding_of(subject.kernel(place, operands, flavour, own=True))
        except (LitejitError, ValueError, TypeError):
            continue
        if rounding is not None:
            roundings[flavour] = rounding
    if not results:
        return None
    other = {flavour: _different(values, theirs) for flavour, values in results.items()}
    hint = Hint("", other, {flavour: _different(values, ours) for flavour, values in results.items()}, roundings)
    hint.text = _text(hint)
    return hint


def rounding_of(kernel: Kernel) -> str | None:
    """The name of the rounding with which a prepared kernel rescales its sums, None where that is not one thing."""
    stage = getattr(getattr(kernel, "products", None), "stage", None)
    if isinstance(stage, BlockStage):
        return f"{stage.block.rescale.rounding} in blocks of {stage.size}, {stage.tail.rescale.rounding} elsewhere"
    rescale = stage.rescale if isinstance(stage, OutputStage) else None
    return rescale.rounding if isinstance(rescale, Rescaling) else None


def _different(results: Sequence[np.ndarray], values: Sequence[np.ndarray]) -> int:
    total = 0
    for a, b in zip(results, values, strict=True):
        if a.shape != b.shape or a.dtype != b.dtype or a.dtype == object:
            total += a.size
        else:
            total += int(np.count_nonzero((a != b) & ~((a != a) & (b != b))))
    return total


def _text(hint: Hint) -> str:
    if hint.matches:
        mine = (
            f"computes as {_named(hint, hint.ours_match)}" if hint.ours_match else "gives none of the flavours' results"
        )
        return f"the other side computes as {_named(hint, hint.matches)}; this side {mine}"
    if len(set(hint.other.values())) == 1:
        return "no numerics flavour is closer to the other side than any other, so this is not a matter of rounding"
    closest = min(hint.other, key=lambda flavour: hint.other[flavour])
    return (
        f"no numerics flavour gives the other side's results, the closest is '{closest}' with "
        f"{hint.other[closest]} differing elements: not a matter of rounding alone"
    )


def _named(hint: Hint, flavours: Sequence[str]) -> str:
    """The flavours with what they are; those that share a rounding in one breath."""
    groups: dict[str | None, list[str]] = {}
    for flavour in flavours:
        groups.setdefault(hint.roundings.get(flavour), []).append(flavour)
    parts = []
    for rounding, names in groups.items():
        known = "" if rounding is None else f" ('{rounding}' rounding{_meaning(rounding)})"
        parts.append(" and ".join(f"'{name}'" for name in names) + known)
    return " or ".join(parts)


def _meaning(rounding: str) -> str:
    return f": {ROUNDINGS[rounding]}" if rounding in ROUNDINGS else ""
