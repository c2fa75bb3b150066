"""Golden vectors of one operator: operands, weights, parameters and expected results, for whoever writes kernels.

write_vectors("model.tflite", 3, "conv.h", "c")
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from litejit.crosscheck.inputs import Inputs, as_inputs
from litejit.crosscheck.runtimes import trace_interpreter
from litejit.crosscheck.subject import Place, Subject, load_content
from litejit.interpreter import Interpreter
from litejit.kernels.geometry import Window
from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.output_stage import BlockStage, OutputStage, Rescaling
from litejit.schema import Model, Table
from litejit.schema.errors import InvalidInputError, UnsupportedError

__all__ = ["FORMATS", "Vectors", "vectors", "write_vectors"]

Source = str | os.PathLike[str] | bytes | Model | Interpreter

FORMATS = ("c", "npz", "json", "tflite")

_C_TYPES = {
    "int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "uint16": "uint16_t", "int32": "int32_t",
    "uint32": "uint32_t", "int64": "int64_t", "uint64": "uint64_t", "float32": "float", "float64": "double",
    "bool": "uint8_t",
}  # fmt: skip


_UNUSED = """\
#ifndef LITEJIT_UNUSED
#if defined(__GNUC__)
#define LITEJIT_UNUSED __attribute__((unused))
#else
#define LITEJIT_UNUSED
#endif
#endif
"""
"""Keeps compilers from complaining about arrays that a program does not look at."""


@dataclass
class Vectors:
    """One operator: arrays by name (operands as its kernel calls them, output_0 …) and parameters by name.

    parameters: option fields, scales and zero points, and what the kernel derived: multipliers, shifts, offsets, clamp,
    padding. tflite: the operator as a model; its inputs are the operands called `inputs`.
    """

    op: str
    where: str
    arrays: dict[str, np.ndarray]
    parameters: dict[str, Any]
    inputs: tuple[str, ...]
    tflite: bytes


def vectors(
    model: Source,
    operator: int | str | Place,
    inputs: Inputs = None,
    seed: int = 0,
) -> Vectors:
    """The golden vectors of an operator (an index of the main subgraph, or the name of its output) in one inference.

    model: an Interpreter, too, whose custom operators, kernels and numerics then count; its state does not.
    Raises InvalidInputError for an operator that is not there; the errors of the model if it does not run.
    """
    if isinstance(model, Interpreter):
        subject = Subject(b"", Interpreter(**model._arguments))
    else:
        subject = Subject(load_content(model))
    place = subject.find_operator(operator)
    trace = trace_interpreter(subject.interpreter, as_inputs(inputs, subject.interpreter, seed))
    operands = subject.operands(place, trace.tensors)
    operation = subject.operation(place)
    results = [trace.tensors.get((place[0], index)) for index in operation.outputs]
    known = [result for result in results if result is not None]
    if operands is None or len(known) != len(results) or not _stands_alone(subject, place):
        reason = trace.findings[0].text if trace.findings else "it is not executed, or works on resources"
        raise UnsupportedError(f"{operation.where} has no vectors: {reason}")
    kernel = subject.kernel(place, operands)
    names = list(kernel.operands)
    labels = [names[at] if at < len(names) else f"operand_{at}" for at in range(len(operands))]
    arrays = {label: value for label, value in zip(labels, operands, strict=True) if value is not None}
    arrays.update({f"output_{at}": value for at, value in enumerate(known)})
    specs = {
        label: subject.spec((place[0], index))
        for label, index in zip([*labels, *(f"output_{at}" for at in range(len(known)))],
                                [*operation.inputs, *operation.outputs], strict=True)
        if index >= 0
    }  # fmt: skip
    single = subject.single(place, operands, known)
    parameters = {**_options(operation.options), **_quantization(specs), **_derived(kernel)}
    return Vectors(
        operation.name, operation.where, arrays, parameters, tuple(labels[at] for at in single.inputs), single.model
    )


def _stands_alone(subject: Subject, place: Place) -> bool:
    """Whether the results of an operator are data, and its operands say all of them."""
    return subject.gives_data(place) and not (subject.works_on_resources(place) or subject.calls_resources(place))


def write_vectors(
    model: Source,
    operator: int | str | Place,
    path: str | os.PathLike[str],
    format: str = "c",
    *,
    inputs: Inputs = None,
    seed: int = 0,
    prefix: str | None = None,
) -> Vectors:
    """Writes golden vectors as a C99 header, an .npz archive, JSON, or a .tflite model of this one operator.

    prefix: what all names of a C header begin with, by default the operator's name.
    """
    if format not in FORMATS:
        raise InvalidInputError(f"format is '{format}', expected one of {', '.join(FORMATS)}")
    found = vectors(model, operator, inputs, seed)
    path = Path(path)
    if format == "tflite":
        path.write_bytes(found.tflite)
    elif format == "npz":
        parameters = {f"parameter_{name}": np.asarray(value) for name, value in found.parameters.items()}
        np.savez_compressed(path, **{**found.arrays, **parameters})  # type: ignore[arg-type]
    elif format == "json":
        path.write_text(json_text(found), encoding="utf-8")
    else:
        path.write_text(c_header(found, prefix), encoding="ascii", errors="replace")
    return found


def json_text(found: Vectors) -> str:
    """The vectors as JSON: arrays as {dtype, shape, data}, data flat."""
    arrays = {
        name: {"dtype": value.dtype.name, "shape": list(value.shape), "data": value.ravel().tolist()}
        for name, value in found.arrays.items()
    }
    parameters = {name: np.asarray(value).tolist() for name, value in found.parameters.items()}
    document = {"op": found.op, "where": found.where, "arrays": arrays, "parameters": parameters}
    return json.dumps(document, indent=1, default=str)


def c_header(found: Vectors, prefix: str | None = None) -> str:
    """The vectors as a C99 header: an enum of dimensions, and constant arrays. prefix: of all names."""
    prefix = re.sub("^(?=[0-9])|[^0-9A-Za-z_]", "_", found.op.lower() if prefix is None else prefix)
    guard = f"LITEJIT_VECTORS_{prefix.upper()}_H"
    where = re.sub("[^0-9A-Za-z_ (),]", "_", found.where)  # it must not end the comment it is in
    lines = [f"/* Golden vectors of {where}. Arrays are flat, in row-major order. */"]
    lines += [f"#ifndef {guard}", f"#define {guard}", "", "#include <math.h>", "#include <stdint.h>", "", _UNUSED]
    for name, value in found.parameters.items():
        lines.append(_c_array(f"{prefix}_{name}", np.atleast_1d(np.asarray(value))))
    for name, value in found.arrays.items():
        if value.dtype.name not in _C_TYPES:
            raise UnsupportedError(f"{found.where}: {name} is {value.dtype}, which C has no type for")
        label = f"{prefix}_{name}"
        dimensions = "".join(f", {label}_dim{at} = {size}" for at, size in enumerate(value.shape))
        lines.append(f"enum {{ {label}_size = {value.size}, {label}_rank = {value.ndim}{dimensions} }};")
        lines.append(_c_array(label, value))
    return "\n".join([*lines, f"#endif /* {guard} */", ""])


def _c_array(label: str, value: np.ndarray) -> str:
    """A constant array; one element of 0 where it is empty, which C has no arrays for."""
    kind = _C_TYPES[value.dtype.name]
    items = [_c_number(item, value.dtype) for item in value.ravel()] or ["0"]
    rows = [", ".join(items[at : at + 16]) for at in range(0, len(items), 16)]
    return f"LITEJIT_UNUSED static const {kind} {label}[{len(items)}] = {{\n  " + ",\n  ".join(rows) + "\n};\n"


def _c_number(item: Any, dtype: np.dtype) -> str:
    if dtype.kind == "f":
        if not np.isfinite(item):
            return "NAN" if np.isnan(item) else ("INFINITY" if item > 0 else "-INFINITY")
        return f"{float(item).hex()}{'f' if dtype.itemsize == 4 else ''}"
    number = int(item)
    if dtype == np.int64:  # the smallest number is no literal of C
        return "INT64_MIN" if number == -(1 << 63) else f"INT64_C({number})"
    if dtype == np.int32 and number == -(1 << 31):
        return "INT32_MIN"
    return f"UINT64_C({number})" if dtype == np.uint64 else f"{number}{'u' if dtype.kind == 'u' else ''}"


def _options(options: Any) -> dict[str, Any]:
    fields = dict(options.items()) if isinstance(options, Table) else {}
    return {name: _number(value) for name, value in fields.items() if isinstance(value, (int, float, bool))}


def _number(value: Any) -> Any:
    return (
        np.float32(value) if isinstance(value, float) else np.int32(value) if abs(value) < 1 << 31 else np.int64(value)
    )


def _quantization(specs: dict[str, TensorSpec]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, spec in specs.items():
        if spec.quantization is not None and spec.quantization.scale.size:
            result[f"{name}_scale"] = spec.quantization.scale
            result[f"{name}_zero_point"] = spec.quantization.zero_point.astype(np.int32)
    return result


def _derived(kernel: Any) -> dict[str, Any]:
    """What a kernel derived from all that."""
    result: dict[str, Any] = {}
    stage = getattr(getattr(kernel, "products", None), "stage", None)
    stage = stage.block if isinstance(stage, BlockStage) else stage
    if isinstance(stage, OutputStage):
        result |= {"output_offset": np.int32(stage.zero_point), "clamp_min": np.int32(stage.low)}
        result |= {"clamp_max": np.int32(stage.high), "input_offset": np.int32(-kernel.products.zero_point)}
        result["weights_offset"] = np.int32(-kernel.products.filter_zero_point)
        if isinstance(stage.rescale, Rescaling):
            result |= _multiplier("output", stage.rescale.multiplier)
    formula: Any = getattr(getattr(kernel, "quantized", None), "formula", None)
    for name, label in (("multiplier1", "input1"), ("multiplier2", "input2"), ("multiplier", "output")):
        if hasattr(formula, name):
            result |= _multiplier(label, getattr(formula, name))
    if hasattr(formula, "low"):
        result |= {"clamp_min": np.int32(formula.low), "clamp_max": np.int32(formula.high)}
    if hasattr(formula, "left_shift"):
        result["left_shift"] = np.int32(formula.left_shift)
    for window, name in zip(getattr(kernel, "windows", ()), ("height", "width"), strict=False):
        if isinstance(window, Window):
            result[f"padding_{name}"] = np.int32(window.before)
    return result


def _multiplier(label: str, multiplier: Any) -> dict[str, np.ndarray]:
    return {
        f"{label}_multiplier": np.asarray(multiplier.mantissa).astype(np.int32),
        f"{label}_shift": np.asarray(multiplier.exponent).astype(np.int32),
    }
