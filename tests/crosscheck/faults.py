"""Kernels broken on purpose: each is a function to give to `Interpreter(kernels={index: fault})`."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from litejit.kernels.reference.output_stage import Rescaling

__all__ = ["FAULTS"]

Fault = Callable[..., np.ndarray]
FAULTS: dict[str, Fault] = {}


def fault(function: Fault) -> Fault:
    FAULTS[function.__name__] = function
    return function


def changed(kernel: Any, **attributes: Any) -> Any:
    """A copy of a prepared kernel with other attributes."""
    result = copy.copy(kernel)
    for name, value in attributes.items():
        setattr(result, name, value)
    return result


def with_stage(kernel: Any, **fields: Any) -> Any:
    stage = replace(kernel.products.stage, **fields)
    return changed(kernel, products=replace(kernel.products, stage=stage))


@fault
def rounded_once(*operands: Any, kernel: Any) -> np.ndarray:
    real = kernel.products.stage.rescale.real
    return with_stage(kernel, rescale=Rescaling.by("single", real))(*operands)


@fault
def rounded_in_float32(*operands: Any, kernel: Any) -> np.ndarray:
    real = kernel.products.stage.rescale.real
    return with_stage(kernel, rescale=Rescaling.by("float32", real))(*operands)


@fault
def zero_point_ignored(*operands: Any, kernel: Any) -> np.ndarray:
    products = replace(kernel.products, zero_point=0, low=-255, high=255)
    return changed(kernel, products=products)(*operands)


@fault
def output_zero_point_ignored(*operands: Any, kernel: Any) -> np.ndarray:
    return with_stage(kernel, zero_point=0)(*operands)


@fault
def column_of_padding_shifted(*operands: Any, kernel: Any) -> np.ndarray:
    height, width = kernel.windows
    return changed(kernel, windows=(height, replace(width, before=width.before - 1)))(*operands)


@fault
def row_of_padding_shifted(*operands: Any, kernel: Any) -> np.ndarray:
    height, width = kernel.windows
    return changed(kernel, windows=(replace(height, before=height.before - 1), width))(*operands)


@fault
def bias_left_out(*operands: Any, kernel: Any) -> np.ndarray:
    return kernel(*operands[:-1], np.zeros_like(operands[-1]))


@fault
def one_channel_wrong(*operands: Any, kernel: Any) -> np.ndarray:
    result = kernel(*operands).copy()
    result[..., -1] = result[..., 0]
    return result


@fault
def last_element_off_by_one(*operands: Any, kernel: Any) -> np.ndarray:
    result = kernel(*operands).copy()
    last = int(result.flat[-1])
    result.flat[-1] = last - 1 if last > 0 else last + 1
    return result


@fault
def transposed(*operands: Any, kernel: Any) -> np.ndarray:
    return np.ascontiguousarray(kernel(*operands).swapaxes(1, 2))


@fault
def divisor_too_large(*operands: Any, kernel: Any) -> np.ndarray:
    return changed(kernel, divisor=kernel.divisor + 1)(*operands)


@fault
def relative_error(*operands: Any, kernel: Any) -> np.ndarray:
    return kernel(*operands) * np.float32(1.001)


@fault
def negative_flushed(*operands: Any, kernel: Any) -> np.ndarray:
    return np.maximum(kernel(*operands), 0)
