"""`Comparison`: what came out of comparing two runtimes, operator by operator, as data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from litejit.crosscheck.hints import Hint
from litejit.crosscheck.metrics import Metrics
from litejit.crosscheck.runtimes import Finding

__all__ = ["MODES", "Comparison", "OperatorResult"]

MODES = ("cascaded", "isolated")
"""cascaded: each runtime on its own data. isolated: each operator on one runtime's operands, so that errors stay local.
"""


@dataclass
class OperatorResult:
    """One operator. position: in execution order; a subgraph's operators come before the one that calls it.

    metrics: for each mode one `Metrics` for each output; a mode that could not be compared is not there, `notes` says
    why. hint: whose rounding the other side followed, for a divergence on equal operands.
    """

    position: int
    subgraph: int
    index: int
    op: str
    where: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    names: tuple[str, ...]
    metrics: dict[str, list[Metrics]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    hint: Hint | None = None

    def diverges(self, mode: str) -> bool:
        """Whether an output differs by more than the tolerance."""
        return any(metrics.diverges for metrics in self.metrics.get(mode, ()))

    def worst(self, mode: str) -> Metrics | None:
        """The metrics of the output that differs most."""
        return max(self.metrics.get(mode, ()), key=_severity, default=None)


def _severity(metrics: Metrics) -> tuple[bool, bool, float]:
    return metrics.diverges, metrics.problem is not None, metrics.max_abs or 0.0


@dataclass
class Comparison:
    """Two runtimes on one model and one set of inputs.

    findings: what could not be done, or has to be known. `operators` is empty if a runtime cannot load the model.
    outputs: the model's outputs, cascaded. graphs: what Model Explorer calls the subgraphs.
    """

    model: str
    reference: str
    against: str
    tolerance: float
    operators: list[OperatorResult] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    outputs: list[Metrics] = field(default_factory=list)
    graphs: list[str] = field(default_factory=list)

    def first_divergence(self, mode: str | None = None) -> OperatorResult | None:
        """The first operator, in execution order, that diverges: in a mode, or isolated and else cascaded."""
        for wanted in ("isolated", "cascaded") if mode is None else (mode,):
            found = next((operator for operator in self.operators if operator.diverges(wanted)), None)
            if found is not None:
                return found
        return None

    @property
    def agrees(self) -> bool:
        """Whether everything could be compared and nothing diverges."""
        return self.first_divergence() is None and not any(finding.severity == "error" for finding in self.findings)

    def diverging(self, mode: str) -> Iterator[OperatorResult]:
        """The operators that diverge in a mode."""
        return (operator for operator in self.operators if operator.diverges(mode))

    def summary(self) -> str:
        """The result in a few lines."""
        lines = [f"{self.model}: {self.reference} against {self.against}, {len(self.operators)} operators"]
        lines += [f"{finding.severity}: {finding.text}" for finding in self.findings]
        for mode in MODES:
            compared = sum(mode in operator.metrics for operator in self.operators)
            diverging = sum(1 for _ in self.diverging(mode))
            lines.append(f"{mode}: {compared} operators compared, {diverging} diverge{self._first_line(mode)}")
        first = self.first_divergence()
        if first is not None and first.hint is not None:
            lines.append(f"{first.where}: {first.hint.text}")
        return "\n".join(lines)

    def _first_line(self, mode: str) -> str:
        first = self.first_divergence(mode)
        if first is None:
            return ""
        metrics = first.worst(mode)
        assert metrics is not None
        return f", first at {first.where}: {describe(metrics)}"

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries and lists; numbers that JSON does not have are None or strings."""
        result = asdict(self)
        for mode in MODES:
            first = self.first_divergence(mode)
            result[f"first_{mode}"] = None if first is None else first.position
        plain: dict[str, Any] = _plain(result)
        return plain

    def save_html(self, path: str | Path) -> None:
        """Writes the report as one HTML page that needs nothing else."""
        from litejit.crosscheck.report import html_report

        Path(path).write_text(html_report(self), encoding="utf-8")

    def save_json(self, path: str | Path) -> None:
        """Writes node data that Model Explorer loads beside the model."""
        from litejit.crosscheck.report import node_data_text

        Path(path).write_text(node_data_text(self), encoding="utf-8")


def describe(metrics: Metrics) -> str:
    """How far a tensor is off, in a phrase."""
    if metrics.problem is not None:
        return metrics.problem
    if metrics.different == 0:
        return "equal"
    parts = [f"{metrics.different} of {metrics.size} elements differ"]
    if metrics.max_steps is not None:
        parts.append(f"by up to {metrics.max_steps:g} step{'' if metrics.max_steps == 1 else 's'}")
    elif metrics.max_abs is not None:
        ulp = "" if metrics.max_ulp is None else f" ({metrics.max_ulp} ULP)"
        parts.append(f"by up to {metrics.max_abs:.3g}{ulp}")
    return ", ".join(parts)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value
