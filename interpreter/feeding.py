"""Giving an interpreter its inputs: reshaped to them, allocated and filled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["feed"]


def feed(interpreter: Any, inputs: Sequence[np.ndarray]) -> None:
    """Makes an interpreter ready to run on inputs, one for each of the model's, in its order.

    interpreter: anything with the official interface. Raises what its methods raise, ValueError for another number of
    inputs.
    """
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        if tuple(detail["shape"]) != value.shape:
            interpreter.resize_tensor_input(detail["index"], value.shape)
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
