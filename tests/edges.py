"""Edge problems of an operator, made from its problems in the catalogue: the cases of tests/test_edges.py.

edges(Mutant(problem, "ADD")) -> ("every float mixed", change), …: values, shapes, options and quantization, each legal
for some operators; both runtimes say for which. Two of them together are one more case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from litejit.schema import QuantizationParameters
from litejit.schema.declare import Kind
from litejit.schema.types import BITS_OF
from tests.mutant import Mutant

__all__ = ["Change", "edges"]

Change = Callable[[Mutant], None]

SPECIAL = [0.5, np.nan, np.inf, -np.inf, -0.0, 1e-45, -1e-40, 3e38, -3e38, 0.0, 1.0, -1.0, 6.0, 127.5, 65520.0]
ALONE = {"NaN": np.nan, "infinity": np.inf, "-infinity": -np.inf, "-0.0": -0.0, "denormal": 1e-45, "huge": 3e38}
_MANY = 5
"""Operands from here on keep their values: recurrent operators have dozens of weights."""


def edges(mutant: Mutant) -> Iterator[tuple[str, Change]]:
    """Everything that this module can do to a problem's operator; the mutant itself stays as it is."""
    operands = [(at, int(index)) for at, index in enumerate(mutant.operator.inputs) if index >= 0]
    operands = [(at, index) for at, index in operands if mutant.tensors[index].sparsity is None]
    yield from _values(mutant, operands[:_MANY])
    yield from _shapes(mutant, operands)
    yield from _options(mutant)
    for at, index in operands[:_MANY]:
        yield from _quantization(mutant, f"operand {at}", index)
    for at, index in enumerate(map(int, mutant.operator.outputs)):
        yield from _quantization(mutant, f"output {at}", index)


def _values(mutant: Mutant, operands: list[tuple[int, int]]) -> Iterator[tuple[str, Change]]:
    floats = [index for _, index in operands if _kind(mutant, index) == "f"]
    if len(floats) > 1:
        yield "every float mixed", lambda m: [_fill(m, index, SPECIAL[at:]) for at, index in enumerate(floats)]
    for at, index in operands:
        value = mutant.value(index)
        label = f"operand {at}"
        if value is None or not value.size:
            continue
        if value.dtype.kind == "f":
            yield f"{label} mixed", lambda m, i=index: _fill(m, i, SPECIAL)
            for name, number in ALONE.items():
                yield f"{label} all {name}", lambda m, i=index, n=number: _fill(m, i, [n])
        elif value.dtype.kind in "iu":
            for name, numbers in _integers(mutant, index, value).items():
                yield f"{label} {name}", lambda m, i=index, n=numbers: _fill(m, i, n)
        elif value.dtype.kind == "b":
            for truth in (False, True):
                yield f"{label} all {truth}", lambda m, i=index, t=truth: _fill(m, i, [t])


def _kind(mutant: Mutant, index: int) -> str:
    value = mutant.value(index)
    return "" if value is None else value.dtype.kind


def _integers(mutant: Mutant, index: int, value: np.ndarray) -> dict[str, Sequence[int]]:
    """Both ends of quantized types; small numbers for the rest, which may be indices, axes or shapes."""
    if mutant.tensors[index].quantization is not None and mutant.tensors[index].quantization.scale is not None:
        bits = BITS_OF.get(mutant.tensors[index].type)
        info = np.iinfo(value.dtype)
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if bits else (int(info.min), int(info.max))
        return {"lowest": [low], "highest": [high], "at both ends": [low, high, 0]}
    few = {"all 0": [0], "all 1": [1], "all 2": [2], "in reverse": value.ravel()[::-1].tolist()}
    if value.dtype.kind == "u":
        return few
    rank = len(mutant.tensors[int(mutant.operator.inputs[0])].shape)
    return {**few, "all -1": [-1], "counted from behind": (value.ravel() - rank).tolist()}


