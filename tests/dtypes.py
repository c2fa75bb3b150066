"""Every problem of the catalogue in every type: the cases of tests/test_dtypes.py.

cases("ADD", 0) -> ("operand 1 INT16", mutant, INT16), …: one operand or output in another type, or all that share one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from litejit.schema import QuantizationParameters, TensorType
from litejit.schema.types import BITS_OF, HANDLE_TYPES, numpy_dtype
from tests.catalogue import CATALOGUE
from tests.mutant import Mutant

__all__ = ["TYPES", "Case", "cases", "give_type"]

TYPES = [type for type in TensorType if type not in HANDLE_TYPES]
_QUANTIZED = (TensorType.INT8, TensorType.UINT8, TensorType.INT16, TensorType.INT4, TensorType.INT2, TensorType.UINT4)
_UNFEEDABLE = (*BITS_OF, TensorType.FLOAT8_E4M3FN, TensorType.FLOAT8_E5M2)
"""The official runtime has no arrays of these for inputs; constants may have them."""
_SAMPLED = (TensorType.FLOAT16, TensorType.INT32, TensorType.INT8, TensorType.BOOL)
_MANY = 6
"""Operands from here on are tried in the sampled types only: recurrent operators have dozens."""


@dataclass
class Case:
    """A problem in other types: what was changed, and the type that was given."""

    label: str
    mutant: Mutant
    type: TensorType


def cases(name: str, at: int) -> Iterator[Case]:
    """Those of one problem of the catalogue that the format can hold."""
    problem = CATALOGUE[name][at]
    base = Mutant(problem, name)
    sets: dict[str, list[int]] = {}
    for position, index in enumerate(map(int, base.operator.inputs)):
        if index >= 0 and base.tensors[index].sparsity is None:
            sets[f"operand {position}"] = [index]
    for position, index in enumerate(map(int, base.operator.outputs)):
        sets[f"output {position}"] = [index]
    shared: dict[TensorType, list[int]] = {}
    for (index,) in list(sets.values())[:_MANY]:
        shared.setdefault(base.tensors[index].type, []).append(index)
    sets |= {f"every {type.name}": indices for type, indices in shared.items() if len(indices) > 1}
    yield Case("unchanged", base, base.tensors[next(iter(sets.values()), [0])[0]].type)
    for count, (label, indices) in enumerate(sets.items()):
        for type in TYPES if count < _MANY or not label.startswith("operand") else _SAMPLED:
            if type == base.tensors[indices[0]].type:
                continue
            mutant = Mutant(problem, name)
            for index in dict.fromkeys(indices):
                give_type(mutant, index, type)
            yield Case(f"{label} {type.name}", mutant, type)


def give_type(mutant: Mutant, index: int, type: TensorType) -> None:
    """Another type, its values with it; floats and quantized numbers become quantized where the type may be.

    What cannot be fed becomes a constant.
    """
    tensor, value = mutant.tensors[index], mutant.value(index)
    old = tensor.quantization
    is_float = numpy_dtype(tensor.type).kind not in "iubO"
    quantized = type in _QUANTIZED and (is_float or (old is not None and old.scale is not None))
    scale = old.scale if old is not None and old.scale is not None and old.scale.size else np.float32([0.05])
    zero_point = old.zero_point if old is not None and old.zero_point is not None else np.zeros(scale.size, np.int64)
    if value is not None:
        mutant.put(index, _converted(value, tensor.type, type), type)
    tensor.type = type
    if tensor.type == TensorType.UINT8 and value is not None and value.dtype == np.int8:
        zero_point = zero_point + 128
    if type not in (TensorType.INT8, TensorType.UINT8):
        zero_point = np.zeros(scale.size, np.int64)
    dimension = old.quantized_dimension if old is not None else 0
    tensor.quantization = (
        QuantizationParameters(scale=scale, zero_point=_fitting(zero_point, type), quantized_dimension=dimension)
        if quantized or old is not None
        else None
    )
    if index in mutant.values and type in _UNFEEDABLE:
        mutant.close(index)


def _fitting(zero_point: np.ndarray, type: TensorType) -> np.ndarray:
    if numpy_dtype(type).kind not in "iu":
        return zero_point
    info = np.iinfo(numpy_dtype(type))
    return np.clip(zero_point, info.min, info.max).astype(np.int64)


def _converted(value: np.ndarray, old: TensorType, type: TensorType) -> np.ndarray:
    """Values that mean about the same and are in the range of the type; of floats, twenty times as much."""
    dtype = numpy_dtype(type)
    if old == type:
        return value
    if dtype.kind == "O":
        strings = np.empty(value.size, object)
        strings[:] = [b"%d" % at for at in range(value.size)]
        return strings.reshape(value.shape)
    if value.dtype.kind == "O":
        value = np.arange(value.size).reshape(value.shape)
    if value.dtype.kind == "c" and dtype.kind != "c":
        value = value.real
    if dtype.kind not in "iu":
        return value.astype(dtype)
    if value.dtype.kind == "f" or value.dtype.kind == "V":
        value = np.rint(value.astype(np.float64) * 20)
    if value.dtype == np.int8 and dtype == np.uint8 and type not in BITS_OF:
        return (value.astype(np.int64) + 128).astype(np.uint8)
    if type in BITS_OF:
        bits = BITS_OF[type]
        low = 0 if type == TensorType.UINT4 else -(1 << bits - 1)
        return (value.astype(np.int64) % (1 << bits) + low).astype(dtype)
    info = np.iinfo(dtype)
    if value.dtype.kind == "b" or value.dtype.kind == "u":
        return value.astype(dtype)
    return np.clip(value.astype(np.int64), info.min, min(info.max, 2**62)).astype(dtype)
