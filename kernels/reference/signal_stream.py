"""Streams of tflite-micro's audio front ends: operators that remember samples from one invoke to the next.

SignalFramer, SignalOverlapAdd, SignalDelay, SignalStacker. Their memory starts anew at every allocation.
Semantics: tflite-micro signal/micro/kernels and signal/src, files of the same names. Options are FlexBuffers maps.
"""

from __future__ import annotations

from math import prod

import numpy as np

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.reference.custom_options import number
from litejit.kernels.registry import custom
from litejit.schema import TensorType, decode_flexbuffer

__all__ = ["SignalDelay", "SignalFramer", "SignalOverlapAdd", "SignalStacker"]


class _Stream(Kernel):
    types = (TensorType.INT16,)
    flavours = ALL_FLAVOURS
    stateful = True

    def _length(self, node: Node, name: str, low: int, high: int = 1 << 30) -> int:
        value = int(number(node, decode_flexbuffer(node.options), name))
        node.require(low <= value <= high, "custom option '{}' is {}, expected {} to {}", name, value, low, high)
        return value


@custom("SignalFramer")
class SignalFramer(_Stream):
    """input: [..., samples] int16 -> [..., samples / frame_step, frame_size] overlapping frames; whether all are whole.

    Every frame_step samples there is a frame of the newest frame_size samples. While there are not that many the frame
    is 0 (tflite-micro leaves it as it was), unless prefill has put zeros before the first sample.
    Options: frame_size, frame_step, prefill.
    """

    n_outputs = 2

    def prepare(self, node: Node) -> None:
        """samples: [rows, memory], what is remembered."""
        x = node.input("input")
        self.frame_size = self._length(node, "frame_size", 1)
        self.frame_step = step = self._length(node, "frame_step", 1, self.frame_size)
        prefill = bool(number(node, decode_flexbuffer(node.options), "prefill"))
        node.require(
            x.rank >= 1 and x.dims[-1] >= step and x.dims[-1] % step == 0,
            "the input has shape {}, expected a multiple of frame_step {} samples",
            x.dims,
            step,
        )
        self.shape = node.output((*x.dims[:-1], x.dims[-1] // step, self.frame_size), types=TensorType.INT16).dims
        node.output((), at=1, types=TensorType.BOOL)
        self.samples = np.zeros((prod(x.dims[:-1]), self.frame_size - step if prefill else 0), np.int16)

    def __call__(self, input: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The frames, and whether they are all whole."""
        new = input.reshape(-1, input.shape[-1])
        frames = np.zeros((new.shape[0], self.shape[-2], self.frame_size), np.int16)
        valid = True
        for at, start in enumerate(range(0, new.shape[1], self.frame_step)):
            self.samples = np.concatenate([self.samples, new[:, start : start + self.frame_step]], axis=1)
            if self.samples.shape[1] >= self.frame_size:
                frames[:, at] = self.samples[:, : self.frame_size]
                self.samples = self.samples[:, self.frame_step :]
            else:
                valid = False
        return frames.reshape(self.shape), np.array(valid or new.shape[0] == 0)


@custom("SignalOverlapAdd")
class SignalOverlapAdd(_Stream):
    """input: [..., frames, frame_size] int16 or float32 -> [..., frames * frame_step]: frames laid over each other,
    frame_step samples apart, and added; int16 saturates. Option: frame_step.
    """

    types = (TensorType.INT16, TensorType.FLOAT32)

    def prepare(self, node: Node) -> None:
        """pending: [rows, frame_size], what later frames are added to."""
        x = node.input("input")
        node.require(x.rank >= 2, "the input has shape {}, expected frames", x.dims)
        *outer, frames, size = x.dims
        self.frame_step = self._length(node, "frame_step", 1, size)
        options = decode_flexbuffer(node.options)
        type_option = int(number(node, options, "T", x.type))
        node.require(type_option == x.type, "option 'T' is {}, the input is {} ({})", type_option, x.type.name, x.type)
        self.shape = node.output((*outer, frames * self.frame_step), types=x.type).dims
        self.pending = np.zeros((prod(outer), size), x.dtype)

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The samples that are complete."""
        rows, size = self.pending.shape
        frames = input.reshape(rows, input.shape[-2], size)
        complete = np.empty((rows, frames.shape[1], self.frame_step), input.dtype)
        for at in range(frames.shape[1]):
            if input.dtype == np.int16:
                total = np.clip(frames[:, at].astype(np.int32) + self.pending, -32768, 32767).astype(np.int16)
            else:
                total = self.pending + frames[:, at]
            complete[:, at] = total[:, : self.frame_step]
            self.pending = np.pad(total[:, self.frame_step :], ((0, 0), (0, self.frame_step)))
        return complete.reshape(self.shape)


@custom("SignalDelay")
class SignalDelay(_Stream):
    """input: [..., samples] int16 -> the same, delay_length samples later; zeros at first. Option: delay_length."""

    def prepare(self, node: Node) -> None:
        """samples: [rows, delay_length], what is yet to come."""
        x = node.input("input")
        node.require(x.rank >= 1 and x.dims[-1] >= 1, "the input has shape {}, expected samples", x.dims)
        self.samples = np.zeros((prod(x.dims[:-1]), self._length(node, "delay_length", 0)), np.int16)
        node.output(x.dims, types=TensorType.INT16)

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        samples = np.concatenate([self.samples, input.reshape(-1, input.shape[-1])], axis=1)
        self.samples = samples[:, input.shape[-1] :]
        return samples[:, : input.shape[-1]].reshape(input.shape)


@custom("SignalStacker")
class SignalStacker(_Stream):
    """input: [num_channels] int16 -> frames before, the frame and frames after it side by side; whether there are all.

    stacker_left_context frames before (the first frame stands for those before it), stacker_right_context after; the
    next output follows stacker_step frames later. Without an output it is 0 (tflite-micro leaves it as it was).
    Options: these three and num_channels.
    """

    n_outputs = 2

    def prepare(self, node: Node) -> None:
        """frames: what is remembered."""
        node.input("input", rank=1)
        channels = self._length(node, "num_channels", 1)
        node.input("input", shape=(channels,))
        self.left = self._length(node, "stacker_left_context", 0)
        self.count = self.left + self._length(node, "stacker_right_context", 0) + 1
        self.step = self._length(node, "stacker_step", 1, self.count)
        self.frames = np.zeros((0, channels), np.int16)
        node.output((self.count * channels,), types=TensorType.INT16)
        node.output((), at=1, types=TensorType.BOOL)
        self.started = False

    def __call__(self, input: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The stack, and whether it is whole."""
        new = np.tile(input, (1 if self.started else self.left + 1, 1))
        self.started = True
        self.frames = np.concatenate([self.frames, new])
        if len(self.frames) < self.count:
            return np.zeros(self.count * input.size, np.int16), np.array(False)
        stack = self.frames[: self.count].ravel()
        self.frames = self.frames[self.step :]
        return stack, np.array(True)
