"""How far two tensors are apart, in every unit that people ask for."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from litejit.kernels.node import Quantization, TensorSpec

__all__ = ["Metrics", "measure", "real_values"]

HISTOGRAM_REACH = 16
"""Differences of more steps than this are counted in the outermost bins of a histogram."""


@dataclass
class Metrics:
    """One tensor of two runtimes. Numbers are None where they make no sense: for strings, or if shapes differ.

    problem: why the tensors cannot be compared element by element. different: how many elements are not equal.
    max_abs, rmse: in real units. max_steps: in quantization steps (integers: in units). max_ulp: in units in the last
    place (floats). snr: signal to noise in dB, infinite for equal tensors. histogram: steps of difference -> elements.
    diverges: whether the tensors differ by more than the tolerance for floats, or at all for everything else.
    """

    tensor: int
    name: str
    dtype: str
    shape: tuple[int, ...]
    other_dtype: str = ""
    other_shape: tuple[int, ...] = ()
    problem: str | None = None
    size: int = 0
    different: int = 0
    max_abs: float | None = None
    max_steps: float | None = None
    max_ulp: int | None = None
    rmse: float | None = None
    cosine: float | None = None
    snr: float | None = None
    at: int | None = None
    """Index of the (first) worst element, in the flattened tensor."""
    histogram: dict[int, int] = field(default_factory=dict)
    diverges: bool = False

    @property
    def equal(self) -> bool:
        """The same dtype, shape and values."""
        return self.problem is None and self.different == 0


def measure(ours: np.ndarray, theirs: np.ndarray, spec: TensorSpec, tolerance: float) -> Metrics:
    """Compares one tensor of two runtimes; ours is the reference. tolerance: for floats, relative to the largest one.

    A tensor that holds the same values in another shape with as many elements is compared, the shape is a problem.
    """
    result = Metrics(
        spec.index,
        spec.name,
        _type_name(ours),
        ours.shape,
        _type_name(theirs),
        theirs.shape,
        size=ours.size,
    )
    if ours.shape != theirs.shape:
        result.problem = f"shapes differ: {list(ours.shape)} and {list(theirs.shape)}"
    elif _is_text(ours) != _is_text(theirs) or (ours.dtype != theirs.dtype and not _is_text(ours)):
        result.problem = f"dtypes differ: {result.dtype} and {result.other_dtype}"
    if result.problem is not None:
        result.diverges = True
        if ours.size != theirs.size or _is_text(ours) or _is_text(theirs):
            return result
        theirs = theirs.reshape(ours.shape)
    if _is_text(ours):
        pairs = zip(ours.ravel(), theirs.ravel(), strict=True)
        result.different = sum(bytes(a) != bytes(b) for a, b in pairs)
        result.diverges = result.different > 0
    elif ours.size:
        with np.errstate(all="ignore"):
            _measure_numbers(result, ours, theirs, spec, tolerance)
    return result


def real_values(values: np.ndarray, quantization: Quantization | None) -> np.ndarray:
    """float64: what a tensor's values stand for."""
    real = values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)
    if quantization is None or quantization.scale.size == 0 or values.dtype.kind not in "iu":
        return real
    if quantization.block_size or quantization.scale.size not in (1, values.shape[quantization.axis]):
        return real
    shape = [1] * values.ndim
    if quantization.scale.size > 1:
        shape[quantization.axis] = -1
    scale = quantization.scale.astype(np.float64).reshape(shape)
    return (real - quantization.zero_point.reshape(shape)) * scale


def _measure_numbers(result: Metrics, ours: np.ndarray, theirs: np.ndarray, spec: TensorSpec, tolerance: float) -> None:
    a, b = real_values(ours, spec.quantization), real_values(theirs, spec.quantization)
    same = (ours == theirs) | ((ours != ours) & (theirs != theirs))
    result.different = int(ours.size - np.count_nonzero(same))
    error = np.where(same, 0.0, np.abs(a - b))
    error = np.where(np.isnan(error), np.inf, error)  # NaN on one side, or infinities of two signs
    result.at = int(error.argmax())
    result.max_abs = float(error.max())
    result.rmse = float(np.sqrt(np.mean(np.square(error))))
    result.cosine, result.snr = _cosine(a, b), _snr(a, error)
    if ours.dtype.kind in "fc":
        finite = np.abs(a[np.isfinite(a)])
        largest = float(finite.max()) if finite.size else 0.0
        result.diverges |= bool((error > tolerance * largest).any()) and result.different > 0
        result.max_ulp = None if ours.dtype.kind == "c" or theirs.dtype != ours.dtype else _ulp(ours, theirs, same)
    else:
        steps = theirs.astype(np.float64) - ours.astype(np.float64)
        result.max_steps = float(np.abs(steps).max())
        values, counts = np.unique(np.clip(steps, -HISTOGRAM_REACH, HISTOGRAM_REACH), return_counts=True)
        result.histogram = {int(value): int(count) for value, count in zip(values, counts, strict=True)}
        result.diverges |= result.different > 0


def _type_name(array: np.ndarray) -> str:
    return "string" if _is_text(array) else array.dtype.name


def _is_text(array: np.ndarray) -> bool:
    return array.dtype.kind in "OSU"


def _cosine(a: np.ndarray, b: np.ndarray) -> float | None:
    norms = float(np.linalg.norm(a.ravel()) * np.linalg.norm(b.ravel()))
    if norms == 0 or not np.isfinite(norms):
        return None
    return float(np.clip(np.real(np.vdot(a.ravel(), b.ravel())) / norms, -1, 1))


def _snr(a: np.ndarray, error: np.ndarray) -> float | None:
    noise = float(np.sum(np.square(error)))
    signal = float(np.sum(np.square(np.abs(a))))
    if noise == 0:
        return float("inf")
    if signal == 0 or not np.isfinite(signal):
        return None
    return float("-inf") if not np.isfinite(noise) else 10 * float(np.log10(signal / noise))


def _ulp(ours: np.ndarray, theirs: np.ndarray, same: np.ndarray) -> int | None:
    """The largest distance in units in the last place: how many floats lie between. Of numbers only, not of NaN."""
    numbers = ~(np.isnan(ours) | np.isnan(theirs))
    if not numbers.any():
        return None
    ordered_ours, ordered_theirs = (_ordered(array) for array in (ours, theirs))
    return int(np.where(numbers & ~same, np.abs(ordered_ours - ordered_theirs), 0).max())


def _ordered(array: np.ndarray) -> np.ndarray:
    """Floats as integers in the same order, neighbours 1 apart. float64 to the nearest 2**-10 of that."""
    bits = np.ascontiguousarray(array).view(f"i{array.dtype.itemsize}")
    wide = bits.astype(np.float64 if bits.dtype.itemsize == 8 else np.int64)
    # Negative floats count downwards from -0, which is 0 as well.
    return np.where(bits < 0, wide.dtype.type(np.iinfo(bits.dtype).min) - wide, wide)
