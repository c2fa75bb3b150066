"""Operators that only move elements, on the fast tier: each is a few copies between arrays of known strides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from litejit.kernels.jit.broadcasting import collapse, contiguous, strides_in
from litejit.kernels.jit.call import Call, Scratch, Tensor, padded
from litejit.kernels.jit.layouts.moving import COPY, UNITS
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.jit.tables import pieces_call, table_slots
from litejit.kernels.node import Shape, TensorSpec
from litejit.kernels.reference.joining import Concatenation, Pack, Unpack
from litejit.kernels.reference.padding import Pad, PadV2
from litejit.kernels.reference.shape import BroadcastTo, Transpose
from litejit.kernels.reference.slicing import Slice, Split, SplitV, StridedSlice
from litejit.kernels.reference.space import DepthToSpace, SpaceToDepth

__all__ = ["copy", "whole_copy"]

_BYTES, _VECTOR = 32768, 32
_OUTER = 6
_SIZES = (1, 2, 4, 8)
_TILE = 16
"""Bytes of a row of a tile."""

_LINE = 64
_THREES = 32
"""Bytes of each of three that are taken apart at once."""


def copy(
    source: Tensor | Scratch | np.ndarray,
    out: Tensor | Scratch,
    shape: Sequence[int],
    source_strides: Sequence[int],
    out_strides: Sequence[int],
    size: int,
    fills: bool = False,
) -> Call | None:
    """A call that moves elements of `size` bytes; strides are in elements. None if it takes too many dimensions.

    fills: the source is a pattern of 32 bytes, the strides are those of the output.
    """
    dims, (source_steps, out_steps) = collapse(shape, source_strides, out_strides)
    if len(dims) > _OUTER + 2 or size not in _SIZES:
        return None
    walk = _transposition(dims, source_steps, out_steps, size)
    if walk is None:
        walk = _rows(dims, source_steps, out_steps, size, fills)
    missing = _OUTER - len(dims)
    outer_dims = [1] * missing + dims
    step = 0 if fills else size
    kernel, items, values = walk
    values |= {
        "source": source,
        "out": out,
        **{f"dim{at}": outer_dims[at] for at in range(1, _OUTER)},
        **{f"source{at}": step * by for at, by in enumerate([0] * missing + source_steps)},
        **{f"out{at}": size * by for at, by in enumerate([0] * missing + out_steps)},
    }
    return Call(kernel, COPY, values, items=prod(dims) * items, work=prod(shape) * size // 8)


_FEW_ROWS = 8

_Walk = tuple[str, int, dict[str, Any]]
"""Kernel, items of a block, and the slots of a walk through a block, whose dimensions are taken out of the lists."""


def _transposition(dims: list[int], source_steps: list[int], out_steps: list[int], size: int) -> _Walk | None:
    """In tiles, where one dimension is side by side in the source and another one in the output."""
    if size > 4 or 1 not in source_steps or 1 not in out_steps:
        return None
    across, along = source_steps.index(1), out_steps.index(1)
    are_threes = dims[across] == source_steps[along] == 3 and dims[along] >= _THREES // size
    if across == along or (min(dims[across], dims[along]) < _TILE // size and not are_threes):
        return None
    group, grouped = (_BYTES // size, dims[along]) if are_threes else (_LINE // size, dims[across])
    values = {
        "inner": dims[across],
        "source_step": size,
        "out_step": out_steps[across] * size,
        "rows": dims[along],
        "source_row": source_steps[along] * size,
        "out_row": size,
        "groups": -(-grouped // group),
        "group_rows": group,
    }
    for parts in (dims, source_steps, out_steps):
        parts[:] = [part for at, part in enumerate(parts) if at not in (across, along)]
    return f"transposing.{'threes' if are_threes else 'transpose'}_{size}", values["groups"], values


def _rows(dims: list[int], source_steps: list[int], out_steps: list[int], size: int, fills: bool) -> _Walk:
    """Row by row, bytes or elements."""
    if dims[-1] == 1 or source_steps[-1] != 1 or out_steps[-1] != 1:
        # The longest dimension is the innermost one, where elements are not side by side anyway.
        inner = max(range(len(dims)), key=lambda at: (dims[at] > 8 and at >= len(dims) - 2, at))
        for parts in (dims, source_steps, out_steps):
            parts.append(parts.pop(inner))
    inner, source_step, out_step = dims.pop(), source_steps.pop(), out_steps.pop()
    kernel, unit = "moving.fill" if fills else "moving.copy", 1
    if source_step == out_step == 1 and dims and inner * size in UNITS and not fills:
        # Rows of a few bytes are elements themselves, the longest dimension (the last of equals) is a row of them.
        unit, kernel = inner * size, f"moving.copy_{inner * size}"
        longest = max(range(len(dims)), key=lambda at: (dims[at], at))
        inner, source_step, out_step = (parts.pop(longest) for parts in (dims, source_steps, out_steps))
    elif source_step == out_step == 1 or inner == 1:
        inner *= size
    else:
        unit, kernel = size, f"moving.copy_{size}"
    rows, source_row, out_row = 1, 0, 0
    if dims:
        # An item is a group of rows: a few rows would be less than what it takes to find them.
        longest = len(dims) - 1 if dims[-1] >= _FEW_ROWS else max(range(len(dims)), key=dims.__getitem__)
        rows, source_row, out_row = (parts.pop(longest) for parts in (dims, source_steps, out_steps))
    elif kernel not in ("moving.copy", "moving.fill"):
        # Several threads share a long row.
        while inner * unit > _BYTES and inner % 2 == 0:
            rows, inner = 2 * rows, inner // 2
        source_row, out_row = inner * source_step, inner * out_step
    in_bytes = inner * unit
    if rows == 1 and kernel in ("moving.copy", "moving.fill"):
        rows = _shares(in_bytes)
        inner = in_bytes = in_bytes // rows
        source_row = out_row = inner // size
    group_rows = min(rows, max(1, _BYTES // in_bytes))
    groups = -(-rows // group_rows)
    step = 0 if fills else size
    values = {
        "inner": inner,
        "source_step": source_step * step,
        "out_step": out_step * size,
        "rows": rows,
        "source_row": source_row * step,
        "out_row": out_row * size,
        "groups": groups,
        "group_rows": group_rows,
    }
    return kernel, groups, values


def _shares(in_bytes: int) -> int:
    """In how many parts threads share a long row: of equal size, and whole vectors, as patterns are."""
    fewest = -(-in_bytes // _BYTES)
    counts = range(fewest, 4 * fewest) if in_bytes > 2 * _BYTES else range(0)
    return next((count for count in counts if in_bytes % (count * _VECTOR) == 0), 1)


def whole_copy(source: TensorSpec, target: TensorSpec) -> list[Call] | None:
    """One tensor to another of the same number of bytes."""
    if source.dtype.kind == "O":
        return None
    if source.size == 0:
        return []
    call = copy(Tensor(source.index), Tensor(target.index), (source.size,), (1,), (1,), source.dtype.itemsize)
    return None if call is None else [call]


def _calls(*calls: Call | None) -> list[Call] | None:
    return None if any(call is None for call in calls) else [call for call in calls if call is not None]


def _moved(
    lowering: Lowering, shape: Sequence[int], source_strides: Sequence[int], out_strides: Sequence[int], offset: int = 0
) -> list[Call] | None:
    """From the first operand, `offset` elements on, to the whole output."""
    input, output = lowering.input(0), lowering.outputs[0]
    if input.dtype.kind == "O":
        return None
    if output.size == 0:
        return []
    size = input.dtype.itemsize
    source = Tensor(input.index, offset * size)
    return _calls(copy(source, Tensor(output.index), shape, source_strides, out_strides, size))


@lowers(Transpose)
def transpose(lowering: Lowering) -> list[Call] | None:
    """Strides of the input in another order."""
    input, output = lowering.input(0), lowering.outputs[0]
    strides = contiguous(input.dims)
    return _moved(lowering, output.dims, [strides[axis] for axis in lowering.kernel.perm], contiguous(output.dims))


@lowers(BroadcastTo)
def broadcast_to(lowering: Lowering) -> list[Call] | None:
    """Strides of 0 where the input is repeated."""
    dims = lowering.outputs[0].dims
    return _moved(lowering, dims, strides_in(dims, lowering.input(0).dims), contiguous(dims))


@lowers(Slice, StridedSlice)
def sliced(lowering: Lowering) -> list[Call] | None:
    """NumPy says where the first element of a part lies, and how far apart the others are."""
    kernel, input = lowering.kernel, lowering.input(0)
    if input.dtype.kind == "O":
        return None
    whole = np.lib.stride_tricks.as_strided(np.zeros(1, np.int8), input.dims, contiguous(input.dims))
    key: Any = (*kernel.parts, ...) if isinstance(kernel, Slice) else kernel.key  # with "..." always a view
    part = whole[key]
    offset = part.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    return _moved(lowering, part.shape, part.strides, contiguous(part.shape), offset)


@lowers(SpaceToDepth, DepthToSpace)
def depth(lowering: Lowering) -> list[Call] | None:
    """Both arrays seen as [batch, height, width, block, block, channels]."""
    block = lowering.kernel.block_size
    is_split = isinstance(lowering.kernel, SpaceToDepth)
    whole, deep = (spec.dims for spec in (lowering.input(0), lowering.outputs[0])[:: 1 if is_split else -1])
    batch, height, width, _ = deep
    shape = (batch, height, width, block, block, whole[3])
    row, pixel = whole[2] * whole[3], whole[3]
    in_whole = [whole[1] * row, block * row, block * pixel, row, pixel, 1]
    pair = (in_whole, contiguous(shape))
    return _moved(lowering, shape, *(pair if is_split else pair[::-1]))


def _joined(lowering: Lowering, axis: int, parts: Sequence[Shape], joins: bool) -> list[Call] | None:
    """Parts one after another along an axis, put together or taken apart."""
    specs = [spec for spec in (lowering.inputs if joins else lowering.outputs) if spec is not None]
    whole = lowering.outputs[0] if joins else lowering.input(1 if isinstance(lowering.kernel, Split) else 0)
    size, calls, offset = whole.dtype.itemsize, [], 0
    if whole.dtype.kind == "O":
        return None
    dims = list(parts[0])
    dims[axis] = sum(part[axis] for part in parts)
    strides = contiguous(dims)
    tables = lowering.kernel.tables if isinstance(lowering.kernel, Concatenation) else [None] * len(parts)
    for spec, part, table in zip(specs, parts, tables, strict=True):
        inside = Tensor(whole.index, offset * strides[axis] * size)
        offset += part[axis]
        if not spec.size:
            continue
        if table is not None:
            calls += _requantized(spec, inside, part, strides, table)
            continue
        ends = (Tensor(spec.index), inside) if joins else (inside, Tensor(spec.index))
        steps = (contiguous(part), strides) if joins else (strides, contiguous(part))
        calls.append(copy(*ends, part, *steps, size))
    return _calls(*calls)


def _requantized(
    spec: TensorSpec, out: Tensor, dims: Shape, strides: list[int], table: np.ndarray
) -> list[Call | None]:
    """Bytes by table to a part of the output; by way of scratch memory where that is not one piece."""
    own, slots = contiguous(dims), table_slots(table)
    if all(dim == 1 or step == steps for dim, step, steps in zip(dims, own, strides, strict=True)):
        return [pieces_call(Tensor(spec.index), out, spec.size, "tables.bytes", slots)]
    call = pieces_call(Tensor(spec.index), Scratch(), spec.size, "tables.bytes", slots)
    moved = copy(Scratch(), out, dims, own, strides, 1)
    scratch_bytes = -(-spec.size // 64) * 64 + 64
    return [None if each is None else replace(each, scratch_bytes=scratch_bytes) for each in (call, moved)]


@lowers(Concatenation)
def concatenation(lowering: Lowering) -> list[Call] | None:
    """One copy for each operand that is not empty; a table and a copy where it has another scale."""
    parts = [spec.dims for spec in lowering.inputs if spec is not None]
    return _joined(lowering, lowering.kernel.axis, parts, True) if parts[0] else None


@lowers(Pack, Unpack)
def stacked(lowering: Lowering) -> list[Call] | None:
    """As parts of size 1."""
    axis, joins = lowering.kernel.axis, isinstance(lowering.kernel, Pack)
    specs = lowering.inputs if joins else lowering.outputs
    parts = [(*spec.dims[:axis], 1, *spec.dims[axis:]) for spec in specs if spec is not None]
    return _joined(lowering, axis, parts, joins)


@lowers(Split, SplitV)
def split(lowering: Lowering) -> list[Call] | None:
    """One copy for each output that is not empty."""
    return _joined(lowering, lowering.kernel.axis, [spec.dims for spec in lowering.outputs], False)


@lowers(Pad, PadV2)
def pad(lowering: Lowering) -> list[Call] | None:
    """The inside, and the border in parts: of each dimension what lies before and after it, all of those behind it."""
    kernel, input, output, value = lowering.kernel, lowering.input(0), lowering.outputs[0], lowering.given(2)
    if output.size == 0:
        return []
    if value is not None and value.value is None:
        return None
    given = None if value is None else value.value
    filling = np.array(kernel.pad_value if given is None else given.ravel()[0]).astype(input.dtype)
    size, strides = input.dtype.itemsize, contiguous(output.dims)
    if size not in _SIZES:
        return None
    pattern = padded(np.full(32 // size, filling, input.dtype))
    origin = sum(before * step for (before, _), step in zip(kernel.paddings, strides, strict=True))
    calls: list[Call | None] = []
    start = 0
    for axis, (before, after) in enumerate(kernel.paddings):
        for begin, count in ((0, before), (before + input.dims[axis], after)):
            shape = (*input.dims[:axis], count, *output.dims[axis + 1 :])
            if prod(shape):
                out = Tensor(output.index, (start + begin * strides[axis]) * size)
                calls.append(copy(pattern, out, shape, strides, strides, size, fills=True))
        start += before * strides[axis]
    if input.size:
        inside = Tensor(output.index, origin * size)
        calls.append(copy(Tensor(input.index), inside, input.dims, contiguous(input.dims), strides, size))
    return _calls(*calls)
