"""SKIP_GRAM and LSH_PROJECTION against the official runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.kernels.node import Limits
from litejit.testing import Const, Input, Problem, check, out, refused, single_op
from tests.ops.elements import STRING, elements

TEXTS = [b"one two  three\tfour\nfive", b" one two", b"one ", b" ", b"one", b"\n\nab c", b"a b c d e f", b"x y z  "]


def skip_gram(text: bytes, **options: Any) -> Problem:
    return single_op("SKIP_GRAM", [Const(np.array([text], object))], [out(object)], **options)


@pytest.mark.parametrize("include_all_ngrams", [False, True])
@pytest.mark.parametrize("max_skip_size", [0, 1, 3])
@pytest.mark.parametrize("ngram_size", [1, 2, 3])
def test_skip_gram(ngram_size: int, max_skip_size: int, include_all_ngrams: bool) -> None:
    options = {"ngram_size": ngram_size, "max_skip_size": max_skip_size, "include_all_ngrams": include_all_ngrams}
    for text in TEXTS:
        check(skip_gram(text, **options))


@pytest.mark.parametrize(("ngram_size", "max_skip_size"), [(0, 1), (2, -1), (7, 0)])
def test_skip_gram_of_nothing(ngram_size: int, max_skip_size: int) -> None:
    check(skip_gram(b"a b c", ngram_size=ngram_size, max_skip_size=max_skip_size))


def test_skip_gram_stops_at_the_limit() -> None:
    problem = skip_gram(b" ".join([b"word"] * 40), ngram_size=20, max_skip_size=40)
    refused(problem, "make groups of more than 100000 bytes", limits=Limits(tensor_bytes=100_000))


@pytest.mark.parametrize("kind", ["SPARSE", "DENSE"])
@pytest.mark.parametrize("item_bytes", [1, 4, 5, 11, 12, 13, 27, 28, 29, 43, 60, 61, 124, 125, 190, 200])
def test_lsh_projection(item_bytes: int, kind: str) -> None:
    """Hashed are 4 bytes of a seed and those of an item: the lengths are those where the hash changes its ways."""
    rng = np.random.default_rng(item_bytes)
    seeds = Input(rng.normal(size=(3, 7)).astype(np.float32))
    items = Input(rng.integers(-128, 128, (5, item_bytes)).astype(np.int8))
    weight = Input(rng.normal(size=5).astype(np.float32))
    for operands in ([seeds, items], [seeds, items, weight]):
        check(single_op("LSH_PROJECTION", operands, [out(np.int32)], type=kind))


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.bool_, STRING], ids=str)
@pytest.mark.parametrize("shape", [(4,), (3, 2, 2)])
def test_lsh_projection_of_types(shape: Any, dtype: Any) -> None:
    seeds = Input(np.linspace(-1, 1, 10).astype(np.float32).reshape(2, 5))
    check(single_op("LSH_PROJECTION", [seeds, Input(elements(shape, dtype))], [out(np.int32)], type="SPARSE"))


SEEDS, ITEMS = Input(np.zeros((2, 3), np.float32)), Input(np.zeros((4, 2), np.int32))


def lsh(*operands: Any, type: Any = "DENSE") -> Problem:
    return single_op("LSH_PROJECTION", operands, [out(np.int32)], type=type)


ERRORS = {
    "CVE-2021-37691": (lsh(SEEDS, Input(np.zeros((0, 2), np.int32))), "has no items"),
    "lsh bits": (lsh(Input(np.zeros((1, 33), np.float32)), ITEMS), "33 bits, expected at most 32"),
    "lsh hash": (lsh(Input(np.zeros(3, np.float32)), ITEMS), "expected rank 2"),
    "lsh weight": (lsh(SEEDS, ITEMS, Input(np.zeros(3, np.float32))), "expected (4,)"),
    "lsh kind": (lsh(SEEDS, ITEMS, type="UNKNOWN"), "expected SPARSE or DENSE"),
    "lsh seeds": (lsh(Input(np.zeros((2, 3), np.int32)), ITEMS), "is INT32, expected FLOAT32"),
    "skip_gram empty": (single_op("SKIP_GRAM", [Input(np.zeros(0, object))], [out(object)], ngram_size=1), "no string"),
    "skip_gram type": (single_op("SKIP_GRAM", [ITEMS], [out(object)], ngram_size=1), "expected STRING"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case: str) -> None:
    problem, fragment = ERRORS[case]
    refused(problem, fragment)
