"""Argument block of LSTM cells. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["LSTM"]

LSTM = Layout(
    # steps; gates of a cell; elements of the state; packed recurrent weights; zeros for tables of offsets
    "time gates cells panels panel_bytes weights stage zeros "
    # tables of 2^16 int16: logistic, tanh of a gate, tanh of the state; how the hidden state is rescaled
    "sigmoid squash state_squash mantissa exponent zero_point cell_shift clip "
    # states; products of the inputs, and outputs: bytes from step to step, from batch to batch
    "h c sums sums_time sums_batch out out_time out_batch row_bytes scratch scratch_bytes"
)
"""LSTM cells over sequences."""
