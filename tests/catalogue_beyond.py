"""A small valid problem for every operator that litejit has and the official Python runtime has not."""

from __future__ import annotations

from typing import Any

import numpy as np

from litejit import ModelBuilder
from litejit.schema import encode_flexbuffer
from litejit.testing import Input, Problem, out, single_op

__all__ = ["BEYOND"]

BEYOND: dict[str, list[Problem]] = {}
"""Operator (the name of a custom one) -> problems."""


def signal(name: str, operands: list[Any], outputs: list[Any], **options: Any) -> None:
    data = encode_flexbuffer(options)
    BEYOND[name] = [single_op(name, [Input(v) for v in operands], outputs, custom=True, custom_options=data)]


_SAMPLES = (np.arange(8) * 1000 - 3000).astype(np.int16)
_ENERGY = np.arange(6, dtype=np.uint32) * 50
_BYTES4, _HALVES = out(np.uint32, shape=(6,)), out(np.int16, shape=(8,))
_VALID = out(np.bool_, shape=())
signal("SignalWindow", [_SAMPLES, _SAMPLES], [_HALVES], shift=12)
signal("SignalRfft", [_SAMPLES], [out(np.int16, shape=(10,))], fft_length=8)
signal("SignalIrfft", [_SAMPLES], [out(np.int16, shape=(6,))], fft_length=6)
signal("SignalFftAutoScale", [_SAMPLES], [_HALVES, out(np.int32, shape=())])
signal("SignalEnergy", [_SAMPLES], [out(np.uint32, shape=(4,))], start_index=1, end_index=3)
_STARTS = np.array([0, 1, 3], np.int16)
signal("SignalFilterBank", [_ENERGY, _SAMPLES, _SAMPLES, _STARTS, _STARTS, _STARTS[::-1].copy()],
       [out(np.uint64, shape=(2,))], num_channels=2)  # fmt: skip
signal("SignalFilterBankSquareRoot", [_ENERGY.astype(np.uint64), np.array(1, np.int32)], [_BYTES4])
signal("SignalFilterBankSpectralSubtraction", [_ENERGY], [_BYTES4] * 2, alternate_one_minus_smoothing=15000,
       alternate_smoothing=1384, clamping=False, min_signal_remaining=800, num_channels=6, one_minus_smoothing=16000,
       smoothing=384, smoothing_bits=10, spectral_subtraction_bits=14)  # fmt: skip
signal("SignalFilterBankLog", [_ENERGY], [out(np.int16, shape=(6,))], output_scale=1600, input_correction_bits=3)
signal("SignalPCAN", [_ENERGY, _ENERGY, np.arange(125).astype(np.int16)], [_BYTES4], snr_shift=6)
signal("SignalFramer", [_SAMPLES], [out(np.int16, shape=(4, 3)), _VALID], frame_size=3, frame_step=2, prefill=True)
signal("SignalOverlapAdd", [_SAMPLES.reshape(2, 4)], [out(np.int16, shape=(6,))], frame_step=3)
signal("SignalDelay", [_SAMPLES], [_HALVES], delay_length=3)
signal("SignalStacker", [_SAMPLES], [_HALVES, _VALID], num_channels=8, stacker_left_context=0,
       stacker_right_context=0, stacker_step=1)  # fmt: skip


def stablehlo(name: str, operands: list[Any], outputs: list[Any] | None = None, **options: Any) -> None:
    name = f"STABLEHLO_{name}"
    BEYOND[name] = [single_op(name, [Input(v) for v in operands], outputs, **options)]


_X = np.linspace(0.5, 3, 6, dtype=np.float32).reshape(2, 3)
for _name in ("LOGISTIC", "ABS", "COSINE", "EXPONENTIAL", "FLOOR", "LOG", "NEGATE", "RSQRT", "TANH", "CBRT"):
    stablehlo(_name, [_X])
for _name in ("SUBTRACT", "DIVIDE", "POWER", "REMAINDER"):
    stablehlo(_name, [_X, _X[::-1].copy()])
