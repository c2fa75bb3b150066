"""What can be wrong with a problem, as data: each mutation is a label and a function that changes a `Mutant` in place.

for label, change in mutations(Mutant(problem, "ADD")):
    mutant = Mutant(problem, "ADD"); change(mutant); outcome(mutant)
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from litejit import Interpreter, LitejitError
from litejit.interpreter import OpResolverType
from litejit.kernels.node import Limits
from litejit.schema import (
    AddOptions,
    Conv2DOptions,
    QuantizationParameters,
    Tensor,
    TensorType,
)
from litejit.schema.declare import Kind
from tests.mutant import Mutant

__all__ = ["LIMITS", "Change", "Mutant", "Outcome", "mutations", "outcome"]

LIMITS = Limits(tensor_bytes=1 << 24, while_iterations=100)
INT32_MAX, INT32_MIN = 2**31 - 1, -(2**31)


Change = Callable[[Mutant], None]

TYPES = [type for type in TensorType if type != TensorType.VARIANT]
INTEGERS = [-1, 0, 1, 2, 7, -100_000, INT32_MAX, INT32_MIN]
FLOATS = [np.nan, np.inf, -np.inf, 0.0, -1.0, 3e38, 1e-45]
SCALES: list[Any] = [[], [0.0], [-0.5], [np.nan], [np.inf], [1e-45], [3e38], [0.5, 0.25], [0.5] * 3, [0.5, 0.0]]


def mutations(mutant: Mutant) -> Iterator[tuple[str, Change]]:
    """Everything that this module can do to a problem's operator; the mutant itself stays as it is."""
    for position, index in enumerate(map(int, mutant.operator.inputs)):
        if index >= 0:
            yield from _operand(mutant, position, index)
            yield from _quantization(f"operand {position}", index)
    for position, index in enumerate(map(int, mutant.operator.outputs)):
        yield from _output(position, index)
        yield from _quantization(f"output {position}", index)
    yield from _arity(mutant)
    yield from _options(mutant)


def _operand(mutant: Mutant, position: int, index: int) -> Iterator[tuple[str, Change]]:
    label, shape, value = f"operand {position}", mutant.tensors[index].shape, mutant.value(index)

    def drop(m: Mutant) -> None:
        m.operator.inputs = np.where(np.arange(m.operator.inputs.size) == position, -1, m.operator.inputs)

    yield f"{label} left out", drop
    shapes = {(), (1, *shape), shape[1:], (*shape, 1), (*shape, 2), (1,) * 7, (0,), (2**16, 2**16), (INT32_MAX, 0)}
    for axis in range(len(shape)):
        shapes |= {(*shape[:axis], dim, *shape[axis + 1 :]) for dim in (0, 1, shape[axis] + 1)}
    for other in sorted(shapes - {shape}):
        yield f"{label} of shape {other}", lambda m, s=other: _reshape(m, index, s)
    for type in TYPES:
        yield f"{label} {type.name}", lambda m, t=type: m.retype(index, t)
    if value is None or value.dtype.kind not in "iuf":
        return
    yield f"{label} is no constant", lambda m: _open(m, index)
    extremes = FLOATS if value.dtype.kind == "f" else INTEGERS
    for extreme in extremes:
        yield f"{label} all {extreme}", lambda m, e=extreme: m.put(index, np.full(shape, _fit(e, value.dtype)))
        for at in range(min(value.size, 4)):
            yield f"{label}[{at}] = {extreme}", lambda m, e=extreme, a=at: _put_at(m, index, a, e)


def _reshape(mutant: Mutant, index: int, shape: tuple[int, ...]) -> None:
    """Huge ones are only declared."""
    if np.prod(shape, dtype=float) > 1 << 20:
        mutant.tensors[index].shape = shape
    else:
        mutant.reshape(index, shape)


def _fit(number: float, dtype: np.dtype) -> np.generic:
    if dtype.kind == "f":
        with np.errstate(all="ignore"):
            return dtype.type(number)
    info = np.iinfo(dtype)
    return dtype.type(min(max(number, info.min), info.max))


def _put_at(mutant: Mutant, index: int, at: int, number: float) -> None:
    value = np.array(mutant.value(index))
    value.ravel()[at] = _fit(number, value.dtype)
    mutant.put(index, value)


def _open(mutant: Mutant, index: int) -> None:
    """A constant of the main subgraph becomes an input."""
    value = mutant.value(index)
    if index not in mutant.values and value is not None and mutant.tensors is mutant.graph.tensors:
        mutant.tensors[index].buffer = 0
        mutant.graph.inputs = np.append(mutant.graph.inputs, index).astype(np.int32)
        mutant.values[index] = value


def _quantization(label: str, index: int) -> Iterator[tuple[str, Change]]:
    def change(**fields: Any) -> Change:
        return lambda m: vars(m.tensors[index]).update(quantization=QuantizationParameters(**fields))

    yield f"{label} without quantization", lambda m: vars(m.tensors[index]).update(quantization=None)
    for scale in SCALES:
        scales = np.array(scale, np.float32)
        yield f"{label} of scale {scale}", change(scale=scales, zero_point=np.zeros(scales.size, np.int64))
    for zero_point in ([], [5], [-128], [127], [255], [4000], [1, 2]):
        zero_points = np.array(zero_point, np.int64)
        for count in (1, 2):
            scales = np.full(count, 0.5, np.float32)
            yield (
                f"{label} of {count} scales, zero point {zero_point}",
                change(scale=scales, zero_point=zero_points),
            )
    for axis in (1, 9, -1):
        fields = {"scale": np.full(2, 0.5, np.float32), "zero_point": np.zeros(2, np.int64)}
        yield f"{label} quantized along {axis}", change(**fields, quantized_dimension=axis)


