"""Checking what a user passes in as the value of a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from litejit.kernels.tensor_spec import TensorSpec
from litejit.schema.errors import InvalidInputError

__all__ = ["as_tensor_value"]


def as_tensor_value(value: Any, spec: TensorSpec) -> np.ndarray:
    """Value as an array, itself where it is one; InvalidInputError when dtype or shape are not the tensor's."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"Cannot set tensor: {spec}: the value is not an array: {error}") from None
    if array.shape != spec.shape:
        raise InvalidInputError(
            f"Cannot set tensor: Dimension mismatch. Got shape {array.shape} but expected {spec.shape} for {spec}."
        )
    expected = spec.dtype
    if expected.hasobject:
        return _strings(array, spec)
    if array.dtype != expected:
        raise InvalidInputError(
            f"Cannot set tensor: Got value of type {array.dtype.name} but expected type {expected.name} for {spec}"
        )
    return array


def _strings(array: np.ndarray, spec: TensorSpec) -> np.ndarray:
    """Strings of any NumPy kind (str is encoded as UTF-8) as an object array of bytes."""
    if array.dtype.kind not in "SUO":
        raise InvalidInputError(
            f"Cannot set tensor: Got value of type {array.dtype.name} but expected strings for {spec}"
        )
    result = np.empty(array.shape, object)
    for at, item in np.ndenumerate(array):
        if not isinstance(item, (bytes, str)):
            raise InvalidInputError(
                f"Cannot set tensor: {spec}: element {at} is {type(item).__name__}, expected bytes or str"
            )
        result[at] = item.encode() if isinstance(item, str) else bytes(item)
    return result
