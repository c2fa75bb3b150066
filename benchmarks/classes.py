"""Which class of models a model belongs to, by what its multiply-adds multiply."""

from __future__ import annotations

from collections import Counter

from litejit.plan import Plan
from litejit.profiler import macs
from litejit.step import Step

__all__ = ["CLASSES", "TINY", "classify"]

CLASSES = {
    "uint8 CNN": (0.48, 0.40),
    "int8 CNN depthwise": (0.60, 0.55),
    "int8 CNN dense": (0.48, 0.42),
    "float32 CNN depthwise": (0.95, 0.88),
    "float32 CNN dense": (0.85, 0.72),
    "dynamic range": (0.85, 0.70),
    "int16x8": (0.05, 0.035),
    "everything else": (1.1, 0.9),
    "tiny": (1.5, 1.0),
}
"""The most that the geometric mean of the ratios litejit / official of a class may be, and what is aimed at."""

TINY = 100e-6
"""Seconds of an official inference below which a model is tiny, whatever it computes."""

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")


def classify(plan: Plan, official_seconds: float) -> str:
    """One of CLASSES, for an allocated plan."""
    if official_seconds < TINY:
        return "tiny"
    work: Counter[str] = Counter()
    convolved = 0
    for step in plan.steps:
        count = macs(plan, step)
        work[_arithmetic(plan, step)] += count
        convolved += count if step.operation.name in CONVOLUTIONS else 0
    total = sum(work.values())
    if total == 0:
        return "everything else"
    kind = work.most_common(1)[0][0]
    if kind in ("dynamic range", "int16x8"):
        return kind
    if 2 * convolved < total:
        return "everything else"
    sort = "depthwise" if _has_depthwise(plan) else "dense"
    names = [name for name in (f"{kind} CNN", f"{kind} CNN {sort}") if name in CLASSES]
    return names[0] if names else "everything else"


def _arithmetic(plan: Plan, step: Step) -> str:
    """Dtype of the activations, or how they meet weights of another."""
    at_data, at_weights = (2, 1) if step.operation.name == "TRANSPOSE_CONV" else (0, 1)
    inputs = step.operation.inputs
    if len(inputs) <= max(at_data, at_weights):
        return "none"
    data, weights = plan.specs[inputs[at_data]].dtype, plan.specs[inputs[at_weights]].dtype
    if data.kind == "f":
        return "float32" if weights.kind == "f" else "dynamic range"
    return "int16x8" if data.itemsize == 2 else str(data)


def _has_depthwise(plan: Plan) -> bool:
    """Whether a quarter of the convolutions are depthwise."""
    names = Counter(step.operation.name for step in plan.steps)
    return 4 * names["DEPTHWISE_CONV_2D"] >= sum(names[name] for name in CONVOLUTIONS)