def _output(position: int, index: int) -> Iterator[tuple[str, Change]]:
    for type in TYPES:
        yield f"output {position} {type.name}", lambda m, t=type: vars(m.tensors[index]).update(type=t)
    for shape in ((), (0,), (1,), (3, 5, 7), (1,) * 8, (2**20,), (2**16, 2**16)):
        yield f"output {position} of shape {shape}", lambda m, s=shape: vars(m.tensors[index]).update(shape=s)


def _arity(mutant: Mutant) -> Iterator[tuple[str, Change]]:
    def operands(change: Callable[[np.ndarray], Any]) -> Change:
        return lambda m: vars(m.operator).update(inputs=np.array(change(m.operator.inputs), np.int32))

    def fewer_outputs(m: Mutant) -> None:
        m.operator.outputs = m.operator.outputs[:-1]
        m.graph.outputs = np.array([i for i in m.graph.outputs if i in m.operator.outputs or not i], np.int32)

    def more_outputs(m: Mutant) -> None:
        m.tensors.append(Tensor(name="extra", shape=(1,), type=TensorType.FLOAT32))
        m.operator.outputs = np.append(m.operator.outputs, len(m.tensors) - 1).astype(np.int32)

    if mutant.operator.inputs.size:
        yield "one operand fewer", operands(lambda i: i[:-1])
        yield "one operand more", operands(lambda i: [*i, i[0]])
        yield "an operand left out at the end", operands(lambda i: [*i, -1])
        yield "operands in reverse order", operands(lambda i: i[::-1])
        yield "no operands", operands(lambda i: [])
    yield "one output fewer", fewer_outputs
    yield "one output more", more_outputs
    for version in (0, -1, 2, 99):
        yield (
            f"version {version}",
            lambda m, v=version: vars(m.model.operator_codes[m.operator.opcode_index]).update(version=v),
        )


def _options(mutant: Mutant) -> Iterator[tuple[str, Change]]:
    both = {"builtin_options": None, "builtin_options_2": None}
    yield "options absent", lambda m: vars(m.operator).update(both)
    for other in (AddOptions, Conv2DOptions):
        yield f"options {other.__name__}", lambda m, o=other: vars(m.operator).update(both, builtin_options=o())
    for bytes in (b"", b"\x00", b"\xff" * 24, b"\x00" * 24, b"\x01\x00\x24\x04\x01", b"\x00\x00\x80\x3f" * 9):
        data = np.frombuffer(bytes, np.uint8)
        yield f"custom options {bytes!r}", lambda m, d=data: vars(m.operator).update(custom_options=d)
    custom = mutant.operator.custom_options
    if custom is not None:
        for at in range(custom.size):
            for byte in (0, 0x7F, 0xFF, int(custom[at]) ^ 1):
                changed = np.where(np.arange(custom.size) == at, byte, custom).astype(np.uint8)
                yield f"custom options [{at}] = {byte}", lambda m, c=changed: vars(m.operator).update(custom_options=c)
    options = mutant.operator.options
    for field in () if options is None else options.fields_:
        for value in _field_values(field):
            yield (
                f"{field.name} = {value!r}",
                lambda m, f=field.name, v=value: setattr(m.operator.options, f, v),
            )


def _field_values(field: Any) -> list[Any]:
    if field.kind == Kind.VECTOR:
        values: list[list[float]] = [[], [-1], [0], [1, 1], [INT32_MAX] * 2, [INT32_MIN], [0] * 40, list(range(9))]
        return [np.array(value).astype(field.dtype) for value in values]
    if field.kind == Kind.STRING:
        return ["", "x" * 100]
    if field.kind != Kind.SCALAR:
        return []
    if field.code == "?":
        return [False, True]
    if field.code == "f":
        return FLOATS
    if field.code == "b":
        return [-1, 0, 1, 2, 3, 4, 5, 17, 99]
    return INTEGERS if field.code in "iq" else [0, 1, 7, INT32_MAX]


@dataclass
class Outcome:
    """What became of a mutant: outputs, or litejit's error; seconds it took."""

    outputs: list[np.ndarray] | None
    error: LitejitError | None
    seconds: float


def outcome(model: bytes, values: list[np.ndarray], **keywords: Any) -> Outcome:
    """Runs a model within LIMITS. Lets every exception through that is not litejit's, warnings among them."""
    start = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            outputs = _run(model, values, keywords)
    except LitejitError as error:
        return Outcome(None, error, time.perf_counter() - start)
    return Outcome(outputs, None, time.perf_counter() - start)


def _run(model: bytes, values: list[np.ndarray], keywords: dict[str, Any]) -> list[np.ndarray]:
    interpreter = Interpreter(
        model_content=model, limits=LIMITS, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, **keywords
    )
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), values, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]