_START = np.array(1, np.int32)
stablehlo("OR", [_SAMPLES, _SAMPLES[::-1].copy()])
stablehlo("COMPARE", [_X, _X], [out(np.bool_)], comparison_direction="STABLEHLO_COMPARISON_DIRECTION_LE")
stablehlo("SELECT", [_X > 1, _X, -_X], [out(shape=(2, 3))])
stablehlo("CLAMP", [np.float32(1), _X, np.float32(2)], [out(shape=(2, 3))])
stablehlo("CONVERT", [_X], [out(np.int32)])
stablehlo("RESHAPE", [_X], [out(shape=(3, 2))])
stablehlo("TRANSPOSE", [_X], [out(shape=(3, 2))], permutation=[1, 0])
stablehlo("CONCATENATE", [_X, _X], [out(shape=(2, 6))], dimension=1)
stablehlo("BROADCAST_IN_DIM", [_X], [out(shape=(3, 4, 2))], broadcast_dimensions=[2, 0])
stablehlo("IOTA", [], [out(np.int32, shape=(2, 4))], iota_dimension=1)
stablehlo("SLICE", [_X], [out()], start_indices=[0, 1], limit_indices=[2, 3], strides=[1, 2])
stablehlo("DYNAMIC_SLICE", [_X, _START, _START], [out()], slice_sizes=[1, 2])
stablehlo("DYNAMIC_UPDATE_SLICE", [_X, _X[:1, :1], _START, _START])
stablehlo("DOT_GENERAL", [_X, _X], [out()], lhs_contracting_dimensions=[1], rhs_contracting_dimensions=[1],
          lhs_batching_dimensions=[], rhs_batching_dimensions=[])  # fmt: skip


def _loop() -> Problem:
    """x doubles until it is above 100."""
    b = ModelBuilder()
    x = b.input("x", (1,), np.float32)
    cond, body = b.subgraph("cond"), b.subgraph("body")
    y, limit = cond.input("x", (1,), np.float32), cond.constant(np.array([100], np.float32))
    cond.output(cond.op("LESS", [y, limit], [{"shape": (1,), "dtype": np.bool_}]))
    y = body.input("x", (1,), np.float32)
    body.output(body.op("ADD", [y, y]))
    b.output(b.op("STABLEHLO_WHILE", [x], cond_subgraph_index=cond.index, body_subgraph_index=body.index))
    return Problem(b.to_bytes(), [np.ones(1, np.float32)], "STABLEHLO_WHILE")


def _with_region(name: str, operands: list[Any], region: str, result: Any, **options: Any) -> Problem:
    """An operator whose subgraph is one operator of two numbers."""
    b = ModelBuilder()
    handles = [b.input(None, x.shape, x.dtype) for x in operands]
    inner = b.subgraph("region")
    numbers = [inner.input(None, (), np.float32) for _ in range(2)]
    inner.output(inner.op(region, numbers, [out(result)]))
    b.output(
        b.op(
            name,
            handles,
            [out()],
            **options,
            **{f"{'body' if name.endswith('E') else 'comparator'}_subgraph_index": inner.index},
        )
    )
    return Problem(b.to_bytes(), operands, name)


BEYOND["STABLEHLO_REDUCE"] = [_with_region("STABLEHLO_REDUCE", [_X, np.float32(2)], "ADD", np.float32, dimensions=[1])]
BEYOND["STABLEHLO_SORT"] = [_with_region("STABLEHLO_SORT", [-_X], "LESS", np.bool_, dimension=1)]
_ORDER = {"batch": 0, "feature": 1}
stablehlo(
    "CONVOLUTION",
    [_X.reshape(1, 2, 3), _X.reshape(3, 2, 1)],
    [out()],
    **{f"{side}_{part}_dimension": at for side in ("input", "output") for part, at in _ORDER.items()},
    **{f"{side}_spatial_dimensions": [2] for side in ("input", "kernel", "output")},
    kernel_output_feature_dimension=0,
    kernel_input_feature_dimension=1,
)
BEYOND["STABLEHLO_WHILE"] = [_loop()]
