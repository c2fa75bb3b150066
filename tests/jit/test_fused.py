"""Fused blocks of convolutions: equal to the operators one by one, and only where nobody sees what lies between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litejit import Interpreter
from litejit.interpreter import OpResolverType
from litejit.kernels.jit.target import has_feature
from litejit.profiler import memory, profile
from litejit.testing import Problem
from tests.jit.blocks import Shape, block, quantized_block
from tests.jit.equal import check_compiled, native_calls, prepared
from tests.paths import EXTRA_MODELS

MODELS = (
    "blazeface_front_float",
    "facemesh_float",
    "mobilenet_v1_025_128_quant",
    "mobilenet_v1_025_224_float",
    "mobilenet_v2_10_224_quant",
    "mobilenet_v2_f32",
    "mobilenet_v2_int8",
    "vww_96_float",
    "vww_96_int8",
)
"""Of the extra ones: blocks of every kind."""


def outputs(interpreter: Interpreter) -> list[np.ndarray]:
    """After two runs: the second one in memory that has been used."""
    interpreter.invoke()
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def check_equal(problem: Problem, monkeypatch: pytest.MonkeyPatch, prefix: str = "fused.") -> None:
    """Fused on one thread and on two = apart, to the bit."""
    monkeypatch.setenv("LITEJIT_FUSION", "off")
    apart = prepared(problem)
    expected = outputs(apart)
    assert not any(kernel.startswith("fused") for kernel in native_calls(apart))
    monkeypatch.setenv("LITEJIT_FUSION", "always")
    for threads in (1, 2):
        fused = prepared(problem, num_threads=threads)
        assert native_calls(fused)[0].startswith(prefix), native_calls(fused)
        for ours, theirs in zip(outputs(fused), expected, strict=True):
            assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
            assert ours.tobytes() == theirs.tobytes(), f"{threads} threads: {(ours != theirs).sum()} differ"


@pytest.fixture(autouse=True)
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks are fused whether that is quicker or not."""
    monkeypatch.setenv("LITEJIT_FUSION", "always")


