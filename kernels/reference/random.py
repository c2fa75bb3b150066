"""Random numbers: RANDOM_UNIFORM, RANDOM_STANDARD_NORMAL, MULTINOMIAL, STABLEHLO_RNG_BIT_GENERATOR.

The same seeds give the same numbers as the official kernels. Generators: `counter_random.py`.
Semantics: LiteRT tflite/kernels/{random_ops,rng_bit_generator}.cc, TSL lib/random/random_distributions_utils.h.
"""

from __future__ import annotations

import secrets

import numpy as np

from litejit.kernels.counter_random import PhiloxStream, philox4x32, threefry2x32
from litejit.kernels.fixedpoint import wrap32
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.reference.c_library import cosine, logarithm, sine
from litejit.kernels.registry import builtin
from litejit.schema import (
    BuiltinOperator,
    RandomOptions,
    RngAlgorithm,
    StablehloRngBitGeneratorOptions,
    TensorType,
)
from litejit.schema.errors import InvalidInputError

__all__ = ["Multinomial", "RandomStandardNormal", "RandomUniform", "RngBitGenerator"]


def uniform(bits: np.ndarray) -> np.ndarray:
    """uint32 -> float32 in [0, 1): the low 23 bits."""
    return ((bits & 0x7FFFFF) | (127 << 23)).astype(np.uint32).view(np.float32) - np.float32(1)


def uniform_double(bits: np.ndarray) -> np.ndarray:
    """[n, 2] uint32 -> [n] float64 in [0, 1): the low 20 bits of the first word, then the second one."""
    mantissa = ((bits[:, 0] & 0xFFFFF).astype(np.uint64) << np.uint64(32)) | bits[:, 1]
    return (mantissa | np.uint64(1023 << 52)).view(np.float64) - 1.0


def normal(bits: np.ndarray) -> np.ndarray:
    """[n, 2] uint32 -> [n, 2] float32 of mean 0 and variance 1, by the Box-Muller transform."""
    first = np.maximum(uniform(bits[:, 0]), np.float32(1e-7))
    angle = (2 * np.pi * uniform(bits[:, 1]).astype(np.float64)).astype(np.float32)
    radius = np.sqrt(np.float32(-2) * logarithm(first))
    return np.stack([sine(angle), cosine(angle)], axis=1) * radius[:, None]


class Random(Kernel):
    """Base: the generator starts anew with every preparation, and goes on from invoke to invoke.

    The official runtime prepares an operator again when the result of an earlier one, whose shape depends on data, has
    changed its shape since the last invoke; and with each run of the operator that calls its subgraph.
    Only the low 32 bits of the seeds count, as a signed number; 0 and 0 stand for random seeds. Derived: stream.
    """

    options: RandomOptions
    stateful = True
    flavours = ALL_FLAVOURS

    def restart(self) -> None:
        """Makes the generator."""
        seed, seed2 = (int(wrap32(seed)) for seed in (self.options.seed, self.options.seed2))
        if seed == seed2 == 0:
            seed, seed2 = secrets.randbits(64), secrets.randbits(64)
        self.stream = PhiloxStream(seed, seed2)


