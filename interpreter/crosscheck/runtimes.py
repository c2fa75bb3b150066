"""The runtimes that can be compared, and what each of them computed: a `Trace`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from litejit.crosscheck.dumps import named_tensors, read_dump, write_dump
from litejit.crosscheck.official import OfficialRuntime, official
from litejit.crosscheck.subject import Place, Subject
from litejit.feeding import feed
from litejit.interpreter import Interpreter, OpResolverType
from litejit.schema import read_model, write_model
from litejit.schema.errors import InvalidInputError, LitejitError
from litejit.schema.types import BITS_OF

__all__ = ["OFFICIAL", "Finding", "Runtime", "Trace", "runtime_of", "trace_interpreter"]

OFFICIAL = {"litert-ref": "ref", "litert-builtin": "opt", "litert": "auto"}
"""Names of the official runtime's kernel sets: reference kernels, optimised ones, XNNPACK where it can."""

_KEEP_ALL = {"experimental_preserve_all_tensors": True}

Alone = Callable[[bytes, list[np.ndarray]], list[np.ndarray]]
"""Runs a model of one operator on inputs. Raises RuntimeError with the reason if it cannot."""


@dataclass(frozen=True)
class Finding:
    """Something to know about a comparison. severity: "error" if a part of it could not be done, else "note"."""

    severity: str
    text: str


@dataclass
class Trace:
    """What a runtime computed: tensors by (subgraph, index), and what is to be said about that."""

    tensors: dict[Place, np.ndarray] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes an .npz file that `compare` takes for a dump."""
        write_dump(Path(path), self.tensors)


@dataclass(frozen=True)
class Runtime:
    """A runtime: how it runs the whole model, and, if it can, one operator alone."""

    name: str
    trace: Callable[[Subject, list[np.ndarray]], Trace]
    alone: Alone | None = None


def runtime_of(which: Any) -> Runtime:
    """A runtime from what users pass: a name, an Interpreter, the path of a dump, or a function.

    InvalidInputError for anything else.
    """
    if isinstance(which, Interpreter):
        return Runtime("litejit (own interpreter)", lambda subject, inputs: _own_trace(which, inputs))
    if which in ("litejit", "litejit-jit"):
        resolver = OpResolverType.BUILTIN_REF if which == "litejit" else OpResolverType.AUTO
        return Runtime(which, lambda subject, inputs: _litejit_trace(subject, inputs, resolver))
    if isinstance(which, str) and which in OFFICIAL:
        return _official_runtime(which, OFFICIAL[which])
    if isinstance(which, (str, os.PathLike)):
        path = Path(which)
        if not path.exists():
            names = ", ".join(["litejit", "litejit-jit", *OFFICIAL])
            raise InvalidInputError(f"'{which}' is no runtime ({names}), no directory and no .npz file of tensors")
        return Runtime(f"dump {path.name}", lambda subject, inputs: _dump_trace(path, subject))
    if callable(which):
        name = getattr(which, "__name__", type(which).__name__)
        return Runtime(name, lambda subject, inputs: _function_trace(which, name, subject, inputs))
    raise InvalidInputError(f"against is {type(which).__name__}, expected a name, a path, an Interpreter or a function")


def trace_interpreter(interpreter: Interpreter, inputs: Sequence[np.ndarray]) -> Trace:
    """Runs an interpreter of litejit's and notes all tensors of all subgraphs, also of a run that fails half-way."""
    trace = Trace()
    try:
        feed(interpreter, inputs)
        interpreter.invoke()
    except Exception as error:  # a user's kernel may raise anything
        trace.findings.append(Finding("error", f"litejit: {_in_words(error)}"))
    for subgraph, plan in enumerate(interpreter._session.plans):
        if plan.allocated:
            # The fast tier has memory for everything beforehand, so a run that fails does not show how far it came.
            tensors = plan.graph.inputs if trace.findings and plan.native is not None else range(len(plan.specs))
            known = [index for index in tensors if index >= 0 and plan.has_data(index)]
            trace.tensors.update({(subgraph, index): plan.array(index) for index in known})
    return trace


def _in_words(error: Exception) -> str:
    """What an error says; its notes, which say where it came from, first."""
    words = str(error) if isinstance(error, LitejitError) else f"{type(error).__name__}: {error}"
    return ": ".join([*getattr(error, "__notes__", ()), words])


def _own_trace(interpreter: Interpreter, inputs: list[np.ndarray]) -> Trace:
    return trace_interpreter(Interpreter(**{**interpreter._arguments, **_KEEP_ALL}), inputs)


def _litejit_trace(subject: Subject, inputs: list[np.ndarray], resolver: OpResolverType) -> Trace:
    interpreter = Interpreter(
        model_content=subject.content,
        experimental_op_resolver_type=resolver,
        experimental_preserve_all_tensors=True,
    )
    return trace_interpreter(interpreter, inputs)