def _fill(mutant: Mutant, index: int, numbers: Sequence[Any]) -> None:
    value = mutant.value(index)
    assert value is not None
    with np.errstate(all="ignore"):
        mutant.put(index, np.resize(np.array(numbers).astype(value.dtype), value.shape))


def _shapes(mutant: Mutant, operands: list[tuple[int, int]]) -> Iterator[tuple[str, Change]]:
    shapes = {index: tuple(mutant.tensors[index].shape) for _, index in operands}
    for dim in sorted({dim for shape in shapes.values() for dim in shape}):
        for other in sorted({0, 1, dim + 1, 2 * dim} - {dim}):
            renamed = {index: tuple(other if d == dim else d for d in shape) for index, shape in shapes.items()}
            yield f"dimensions of {dim} become {other}", lambda m, s=renamed: _reshape(m, s)
    most = max(map(len, shapes.values()), default=0)
    for at, index in operands[:_MANY]:
        shape = shapes[index]
        for axis, dim in enumerate(shape):
            for other in sorted({0, 1, dim + 1} - {dim}):
                one = {index: (*shape[:axis], other, *shape[axis + 1 :])}
                yield f"operand {at} of shape {one[index]}", lambda m, s=one: _reshape(m, s)
        for other_shape in ((), (1,), (1, *shape), (2, *shape), shape[1:], (*shape, 1), (1,) * 6):
            if other_shape != shape:
                yield f"operand {at} of shape {other_shape}", lambda m, s={index: other_shape}: _reshape(m, s)
    ranked = {index: shape for index, shape in shapes.items() if len(shape) == most}
    if len(ranked) > 1:
        for front in ((1,), (2,), (2, 1), (1, 2, 1)):
            deeper = {index: (*front, *shape) for index, shape in ranked.items()}
            yield f"{len(front)} dimensions {front} in front", lambda m, s=deeper: _reshape(m, s)
        yield "one dimension fewer", lambda m: _reshape(m, {index: shape[1:] for index, shape in ranked.items()})
        yield "no dimensions", lambda m: _reshape(m, dict.fromkeys(ranked, ()))


def _reshape(mutant: Mutant, shapes: dict[int, tuple[int, ...]]) -> None:
    for index, shape in shapes.items():
        mutant.reshape(index, shape)


def _options(mutant: Mutant) -> Iterator[tuple[str, Change]]:
    options = mutant.operator.options
    for field in () if options is None else options.fields_:
        if field.kind != Kind.SCALAR or "subgraph" in field.name:
            continue
        now = getattr(options, field.name)
        if field.enum is not None:
            values: list[Any] = list(field.enum)
        elif field.code == "?":
            values = [False, True]
        elif field.code in "fd":
            values = [0.0, 0.5, -1.0, 3.0]
        else:
            values = [-1, 1, 2, 3]
        for value in values:
            if value != now:
                label = f"{field.name} = {getattr(value, 'name', value)}"
                yield label, lambda m, f=field.name, v=value: setattr(m.operator.options, f, v)


def _quantization(mutant: Mutant, label: str, index: int) -> Iterator[tuple[str, Change]]:
    tensor = mutant.tensors[index]
    old = tensor.quantization
    if old is None or old.scale is None or old.zero_point is None:
        return

    def change(factor: float, zero_point: np.ndarray) -> Change:
        scale = (old.scale * np.float32(factor)).astype(np.float32)
        quantization = QuantizationParameters(
            scale=scale, zero_point=zero_point, quantized_dimension=old.quantized_dimension
        )
        return lambda m: vars(m.tensors[index]).update(quantization=quantization)

    for factor in (1 / 64, 1 / 3, 5.0, 64.0):
        yield f"{label} of {factor:.3g} times the scale", change(factor, old.zero_point)
    for zero_point in (-128, 127) if tensor.type.name == "INT8" else (0, 255) if tensor.type.name == "UINT8" else ():
        yield f"{label} of zero point {zero_point}", change(1, np.full_like(old.zero_point, zero_point))
