"""Problems of every operator with compiled code, drawn at random: what compiled kernels give is what the reference tier
gives, integers bit for bit.

A problem of the catalogue gets other dimensions, other values and other options, until the reference tier takes it.
LITEJIT_EXAMPLES is how many are drawn, 100 unless it is set; up to 100, they are the same ones each time.
LITEJIT_CHECKED=1 holds every access of a kernel against the memory that it was given.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litejit import Interpreter
from litejit.interpreter import OpResolverType
from litejit.kernels.float_bounds import Bound, float_bound
from litejit.kernels.jit.lowering import lowered_kernels
from litejit.kernels.registry import builtin_kernels, custom_kernels
from litejit.schema.errors import LitejitError
from litejit.testing import Problem, assert_within, run
from tests.catalogue import CATALOGUE
from tests.edges import edges
from tests.jit.equal import native_calls
from tests.jit.test_pointwise import CURVES
from tests.mutant import Mutant

USUAL = 100
EXAMPLES = int(os.environ.get("LITEJIT_EXAMPLES", USUAL))
SIZES = [1, 1, 2, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 48, 65, 127, 300]
LARGEST = 20_000
"""Elements of an operand."""
TRIES = 30

_KERNELS = {operator.name: kernel for operator, kernel in builtin_kernels().items()} | custom_kernels()
LOWERED = sorted(name for name in CATALOGUE if _KERNELS.get(name) in lowered_kernels())
BOUNDS = {name: Bound(ulp=ulp, absolute=atol) for name, (ulp, atol) in CURVES.items()}
BOUNDS |= {"SOFTMAX": Bound(ulp=64, absolute=3e-7), "LOG_SOFTMAX": Bound(ulp=64, absolute=4e-6)}
BOUNDS |= {name: Bound(ulp=16, absolute=1e-4) for name in ("SUM", "MEAN", "AVERAGE_POOL_2D")}
"""How far compiled floats may be from those of the reference tier, where sums and functions are not the same."""


def with_other_dimensions(mutant: Mutant, rng: np.random.Generator) -> None:
    """Every size of a dimension becomes another one, in all operands but those that say indices, axes and sizes."""
    operands = [int(index) for index in mutant.operator.inputs if index >= 0]
    named = [index for index in operands if mutant.tensors[index].sparsity is None and _is_data(mutant, index)]
    sizes = sorted({int(dim) for index in named for dim in mutant.tensors[index].shape})
    other = {size: size if rng.random() < 0.3 else int(rng.choice(SIZES)) for size in sizes}
    shapes = {index: tuple(other[int(dim)] for dim in mutant.tensors[index].shape) for index in named}
    while max((int(np.prod(shape)) for shape in shapes.values()), default=0) > LARGEST:
        other = {size: max(1, to // 2) for size, to in other.items()}
        shapes = {index: tuple(other[int(dim)] for dim in mutant.tensors[index].shape) for index in named}
    for index, shape in shapes.items():
        mutant.reshape(index, shape)
        quantization = mutant.tensors[index].quantization
        if quantization is not None and quantization.scale is not None and quantization.scale.size > 1:
            count = shape[quantization.quantized_dimension]
            mutant.tensors[index].quantization = replace(
                quantization,
                scale=np.resize(quantization.scale, count),
                zero_point=np.resize(quantization.zero_point, count),
            )


def _is_data(mutant: Mutant, index: int) -> bool:
    value, quantization = mutant.value(index), mutant.tensors[index].quantization
    is_quantized = quantization is not None and quantization.scale is not None
    return value is not None and (is_quantized or value.dtype.kind in "fb" or index in mutant.values)


def with_other_values(mutant: Mutant, rng: np.random.Generator) -> None:
    """Random numbers; integers that are not quantized stay among those that were there."""
    for index in sorted({int(index) for index in mutant.operator.inputs if index >= 0}):
        value = mutant.value(index)
        if value is None or not value.size or mutant.tensors[index].sparsity is not None:
            continue
        if value.dtype.kind == "f":
            # Weights are smaller the more of them are added up: recurrent cells would be chaotic.
            is_first = index == int(mutant.operator.inputs[0])
            spread = 2 if is_first or value.ndim < 2 else 2 / max(1, value.shape[-1]) ** 0.5
            mutant.put(index, rng.normal(0, spread, value.shape).astype(value.dtype))
        elif value.dtype.kind == "b":
            mutant.put(index, rng.random(value.shape) < 0.5)
        elif value.dtype in (np.int8, np.uint8, np.int16) and _is_data(mutant, index):
            bits = 4 if mutant.tensors[index].type.name == "INT4" else 8 * value.dtype.itemsize
            low = 0 if value.dtype.kind == "u" else -(1 << bits - 1)
            mutant.put(index, rng.integers(low, low + (1 << bits), value.shape).astype(value.dtype))
        elif index in mutant.values:
            mutant.put(index, rng.choice(value.ravel(), value.shape))


def _is_beyond(name: str, label: str) -> bool:
    """Floats that are no numbers, in products: padding is multiplied by weights or is not, sums overflow or do not."""
    return float_bound(name).relative > 0 and re.search("mixed|NaN|infinity|huge", label) is not None


def drawn(name: str, seed: int) -> Problem:
    """A problem that the reference tier takes, and for which there is compiled code if one can be found."""
    found = None
    for attempt in range(TRIES):
        rng = np.random.default_rng([seed, attempt])
        mutant = Mutant(CATALOGUE[name][int(rng.integers(len(CATALOGUE[name])))], name)
        try:
            with_other_dimensions(mutant, rng)
            with_other_values(mutant, rng)
            changes = [change for label, change in edges(mutant) if not _is_beyond(name, label)]
            for _ in range(int(rng.integers(3))):
                changes[int(rng.integers(len(changes)))](mutant)
            problem = Problem(mutant.to_bytes(), mutant.inputs(), name)
        except (ValueError, TypeError, AttributeError, KeyError, IndexError):
            continue  # one change has taken away what another is about
        try:
            run(problem, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
        except (LitejitError, ValueError):
            continue  # the problem is not a legal one
        found = problem
        interpreter = Interpreter(model_content=problem.model)
        interpreter.allocate_tensors()
        if native_calls(interpreter):
            break
    return found or CATALOGUE[name][0]


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=EXAMPLES <= USUAL,
    suppress_health_check=list(HealthCheck),
)
@given(st.sampled_from(LOWERED), st.integers(0, 2**32 - 1), st.integers(1, 2))
def test_random_operators(name: str, seed: int, threads: int) -> None:
    problem = drawn(name, seed)
    expected = run(problem, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    bound = BOUNDS.get(name, float_bound(name))
    results = run(problem, experimental_op_resolver_type=OpResolverType.AUTO, num_threads=threads)
    for ours, theirs in zip(results, expected, strict=True):
        assert_within(ours, theirs, bound, peer="the reference tier")


def test_every_family_is_drawn() -> None:
    """Every operator that may have compiled code has problems to start from."""
    missing = {kernel for name, kernel in _KERNELS.items() if kernel in lowered_kernels() and name not in CATALOGUE}
    assert not missing