def _dump_trace(path: Path, subject: Subject) -> Trace:
    tensors, complaints = read_dump(path, subject)
    return Trace(tensors, [Finding("error", complaint) for complaint in complaints])


def _function_trace(function: Callable[..., Any], name: str, subject: Subject, inputs: list[np.ndarray]) -> Trace:
    graph = subject.plan(0).graph
    names = [subject.declared((0, index)).name for index in graph.inputs]
    complaints = []
    try:
        result = function({key: value.copy() for key, value in zip(names, inputs, strict=True)})
        if not isinstance(result, Mapping):
            values = result if isinstance(result, (tuple, list)) else [result]
            if len(values) != len(graph.outputs):
                complaints.append(f"it returns {len(values)} arrays, the model has {len(graph.outputs)} outputs")
            result = dict(zip(graph.outputs, values, strict=False))
        arrays = {key: np.asarray(value) for key, value in result.items()}
    except Exception as error:
        return Trace({}, [Finding("error", f"{name} failed: {type(error).__name__}: {error}")])
    useless = [key for key, value in arrays.items() if value.dtype == object and not _is_text(value)]
    complaints += [f"what it returns for {key!r} is no array of numbers or bytes" for key in useless]
    tensors, unknown = named_tensors({key: arrays[key] for key in arrays if key not in useless}, subject)
    tensors.update({(0, index): value for index, value in zip(graph.inputs, inputs, strict=True)})
    return Trace(tensors, [Finding("error", f"{name}: {complaint}") for complaint in complaints + unknown])


def _is_text(array: np.ndarray) -> bool:
    return all(isinstance(value, bytes) for value in array.ravel())


# ------------------------------------------------------------------ the official runtime


def _official_runtime(name: str, resolver: str, service: OfficialRuntime = official) -> Runtime:
    def alone(model: bytes, inputs: list[np.ndarray]) -> list[np.ndarray]:
        answer = service.run(model, inputs, resolver)
        if answer.error is not None:
            raise RuntimeError(answer.error)
        return answer.outputs

    return Runtime(name, lambda subject, inputs: _official_trace(subject, inputs, name, resolver, service), alone)


def _official_trace(
    subject: Subject, inputs: list[np.ndarray], name: str, resolver: str, service: OfficialRuntime
) -> Trace:
    try:
        if resolver == "auto":
            return _delegated_trace(subject, inputs, name, service)
        answer = service.run(subject.content, inputs, resolver, preserve=True)
    except LitejitError as error:
        return Trace({}, [Finding("error", f"{name}: {error}")])
    if answer.error is not None:
        return Trace({}, [_refusal(name, answer.error)])
    tensors = {(0, index): value for index, value in answer.tensors.items()} | answer.nested
    return Trace(_matching(tensors, subject))


def _delegated_trace(subject: Subject, inputs: list[np.ndarray], name: str, service: OfficialRuntime) -> Trace:
    """A delegate keeps its intermediate tensors to itself, so all tensors are made outputs of the model."""
    model = read_model(subject.content)
    main = model.subgraphs[0]
    graph = subject.plan(0).graph
    outputs = list(graph.outputs)
    for index, operation in enumerate(graph.operations):
        if subject.gives_data((0, index)):
            outputs += [tensor for tensor in operation.outputs if tensor not in outputs]
    plain = service.run(subject.content, inputs, "auto")
    main.outputs = np.array(outputs, np.int32)
    model.signature_defs = []
    answer = service.run(write_model(model), inputs, "auto")
    if answer.error is not None:
        return Trace({}, [_refusal(name, answer.error)])
    trace = Trace(_matching({(0, index): value for index, value in zip(outputs, answer.outputs, strict=True)}, subject))
    trace.tensors.update({(0, index): value for index, value in zip(graph.inputs, inputs, strict=True)})
    same = plain.error is None and all(
        np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
        for a, b in zip(plain.outputs, answer.outputs, strict=False)
    )
    if not same:
        text = f"{name}: the model's outputs change when its intermediate tensors are looked at"
        trace.findings.append(Finding("note", text if plain.error is None else f"{name}: {plain.error}"))
    return trace


def _refusal(name: str, error: str) -> Finding:
    return Finding("error", f"{name} does not run the model: {error}; operators are compared one by one")


def _matching(tensors: dict[Place, np.ndarray], subject: Subject) -> dict[Place, np.ndarray]:
    """Without the temporaries that kernels add, and without 4-bit tensors, which come packed."""
    return {
        place: value
        for place, value in tensors.items()
        if place[1] < len(subject.plan(place[0]).specs) and subject.declared(place).type not in BITS_OF
    }
