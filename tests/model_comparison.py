"""One whole model here and in the official runtime: outputs and all intermediate tensors, compared one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from litejit import Interpreter
from litejit.feeding import feed
from litejit.interpreter import OpResolverType
from tests.inputs import seeded_inputs
from tests.known_differences import FREE_RUNNING, KNOWN_DIFFERENCES, Difference
from tests.oracle import Answer, oracle

__all__ = ["RELATIVE", "Comparison", "Run", "compare", "compare_operators", "model_id", "row", "run"]

RELATIVE = 1e-5
"""How far floats may be from the official ones, relative to the largest magnitude of their tensor.

It is 84 units in the last place of that magnitude."""


def model_id(path: Path) -> str:
    """folder/name."""
    return f"{path.parent.name}/{path.stem}"


@dataclass
class Comparison:
    """What was compared: how many tensors and elements; how many differ, and what is wrong with which.

    worst: the largest difference of floats, of the largest magnitude of their tensor.
    """

    tensors: int = 0
    integers: int = 0
    integers_different: int = 0
    floats: int = 0
    worst: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def add(self, what: str, ours: np.ndarray, theirs: np.ndarray, relative: float) -> None:
        """Compares a tensor; equal integers and strings, floats within `relative`."""
        self.tensors += 1
        if theirs.dtype.kind in "OS":
            if [bytes(v) for v in ours.ravel()] != [bytes(v) for v in theirs.ravel()]:
                self.wrong.append(f"{what}: strings differ")
        elif ours.dtype != theirs.dtype or ours.shape != theirs.shape:
            self.wrong.append(f"{what}: {ours.dtype}{list(ours.shape)}, official {theirs.dtype}{list(theirs.shape)}")
        elif theirs.dtype.kind in "iub":
            self.integers += theirs.size
            if count := int((ours != theirs).sum()):
                self.integers_different += count
                self.wrong.append(f"{what}: {count} of {theirs.size} integers differ")
        else:
            self.floats += theirs.size
            self._add_floats(what, ours, theirs, relative)

    def _add_floats(self, what: str, ours: np.ndarray, theirs: np.ndarray, relative: float) -> None:
        both = np.isfinite(theirs) & np.isfinite(ours)
        if not np.array_equal(ours[~both], theirs[~both], equal_nan=True):
            self.wrong.append(f"{what}: infinities or NaNs in different places")
        scale = float(np.abs(theirs[both]).max(initial=0)) or 1.0
        exact = np.promote_types(theirs.dtype, np.float64)
        error = float(np.abs(ours[both].astype(exact) - theirs[both]).max(initial=0)) / scale
        self.worst = max(self.worst, error)
        if error > relative:
            self.wrong.append(f"{what}: floats differ by {error:.3g} of the largest magnitude, {scale:.6g}")


@dataclass
class Run:
    """A model run on the same inputs in both runtimes."""

    interpreter: Interpreter
    official: Answer
    operators: list[dict[str, Any]]

    def producer(self, index: int) -> str:
        """Name of the operator that computes a tensor of the main subgraph."""
        return next((operator["op_name"] for operator in self.operators if index in operator["outputs"]), "")


def run(path: Path, kind: str, resolver: str | None = None, numerics: str = "litert-ref") -> Run:
    """Runs a model on seeded inputs. resolver: the official kernels; by default the first of ref, opt, auto to run."""
    content = path.read_bytes()
    interpreter = Interpreter(
        model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, numerics=numerics
    )
    inputs = seeded_inputs(interpreter, path, kind)
    feed(interpreter, inputs)
    interpreter.invoke()
    operators = interpreter._get_ops_details()
    computed = {int(index) for operator in operators for index in operator["outputs"]}
    inside = bool(computed - {detail["index"] for detail in interpreter.get_output_details()})
    if resolver is None:
        answer = oracle.truth(content, inputs, preserve=inside)
    else:
        answer = oracle.run(content, inputs, resolver, preserve=inside)
    assert answer.error is None, answer.error
    for detail, value in zip(interpreter.get_output_details(), answer.outputs, strict=True):
        answer.tensors.setdefault(detail["index"], value)
    return Run(interpreter, answer, operators)


def compare(run: Run, relative: float = RELATIVE) -> Comparison:
    """Compares all outputs, and all intermediate tensors that the official runtime leaves defined."""
    result = Comparison()
    interpreter, answer = run.interpreter, run.official
    for detail, theirs in zip(interpreter.get_output_details(), answer.outputs, strict=True):
        index = detail["index"]
        if run.producer(index) in FREE_RUNNING:
            continue
        result.add(f"output {index} of {run.producer(index)}", interpreter.get_tensor(index), theirs, relative)
    outputs = {detail["index"] for detail in interpreter.get_output_details()}
    used = {int(index) for operator in run.operators for index in operator["inputs"]}
    # Delegated operators leave their intermediate tensors undefined.
    for operator in run.operators if answer.resolver != "auto" else ():
        name = operator["op_name"]
        for index in map(int, operator["outputs"]):
            # The official WHILE does not compute results that nobody reads.
            if index in outputs or index not in answer.tensors or (name == "WHILE" and index not in used):
                continue
            if name not in FREE_RUNNING:
                ours = interpreter.get_tensor(index)
                result.add(f"tensor {index} of {name}", ours, answer.tensors[index], relative)
    return result


def compare_operators(run: Run) -> Comparison:
    """Compares the results of every operator alone, each on the official runtime's own operands."""
    result = Comparison()
    official, plan = run.official.tensors, run.interpreter._session.plans[0]
    for step in plan.steps:
        indices = step.operation.inputs
        operands = [None if index < 0 else official.get(index, plan.arrays[index]) for index in indices]
        outcome = step.kernel(*operands)
        outcomes = outcome if isinstance(outcome, tuple) else (outcome,)
        for index, ours in zip(step.operation.outputs, outcomes, strict=True):
            result.add(f"{step.operation.where}: tensor {index}", ours, official[index], RELATIVE)
    return result


def row(path: Path, kind: str, run: Run, whole: Comparison) -> dict[str, Any]:
    """A line of the table of models, as plain data."""
    known = KNOWN_DIFFERENCES.get(model_id(path), Difference(""))
    return {
        "model": model_id(path),
        "inputs": kind,
        "official kernels": run.official.resolver,
        "operators": len(run.operators),
        "tensors": whole.tensors,
        "integers": whole.integers,
        "different": whole.integers_different,
        "floats": whole.floats,
        "floats within": f"{known.relative:g}" if whole.floats else "",
        "difference": known.reason,
        "worst": f"{whole.worst:.1e}" if whole.floats else "",
    }