class RandomNumbers(Random):
    """Base: shape: int32 [rank] -> float32 of that shape."""

    types = (TensorType.INT32,)

    def prepare(self, node: Node) -> None:
        """Seeds; a shape known only at run time must not restart the generator, so it is not asked for here."""
        shape = node.input("shape", rank=1)
        node.output(None if shape.value is None else shape.value, types=TensorType.FLOAT32)
        self.limit = node.context.limits.tensor_bytes
        self.restart()

    def bits(self, shape: np.ndarray) -> np.ndarray:
        """[blocks, 4] random words, at least one for each element."""
        if (shape < 0).any():
            raise InvalidInputError(f"the shape {shape.tolist()} has a negative dimension")
        size = self.size(shape)
        if 4 * size > self.limit:
            raise InvalidInputError(f"the shape {shape.tolist()} is beyond the limit of {self.limit} bytes")
        return self.stream.draw(-(-size // 4))

    @staticmethod
    def size(shape: np.ndarray) -> int:
        """Number of elements, whatever it is."""
        return int(np.prod(shape.astype(object))) if shape.size else 1


@builtin(BuiltinOperator.RANDOM_UNIFORM)
class RandomUniform(RandomNumbers):
    """Uniform numbers in [0, 1)."""

    def __call__(self, shape: np.ndarray) -> np.ndarray:
        """Draws."""
        return uniform(self.bits(shape)).reshape(-1)[: self.size(shape)].reshape(shape)


@builtin(BuiltinOperator.RANDOM_STANDARD_NORMAL)
class RandomStandardNormal(RandomNumbers):
    """Numbers of mean 0 and standard deviation 1."""

    def __call__(self, shape: np.ndarray) -> np.ndarray:
        """Draws."""
        return normal(self.bits(shape).reshape(-1, 2)).reshape(-1)[: self.size(shape)].reshape(shape)


@builtin(BuiltinOperator.MULTINOMIAL)
class Multinomial(Random):
    """logits: [batch, classes] float32, num_samples: one int32 -> [batch, num_samples] int32 or int64 class indices.

    A class is drawn with a probability proportional to exp(logit); infinite logits and not a number count as 0.
    """

    types = (TensorType.FLOAT32,)
    drawn_blocks = 512
    """Blocks of the generator that each group of four samples takes away, far more than are used."""

    def prepare(self, node: Node) -> None:
        """Seeds; as in `RandomNumbers` the number of samples is not asked for here."""
        logits = node.input("logits", rank=2)
        samples = node.input("num_samples", types=TensorType.INT32, rank=0)
        node.require(logits.dims[1] > 0, "operand 'logits' has shape {}, expected at least one class", logits.dims)
        known = logits.value is not None and samples.value is not None
        shape = (logits.dims[0], int(samples.value)) if known else None  # type: ignore[arg-type]
        self.dtype = node.output(shape, types=(TensorType.INT32, TensorType.INT64)).dtype
        self.limit = node.context.limits.tensor_bytes
        self.restart()

    def __call__(self, logits: np.ndarray, num_samples: np.ndarray) -> np.ndarray:
        """Draws from each row's cumulative distribution."""
        batch, samples = logits.shape[0], int(num_samples)
        if samples < 0 or batch * samples * 16 > self.limit:
            raise InvalidInputError(f"num_samples is {samples} for a batch of {batch}, too few or too many")
        bits = self.stream.peek(-(-batch * samples // 2))
        self.stream.skip(batch * (-(-samples // 4) * 4) * self.drawn_blocks)
        finite = np.isfinite(logits)
        largest = np.max(logits, axis=1, initial=np.finfo(np.float32).min, where=finite).astype(np.float64)
        weights = np.zeros(logits.shape)
        np.exp(logits - largest[:, None], out=weights, where=finite)
        cumulative = np.cumsum(weights, axis=1)
        points = uniform_double(bits.reshape(-1, 2))[: batch * samples].reshape(batch, samples)
        rows = [
            np.searchsorted(row, point * row[-1], side="right") for row, point in zip(cumulative, points, strict=True)
        ]
        return np.array(rows, self.dtype).reshape(batch, samples)


@builtin(BuiltinOperator.STABLEHLO_RNG_BIT_GENERATOR)
class RngBitGenerator(Kernel):
    """initial_state: uint64 [2] or [3] -> the state after, and random bits of the declared static shape.

    state = key, counter of blocks and, with PHILOX, the high half of the counter, which is the key where it is left
    out. THREE_FRY makes blocks of two words, PHILOX (also DEFAULT) of four; an unfinished block is dropped.
    """

    options: StablehloRngBitGeneratorOptions
    types = (TensorType.UINT64,)
    n_outputs = 2
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Checks the state's size."""
        state = node.input("initial_state", rank=1)
        algorithms = {RngAlgorithm.THREEFRY: (2,), RngAlgorithm.PHILOX: (2, 3), RngAlgorithm.DEFAULT: (2, 3)}
        sizes = algorithms[self.options.algorithm]
        node.require(state.dims[0] in sizes, "initial_state has shape {}, expected one of {}", state.dims, sizes)
        key = node.declared[0]
        node.require(key.shape == state.dims, "{} is declared with shape {}, expected {}", key, key.shape, state.dims)
        self.threefry = self.options.algorithm == RngAlgorithm.THREEFRY
        node.output(state.dims, at=0, types=TensorType.UINT64)
        types = (TensorType.INT32, TensorType.INT64, TensorType.UINT32, TensorType.UINT64)
        declared = node.declared[1]
        output = node.output(declared.dims, at=1, types=types)
        self.dtype, self.shape, self.words = output.dtype, output.dims, output.size * output.dtype.itemsize // 4

    def __call__(self, initial_state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Generates."""
        key, counter = int(initial_state[0]), int(initial_state[1])
        blocks = -(-self.words // (2 if self.threefry else 4))
        low = np.uint64(counter) + np.arange(blocks, dtype=np.uint64)
        if self.threefry:
            words = threefry2x32(key, low)
        else:
            words = philox4x32(key, low, np.full(blocks, initial_state[-1 if initial_state.size == 3 else 0]))
        state = initial_state.copy()
        state[1] = (counter + blocks) % (1 << 64)
        return state, words.reshape(-1)[: self.words].view(self.dtype).reshape(self.shape)
