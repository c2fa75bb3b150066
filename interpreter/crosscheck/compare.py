"""`compare`: runs a model in two runtimes and finds the operator at which they part."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from litejit.crosscheck.comparison import MODES, Comparison, OperatorResult
from litejit.crosscheck.dumps import read_dump
from litejit.crosscheck.hints import flavour_hint
from litejit.crosscheck.inputs import Inputs, as_inputs
from litejit.crosscheck.isolation import Isolation
from litejit.crosscheck.metrics import Metrics, measure
from litejit.crosscheck.official import official
from litejit.crosscheck.resources import is_kept, writes
from litejit.crosscheck.runtimes import OFFICIAL, Finding, Runtime, Trace, runtime_of, trace_interpreter
from litejit.crosscheck.subject import Place, Subject, load_content
from litejit.interpreter import Interpreter, OpResolverType
from litejit.schema import Model
from litejit.schema.errors import InvalidInputError, LitejitError

__all__ = ["compare", "record"]

_RANDOM = ("RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL", "MULTINOMIAL")
"""Operators whose results are not meant to repeat."""


def compare(
    model: str | os.PathLike[str] | bytes | Model,
    inputs: Inputs = None,
    reference: Any = "litejit",
    against: Any = "litert-ref",
    *,
    modes: str | Collection[str] = MODES,
    tolerance: float = 1e-5,
    seed: int = 0,
    hints: bool = True,
    progress: Callable[[str], None] | None = None,
) -> Comparison:
    """Compares two runtimes on a model, operator by operator.

    model: path, bytes or `Model`. inputs: arrays in order or by name, an .npz file, or None for seeded random ones (a
    dump's own, if it has them).
    reference: "litejit" (the reference tier), "litejit-jit" (the fast tier) or an `Interpreter`.
    against: "litert-ref", "litert-builtin", "litert" (the official runtime's reference kernels, optimised kernels, and
    its default with XNNPACK), "litejit", "litejit-jit", an `Interpreter`, the path of a directory or .npz file of
    tensors dumped by any runtime, or a function from a dict of inputs by name to outputs, or to tensors by name.
    modes: see `MODES`. tolerance: of floats, relative to the largest number of their tensor; integers must be equal.
    hints: compute every divergent operator under all numerics flavours.

    Raises InvalidInputError for arguments that make no sense. Everything else, a runtime that refuses the model or
    crashes, tensors that are missing or have other shapes, becomes a finding.
    """
    modes = (modes,) if isinstance(modes, str) else modes
    unknown = set(modes) - set(MODES)
    if unknown:
        raise InvalidInputError(f"modes are {', '.join(MODES)}, not {', '.join(map(repr, sorted(unknown)))}")
    if not tolerance >= 0:
        raise InvalidInputError(f"tolerance is {tolerance}, expected a number that is not negative")
    other = runtime_of(against)
    reference_name = runtime_of(reference).name
    content = load_content(model)
    name = Path(model).name if isinstance(model, (str, os.PathLike)) else "model"
    result = Comparison(name, reference_name, other.name, tolerance)
    try:
        subject = Subject(content, _interpreter(reference, content))
        arrays = _inputs(inputs, against, subject, seed)
    except InvalidInputError:
        if content:
            raise
        result.findings.append(Finding("error", "the model is empty"))
        return result
    except LitejitError as error:
        result.findings.append(Finding("error", f"{reference_name} does not load the model: {error}"))
        _other_loads(result, against, content)
        return result
    comparing = _Comparing(result, subject, other, tolerance, hints, progress or (lambda _: None))
    comparing.run(arrays, modes)
    return result


def record(
    model: str | os.PathLike[str] | bytes | Model, inputs: Inputs = None, runtime: Any = "litejit", *, seed: int = 0
) -> Trace:
    """All tensors that a runtime computes, to look at or to `save` for a later `compare`. Arguments as of `compare`."""
    subject = Subject(load_content(model))
    return runtime_of(runtime).trace(subject, as_inputs(inputs, subject.interpreter, seed))


def _interpreter(reference: Any, content: bytes) -> Interpreter | None:
    if isinstance(reference, Interpreter):
        arguments = {**reference._arguments, "model_path": None, "model_content": content}
        arguments["experimental_preserve_all_tensors"] = True
        return Interpreter(**arguments)
    if reference == "litejit-jit":
        return Interpreter(model_content=content, experimental_preserve_all_tensors=True)
    if reference == "litejit":
        return Interpreter(model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    raise InvalidInputError(f"reference is {reference!r}, expected 'litejit', 'litejit-jit' or an Interpreter")


def _inputs(inputs: Inputs, against: Any, subject: Subject, seed: int) -> list[np.ndarray]:
    if inputs is None and isinstance(against, (str, os.PathLike)) and Path(against).exists():
        dumped, _ = read_dump(Path(against), subject)
        wanted = [(0, index) for index in subject.plan(0).graph.inputs]
        if wanted and all(place in dumped for place in wanted):
            return [dumped[place] for place in wanted]
    return as_inputs(inputs, subject.interpreter, seed)


def _other_loads(result: Comparison, against: Any, content: bytes) -> None:
    """Says what the official runtime thinks of a model that litejit refuses."""
    if not isinstance(against, str) or against not in OFFICIAL:
        return
    try:
        answer = official.run(content, [], OFFICIAL[against])
    except LitejitError as error:
        result.findings.append(Finding("error", str(error)))
        return
    refused = answer.error is not None and "argument" not in answer.error
    verdict = f"refuses it, too: {answer.error}" if refused else "loads it"
    result.findings.append(Finding("note", f"{against} {verdict}"))


def _graph_names(model: Model) -> list[str]:
    """The subgraphs as Model Explorer calls them: by name, else by signature, else by number."""
    keys = {int(entry.subgraph_index): entry.signature_key for entry in model.signature_defs}
    names = (
        subgraph.name or keys.get(at) or (f"subgraph_{at}" if at else "main")
        for at, subgraph in enumerate(model.subgraphs)
    )
    return list(names)


class _Comparing:
    """The work of `compare`, with what its parts share."""

    def __init__(
        self,
        result: Comparison,
        subject: Subject,
        other: Runtime,
        tolerance: float,
        hints: bool,
        progress: Callable[[str], None],
    ) -> None:
        self.result = result
        self.subject = subject
        self.other = other
        self.tolerance = tolerance
        self.hints = hints
        self.progress = progress

    def run(self, inputs: list[np.ndarray], modes: Collection[str]) -> None:
        """Fills in the result."""
        self.result.graphs = _graph_names(self.subject.model)
        self.progress(self.result.reference)
        ours = trace_interpreter(self.subject.interpreter, inputs)
        self.progress(self.result.against)
        theirs = self.other.trace(self.subject, inputs)
        self.result.findings += ours.findings + theirs.findings
        self._check_inputs(inputs, theirs)
        isolation = Isolation(self.subject, self.other.alone, ours, theirs)
        for position, place in enumerate(self.subject.operators()):
            operation = self.subject.operation(place)
            row = OperatorResult(
                position,
                *place,
                operation.name,
                operation.where,
                operation.inputs,
                operation.outputs,
                tuple(self.subject.declared((place[0], index)).name for index in operation.outputs),
            )
            self.result.operators.append(row)
            self.progress(operation.where)
            if not self._not_comparable(row, place, ours):
                if "cascaded" in modes:
                    self._cascaded(row, place, ours, theirs)
                if "isolated" in modes or (self.hints and row.diverges("cascaded")):
                    self._isolated(row, place, isolation, "isolated" in modes)
            isolation.pass_by(place)
        self._missing(theirs, modes)
        self.result.outputs = self._outputs(ours, theirs)

    def _not_comparable(self, row: OperatorResult, place: Place, ours: Trace) -> bool:
        reason = None
        outputs = [(place[0], index) for index in row.outputs]
        executed = all(output in ours.tensors for output in outputs)
        if row.op in _RANDOM:
            reason = "its results are random"
        elif writes(row.op):
            executed = self.subject.operands(place, ours.tensors) is not None
        elif not self.subject.gives_data(place):
            reason = "a handle is no data" if outputs else "it has no results of its own"
        if reason is None and not executed:
            reason = "not executed"
        elif reason is None and self.subject.is_folded(place):
            reason = "computed while planning, from constants"
        if reason is not None:
            row.notes = dict.fromkeys(MODES, reason)
        return reason is not None

    def _cascaded(self, row: OperatorResult, place: Place, ours: Trace, theirs: Trace) -> None:
        pairs = self._pairs(place, ours.tensors, theirs.tensors)
        if writes(row.op):
            row.notes["cascaded"] = "it has no results of its own"
        elif pairs is None:
            row.notes["cascaded"] = f"{self.result.against} has no such tensor"
        elif row.op == "WHILE" and self.result.against in OFFICIAL:
            read = self._read_tensors(place[0])
            pairs = [(index, a, b) for index, a, b in pairs if index in read]
            row.metrics["cascaded"] = self._measured(place[0], pairs)
        else:
            row.metrics["cascaded"] = self._measured(place[0], pairs)

    def _read_tensors(self, subgraph: int) -> set[int]:
        """Tensors that something reads: the official WHILE leaves out results that nothing does."""
        graph = self.subject.plan(subgraph).graph
        return {index for operation in graph.operations for index in operation.inputs} | set(graph.outputs)

    def _isolated(self, row: OperatorResult, place: Place, isolation: Isolation, wanted: bool) -> None:
        if self.subject.calls_resources(place):
            row.notes["isolated"] = "it calls operators on resources, which are compared by themselves"
            return
        try:
            found = isolation.results(place)
        except Exception as error:  # a user's kernel may raise anything
            row.notes["isolated"] = str(error) or type(error).__name__
            return
        if found is None:
            missing = f"{self.result.against} has not all operands and results of it"
            row.notes["isolated"] = "what it writes is compared where it is read" if writes(row.op) else missing
            return
        operands, results, other = found
        # What an operator writes has the type of its last operand.
        tensors = row.inputs[-1:] if writes(row.op) else row.outputs
        metrics = self._measured(place[0], list(zip(tensors, results, other, strict=True)))
        if wanted:
            row.metrics["isolated"] = metrics
        if self.hints and not is_kept(row.op) and any(m.diverges and m.problem is None for m in metrics):
            row.hint = flavour_hint(self.subject, place, operands, results, other)

    def _pairs(
        self, place: Place, ours: dict[Place, np.ndarray], theirs: dict[Place, np.ndarray]
    ) -> list[tuple[int, np.ndarray, np.ndarray]] | None:
        keys = [(place[0], index) for index in self.subject.operation(place).outputs]
        known = [key for key in keys if key in theirs]
        return [(key[1], ours[key], theirs[key]) for key in known] if known else None

    def _measured(self, subgraph: int, pairs: Sequence[tuple[int, np.ndarray, np.ndarray]]) -> list[Metrics]:
        return [
            measure(ours, theirs, self.subject.declared((subgraph, index)), self.tolerance)
            for index, ours, theirs in pairs
        ]

    def _outputs(self, ours: Trace, theirs: Trace) -> list[Metrics]:
        keys = [(0, index) for index in self.subject.plan(0).graph.outputs]
        both = [key for key in keys if key in ours.tensors and key in theirs.tensors]
        return self._measured(0, [(key[1], ours.tensors[key], theirs.tensors[key]) for key in both])

    def _check_inputs(self, inputs: list[np.ndarray], theirs: Trace) -> None:
        for index, value in zip(self.subject.plan(0).graph.inputs, inputs, strict=True):
            other = theirs.tensors.get((0, index))
            if other is not None and measure(value, other, self.subject.declared((0, index)), 0).diverges:
                spec = self.subject.declared((0, index))
                text = f"{self.result.against} was run on other inputs ({spec}); cascaded differences mean little"
                self.result.findings.append(Finding("error", text))

    def _missing(self, theirs: Trace, modes: Collection[str]) -> None:
        if "cascaded" in modes and theirs.tensors:
            rows = [row for row in self.result.operators if "has no such tensor" in row.notes.get("cascaded", "")]
            main = [row for row in rows if row.subgraph == 0]
            if main:
                names = ", ".join(name for row in main[:4] for name in row.names)
                more = " …" if len(main) > 4 else ""
                text = f"{self.result.against} has no tensors of {len(main)} operators ({names}{more})"
                self.result.findings.append(Finding("note", text))
        for row in self.result.operators:
            text = row.notes.get("isolated", "")
            if ": " in text or "the process died" in text:
                self.result.findings.append(Finding("error", f"{row.where} alone: {text}"))