SHAPES = {
    "expanded": Shape((14, 14), 16, 48, 24),
    "stride 2": Shape((14, 14), 16, 48, 16, strides=(2, 2)),
    "not expanded": Shape((14, 14), 32, 0, 24),
    "bands": Shape((29, 28), 8, 32, 16, padding="SAME"),
    "bands, stride 2": Shape((57, 56), 8, 32, 16, strides=(2, 2)),
    "bands, not expanded": Shape((30, 42), 16, 0, 32, strides=(1, 1)),
    "bands, 5 x 5, added": Shape((31, 45), 12, 40, 12, filter=(5, 5), added="input"),
    "bands, 5 x 5, stride 2": Shape((43, 47), 8, 24, 40, filter=(5, 5), strides=(2, 2)),
    "added to the input": Shape((14, 14), 24, 48, 24, added="input"),
    "added to another": Shape((11, 9), 16, 48, 20, strides=(2, 2), added="other"),
    "odd channels": Shape((9, 13), 7, 37, 19, padding="VALID"),
    "odd channels, not expanded": Shape((10, 23), 21, 0, 9),
    "few channels": Shape((12, 11), 1, 3, 2, padding="VALID"),
    "padded by an operator": Shape((14, 14), 16, 48, 16, strides=(2, 2), padding="PAD"),
    "padded by an operator, bands": Shape((56, 54), 16, 32, 16, strides=(2, 2), padding="PAD"),
    "no bias": Shape((12, 12), 16, 32, 16, bias=False),
    "activations": Shape((12, 12), 16, 32, 16, activations=("RELU", "RELU6", "RELU_N1_TO_1")),
    "without activations": Shape((12, 12), 16, 32, 16, activations=("NONE", "NONE", "NONE")),
    "images": Shape((8, 10), 24, 16, 24, images=3, added="input", activations=("RELU", "RELU", "RELU")),
    "images in bands": Shape((22, 25), 16, 16, 16, images=2, added="input"),
    "dilated": Shape((33, 29), 16, 48, 16, dilations=(2, 2), added="input"),
    "dilated, odd channels": Shape((13, 15), 7, 37, 19, padding="VALID", dilations=(2, 3)),
    "dilated, not expanded": Shape((14, 12), 32, 0, 24, dilations=(4, 4), images=2),
    "rows dilated, bands": Shape((30, 25), 8, 32, 16, filter=(5, 3), dilations=(3, 1)),
    "tall filter": Shape((15, 16), 8, 16, 8, filter=(2, 3), strides=(3, 1)),
    "small": Shape((3, 6), 8, 16, 8, padding="VALID", filter=(1, 3)),
    "head": Shape((47, 61), 3, 32, 16, head=(3, 2, "SAME")),
    "head, padded, images": Shape((66, 92), 3, 20, 24, (3, 3), (2, 2), images=2, head=(3, 2, "PAD")),
    "small head": Shape((19, 26), 1, 24, 8, activations=("RELU", "RELU", "NONE"), head=(5, 2, "VALID")),
    "head of single pixels": Shape((18, 44), 5, 16, 8, (5, 5), head=(1, 2, "SAME")),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_equal_to_the_operators_apart(shape: Shape, monkeypatch: pytest.MonkeyPatch) -> None:
    check_equal(block(shape), monkeypatch)


LINEAR = ("NONE", "NONE", "NONE")
FUNCTIONS = {
    "functions": Shape((14, 14), 8, 32, 12, functions=("SWISH", "HARD_SWISH"), activations=LINEAR),
    "finite functions": Shape((14, 14), 8, 20, 12, functions=("SWISH", "TANH"), activations=LINEAR),
    "functions in bands": Shape((23, 28), 8, 40, 8, functions=("SWISH", "SWISH"), added="input", images=2),
    "one function, padded": Shape((22, 26), 16, 48, 16, (3, 3), (2, 2), "PAD", functions=("HARD_SWISH", "")),
    "the other": Shape((9, 11), 16, 0, 16, functions=("", "LEAKY_RELU"), activations=LINEAR),
    "of the input": Shape((12, 9), 21, 0, 0, functions=("ELU", "TANH")),
    "head": Shape((41, 46), 3, 20, 0, functions=("SWISH", "SWISH"), activations=LINEAR, head=(3, 2, "PAD")),
    "not projected": Shape((13, 10), 8, 40, 0, (5, 5), images=2, functions=("SWISH", "SWISH"), activations=LINEAR),
    "not projected, bands": Shape((45, 43), 8, 37, 0, (5, 5), (2, 2), images=2),
}


@pytest.mark.parametrize("shape", FUNCTIONS.values(), ids=FUNCTIONS.keys())
def test_functions_of_elements(shape: Shape, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between convolutions and after the last one, whether it projects or not."""
    problem = block(shape)
    check_equal(problem, monkeypatch)
    fused = [kernel for kernel in native_calls(prepared(problem)) if not kernel.startswith(("pointwise.", "patching."))]
    assert all(kernel.startswith("fused.") for kernel in fused)


@pytest.mark.parametrize("name", ["odd channels", "odd channels, not expanded", "few channels", "finite functions"])
def test_infinite_inputs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Channels that fill up a chunk make nothing of them that is not a number."""
    problem, results = block({**SHAPES, **FUNCTIONS}[name]), []
    problem.inputs[0][:, 2, 3], problem.inputs[0][:, -1, :, 0] = np.inf, -np.inf
    problem.inputs[0][:, 0, -1] = np.nan
    for mode in ("off", "always"):
        monkeypatch.setenv("LITEJIT_FUSION", mode)
        results.append(outputs(prepared(problem))[0])
    assert np.isfinite(results[0]).any()
    np.testing.assert_array_equal(*results)


def random_shape(seed: int) -> Shape:
    """A block that is drawn."""
    rng = np.random.default_rng(seed)
    filter, stride = int(rng.choice([3, 5])), int(rng.choice([1, 2]))
    added = "" if stride == 2 else str(rng.choice(["", "input"]))
    channels = int(rng.integers(1, 40))
    return Shape(
        (int(rng.integers(filter + 4, 40)), int(rng.integers(filter + 8, 60))),
        channels,
        int(rng.choice([0, 1])) * int(rng.integers(1, 80)),
        channels if added else int(rng.integers(1, 50)),
        (filter, filter),
        (stride, stride),
        "SAME" if added else str(rng.choice(["SAME", "VALID"])),
        images=int(rng.integers(1, 3)),
        added=added,
        seed=seed,
    )


@pytest.mark.parametrize("seed", range(12))
def test_random_blocks(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    check_equal(block(random_shape(seed)), monkeypatch)
    for dtype in (np.int8, np.uint8):
        check_equal(quantized_block(random_shape(seed), dtype), monkeypatch)


BYTES = [name for name, shape in SHAPES.items() if shape.activations[1].startswith("RELU")]


@pytest.mark.parametrize("extreme", [False, True], ids=["", "extreme"])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("name", BYTES)
def test_bytes_equal_to_the_operators_apart(
    name: str, dtype: Any, extreme: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = quantized_block(SHAPES[name], dtype, extreme)
    check_equal(problem, monkeypatch)
    check_compiled(problem, "fused.int8")  # equal to the reference tier


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_sums_of_bytes_are_added_where_they_are_linear(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = quantized_block(SHAPES["added to another"], dtype)
    assert all(kernel.startswith("fused") for kernel in native_calls(prepared(problem)))
    monkeypatch.setattr("litejit.kernels.jit.fused_packing.linear_sum", lambda addition: None)
    check_equal(problem, monkeypatch)
    assert [kernel.startswith("fused") for kernel in native_calls(prepared(problem))][-2:] == [True, False]


@pytest.mark.parametrize(
    ("shape", "pays"),
    [
        (Shape((14, 14), 16, 64, 16), True),
        (Shape((14, 14), 32, 64, 16), False),
        (Shape((14, 14), 16, 0, 16), False),
        (Shape((32, 32), 16, 0, 16), True),
        (Shape((32, 32), 20, 0, 16), False),
        (Shape((14, 14), 16, 64, 0), False),
        (Shape((32, 32), 16, 64, 0), True),
        (Shape((48, 50), 3, 32, 16, head=(3, 2, "SAME")), True),
        (Shape((48, 50), 3, 16, 16, head=(3, 2, "SAME")), False),
        (Shape((48, 50), 12, 32, 16, head=(3, 2, "SAME")), False),
    ],
    ids=[
        *("expanded", "hardly expanded", "small", "large", "chunks that are not full"),
        *("small, not projected", "large, not projected", "head", "head of few channels", "large patches"),
    ],
)
def test_fused_where_it_pays(shape: Shape, pays: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LITEJIT_FUSION")
    assert native_calls(prepared(block(shape)))[0].startswith("fused") == pays


@pytest.mark.parametrize(
    ("dtype", "near", "size", "pays"),
    [(np.uint8, 9, 14, False), (np.uint8, 255, 14, True), (np.int8, 9, 14, True), (np.uint8, 9, 40, True)],
    ids=["small weights", "weights that are split often", "int8", "large"],
)
def test_fused_where_it_pays_more_than_splitting_weights(
    dtype: Any, near: int, size: int, pays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LITEJIT_FUSION")
    problem = quantized_block(Shape((size, size), 24, 96, 24), dtype, near=near)
    pays = pays or not has_feature("avx2")  # without an instruction for it, split weights save nothing
    assert native_calls(prepared(problem))[0].startswith("fused") == pays
    monkeypatch.setenv("LITEJIT_CONVOLUTION", "direct")
    assert native_calls(prepared(problem))[0].startswith("fused")


def test_what_others_see_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An inner tensor that is an output of the graph ends the block, or begins it."""
    for shown, fused in (("expanded", [False, True]), ("middle", [True, False, False]), ("projected", [True, False])):
        problem = block(Shape((9, 9), 8, 16, 8, added="input", shown=shown))
        calls = [kernel for kernel in native_calls(prepared(problem)) if "_project_" not in kernel]
        assert [kernel.startswith("fused") for kernel in calls] == fused
        expected = outputs(prepared(problem, experimental_op_resolver_type=OpResolverType.BUILTIN_REF))
        for ours, theirs in zip(outputs(prepared(problem)), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("shape", [*SHAPES.values(), *FUNCTIONS.values()], ids=[*SHAPES, *FUNCTIONS])
def test_no_more_memory_is_needed(shape: Shape, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    problems = [block(shape)] if shape in FUNCTIONS.values() else [block(shape), quantized_block(shape, np.int8)]
    monkeypatch.setenv("LITEJIT_FUSION", "off")
    apart = [memory(prepared(problem, num_threads=threads)) for problem in problems]
    monkeypatch.setenv("LITEJIT_FUSION", "on")
    for problem, before in zip(problems, apart, strict=True):
        assert memory(prepared(problem, num_threads=threads)).arena <= before.arena


@pytest.mark.parametrize(("threads", "band_rows"), [(1, 5), (2, 4), (8, None)])
def test_bands_are_low_enough_for_the_memory_that_there_is(
    threads: int, band_rows: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a block there would be a tensor more; its scratch memory may have as much, or operators stay apart."""
    problem = block(Shape((22, 24), 16, 0, 16))
    monkeypatch.setenv("LITEJIT_FUSION", "off")
    expected = outputs(prepared(problem))
    monkeypatch.setenv("LITEJIT_FUSION", "on")
    interpreter = prepared(problem, num_threads=threads)
    native = interpreter._session.plans[0].native
    assert native is not None
    calls = [call for task in native.tasks for call in task.calls if call.kernel.startswith("fused")]
    assert [call.values["band_rows"] for call in calls] == ([] if band_rows is None else [band_rows])
    assert [ours.tobytes() for ours in outputs(interpreter)] == [theirs.tobytes() for theirs in expected]


def test_all_tensors_can_be_read() -> None:
    """Those inside blocks too: they are computed again, or kept where that was asked for, with operators apart."""
    problem = block(Shape((12, 12), 8, 16, 8, added="input"))
    fused, keeping = prepared(problem), prepared(problem, experimental_preserve_all_tensors=True)
    outputs(fused), outputs(keeping)
    assert native_calls(fused)[0].startswith("fused")
    assert len(native_calls(keeping)) == 4
    for detail in fused.get_tensor_details():
        ours, theirs = (each.get_tensor(detail["index"]) for each in (fused, keeping))
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_profile_counts_the_work_of_a_block_once() -> None:
    rows = profile(prepared(block(Shape((8, 8), 8, 16, 8, added="input"))), repeat=1)
    assert [row.macs for row in rows] == [0, 0, 0, 64 * (8 * 16 + 9 * 16 + 16 * 8)]
    assert [bool(row.kernels) for row in rows] == [False, False, False, True]


@pytest.mark.parametrize("path", [path for path in EXTRA_MODELS if path.stem in MODELS], ids=lambda path: path.stem)
def test_models(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs of real models do not change by a bit, nor is more memory needed where blocks are fused by themselves."""
    rng = np.random.default_rng(0)
    interpreters = []
    for mode, threads in (("off", 1), ("always", 2), ("on", 1)):
        monkeypatch.setenv("LITEJIT_FUSION", mode)
        interpreters.append(Interpreter(path, num_threads=threads))
        interpreters[-1].allocate_tensors()
    apart, always, fused = interpreters
    assert any(kernel.startswith("fused") for kernel in native_calls(always))
    for detail in apart.get_input_details():
        value = rng.uniform(-1, 1, detail["shape"])
        value = value if detail["dtype"] == np.float32 else 127 * value + (detail["dtype"] == np.uint8) * 128
        for each in interpreters:
            each.set_tensor(detail["index"], value.astype(detail["dtype"]))
    expected = outputs(apart)
    for each in (always, fused):
        for ours, theirs in zip(outputs(each), expected, strict=True):
            assert ours.tobytes() == theirs.tobytes()
    use, before = memory(fused), memory(apart)
    assert use.arena <= before.arena
