"""What lies around the kernels: object cache, executor and threads, memory plan, tensors that are not kept."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, InvalidInputError, ModelBuilder
from litejit.arena import Block, lower_bound, place
from litejit.interpreter import OpResolverType
from litejit.kernels.jit import library, lowering
from litejit.kernels.jit.target import is_checked
from litejit.testing import Const, Input, Problem, single_op
from tests.jit.equal import prepared
from tests.jit.test_images import HERE
from tests.paths import ROOT

DIGITS = ROOT / "interpreter" / "models" / "digits_int8.tflite"
SCRIPT = """
import sys
import numpy as np
from litejit import Interpreter
interpreter = Interpreter({model!r})
interpreter.allocate_tensors()
interpreter.invoke()
out = interpreter.get_output_details()[0]["index"]
native = interpreter._session.plans[0].native
print("numba" in sys.modules, native is not None, interpreter.get_tensor(out).tobytes().hex())
"""


def in_a_process(cache: str, script: str = SCRIPT, model: Path = DIGITS, **variables: str) -> list[str]:
    """[whether numba was imported, whether there is a native plan, the output] of a process with this cache."""
    environment = {**os.environ, "LITEJIT_CACHE_DIR": cache, **variables}
    command = [sys.executable, "-c", script.format(model=str(model))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose few kernels are soon compiled."""
    b = ModelBuilder()
    x = b.op("COS", [b.input("x", (2, 3))])
    b.output(b.op("ADD", [x, b.op("MUL", [x, x])]))
    path = tmp_path_factory.mktemp("small") / "small.tflite"
    path.write_bytes(b.to_bytes())
    return path


def test_warm_process_does_without_numba(tmp_path: Path, small: Path) -> None:
    cold, warm = (in_a_process(str(tmp_path), model=small) for _ in range(2))
    assert cold[1:] == warm[1:]
    assert (cold[0], warm[0], warm[1]) == ("True", "False", "True")


@pytest.mark.skipif(not HERE, reason="code is loaded without LLVM on x86-64 Linux alone")
@pytest.mark.skipif(is_checked(), reason="the checked build compiles its check in each process")
def test_warm_process_does_without_llvm(tmp_path: Path, small: Path) -> None:
    script = SCRIPT.replace('"numba" in', '"llvmlite" in')
    cold, warm = (in_a_process(str(tmp_path), script, small) for _ in range(2))
    assert (cold[0], warm[0], warm[1]) == ("True", "False", "True")
    assert cold[2] == warm[2]


@pytest.mark.skipif(not HERE, reason="code is loaded without LLVM on x86-64 Linux alone")
@pytest.mark.skipif(is_checked(), reason="the checked build keeps no programs")
def test_what_a_process_with_a_kept_program_imports(tmp_path: Path) -> None:
    """No more than it takes to run the program: each of these costs a good part of the time until the first result."""
    script = """
import sys
import numpy
before = set(sys.modules)
from litejit import Interpreter
interpreter = Interpreter({model!r})
interpreter.allocate_tensors()
interpreter.set_tensor(interpreter.get_input_details()[0]["index"], numpy.zeros((1, 8, 8, 1), numpy.int8))
interpreter.invoke()
interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
print(*sorted(set(sys.modules) - before))
"""
    _, imported = (in_a_process(str(tmp_path), script, LITEJIT_PROGRAMS="on") for _ in range(2))
    own = {name for name in imported if name.startswith("litejit")}
    others = set(imported) - own - {"_blake2", "atexit", "copy", "dataclasses", "mmap", "threading", "zlib"}
    assert not {name for name in others if not name.startswith("_")}
    for part in ("kernels.reference", "kernels.node", "kernels.registry", "kernels.jit.lowering", "step", "native"):
        assert f"litejit.{part}" not in own
    for part in ("enums", "builtin_operator", "operators", "options", "sparsity", "validate", "builder", "writer"):
        assert f"litejit.schema.{part}" not in own


def test_damaged_objects_are_compiled_again(tmp_path: Path, small: Path) -> None:
    good = in_a_process(str(tmp_path), model=small)
    for number, path in enumerate(sorted(path for path in tmp_path.rglob("*") if path.is_file())):
        content = path.read_bytes()
        path.write_bytes([b"", content[: len(content) // 2], content[:-9] + b"\0" * 9, b"litejit 3 \n"][number % 4])
    assert in_a_process(str(tmp_path), model=small)[2] == good[2]
    assert in_a_process(str(tmp_path), model=small)[0] == "False"


def test_caches_that_cannot_be_written(tmp_path: Path, small: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert in_a_process(str(blocked), model=small) == in_a_process("", model=small)


def test_several_processes_at_once(tmp_path: Path, small: Path) -> None:
    results: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: results.append(in_a_process(str(tmp_path), model=small))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({tuple(result[1:]) for result in results}) == 1
    assert in_a_process(str(tmp_path), model=small)[0] == "False"


def test_generic_processor_gives_the_same(tmp_path: Path) -> None:
    assert in_a_process(str(tmp_path))[2] == in_a_process(str(tmp_path), LITEJIT_CPU="generic")[2]


LOAD = """
import sys
from litejit.kernels.jit import library, lowering
print(*(library.address(name) for name in sys.argv[1:]), *(library._read(name)[1] for name in sys.argv[1:]))
"""


def test_objects_of_several_processes_stay_apart(tmp_path: Path) -> None:
    names = ["convolution.float_4", "convolution.float_6"]
    environment = {**os.environ, "LITEJIT_CACHE_DIR": str(tmp_path)}

    def loaded(*arguments: str) -> list[str]:
        command = [sys.executable, "-c", LOAD, *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.split()

    for name in names:
        loaded(name)
    first, second, *symbols = loaded(*names)
    assert symbols[0] == symbols[1]  # otherwise this test shows nothing
    assert first != second


NUMBA = """
import numpy as np
from numba import njit
from litejit.kernels.jit.compiler import compile_kernel

@njit
def sums(rows):
    return [row.sum() for row in rows], max(rows[0]), min(1, len(rows))

compile_kernel("executor.run")
print(sums(np.ones((2, 3))))
compile_kernel("convolution.float_1")
print(sums(np.ones((2, 3), np.float32)))
"""


def test_numba_serves_others_as_before() -> None:
    done = subprocess.run([sys.executable, "-c", NUMBA], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["([3.0, 3.0], 1.0, 1)"] * 2


CHECKED = """
import numpy as np
import litejit.programs
from litejit import Interpreter
from litejit.kernels.jit.guard import Extent, MemoryAccessError

def run():
    interpreter = Interpreter({model!r})
    interpreter.allocate_tensors()
    interpreter.invoke()

run()
given = litejit.programs.Programs._extents
def less(plan, call, block):
    return [Extent(e.address, e.size - 1, True) if e.writable else e for e in given(plan, call, block)]
litejit.programs.Programs._extents = less
try:
    run()
except MemoryAccessError as error:
    print(error)
"""


def test_checked_build_sees_the_last_byte(tmp_path: Path) -> None:
    environment = {**os.environ, "LITEJIT_CACHE_DIR": str(tmp_path), "LITEJIT_CHECKED": "1"}
    script = CHECKED.format(model=str(DIGITS))
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert "accesses outside the given memory" in done.stdout


@pytest.mark.parametrize("seed", range(20))
def test_arena(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 40, 60)
    last = first + rng.geometric(0.3, 60)
    sizes = rng.integers(0, 5000, 60)
    blocks = [Block(at, *map(int, row)) for at, row in enumerate(zip(sizes, first, last, strict=True))]
    arena = place(blocks)
    for one in blocks:
        assert arena.offsets[one.key] % 64 == 0
        assert arena.offsets[one.key] + one.size <= arena.size
        for other in blocks[: one.key]:
            if one.first <= other.last and other.first <= one.last:
                a, b = arena.offsets[one.key], arena.offsets[other.key]
                assert a + one.size <= b or b + other.size <= a
    assert lower_bound(blocks) <= arena.size <= 1.15 * lower_bound(blocks)


def chain(layers: int = 6, size: int = 48, channels: int = 32, stride: int = 1) -> Problem:
    """Convolutions one after the other, large enough for several threads."""
    rng = np.random.default_rng(0)
    b = ModelBuilder()
    x = b.input("x", (1, size, size, channels), np.float32)
    handle: Any = x
    for _ in range(layers):
        weights = b.constant(rng.uniform(-0.1, 0.1, (channels, 3, 3, channels)).astype(np.float32))
        bias = b.constant(rng.uniform(-1, 1, channels).astype(np.float32))
        options = {"stride_h": stride, "stride_w": stride, "fused_activation_function": "RELU"}
        handle = b.op("CONV_2D", [handle, weights, bias], **options)
    b.output(handle)
    return Problem(b.to_bytes(), [rng.uniform(-1, 1, (1, size, size, channels)).astype(np.float32)])


def output(interpreter: Interpreter) -> np.ndarray:
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def test_results_do_not_depend_on_threads() -> None:
    problem = chain()
    expected = output(prepared(problem))
    for threads in (2, 3, 4):
        interpreter = prepared(problem, num_threads=threads)
        for _ in range(20):
            assert np.array_equal(output(interpreter), expected)


def test_other_python_threads_go_on_meanwhile() -> None:
    interpreter = prepared(chain(layers=12, size=96))
    progress, stop = [0], threading.Event()

    def count() -> None:
        while not stop.is_set():
            progress[0] += 1

    counter = threading.Thread(target=count)
    counter.start()
    try:
        native = interpreter._session.plans[0].native
        assert native is not None
        assert len(native.parts) == 1
        before = progress[0]
        native.parts[0]()  # a single native call
        assert progress[0] > before + 100
    finally:
        stop.set()
        counter.join()


def test_two_interpreters_in_two_threads() -> None:
    problem = chain(layers=2 if is_checked() else 6)
    expected = output(prepared(problem))

    def work() -> None:
        interpreter = prepared(problem, num_threads=2)
        for _ in range(10):
            np.testing.assert_array_equal(output(interpreter), expected)

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(work) for _ in range(3)]:
            done.result()


def test_memory_is_shared_and_intermediates_are_right() -> None:
    problem = chain(layers=8)
    reference = prepared(problem, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    keeping = prepared(problem, experimental_preserve_all_tensors=True)
    sharing = prepared(problem)
    for interpreter in (reference, keeping, sharing):
        interpreter.invoke()
    small, large = (i._session.plans[0].native.storage.arena.size for i in (sharing, keeping))  # type: ignore[union-attr]
    assert small < large / 2
    for operator in reference._get_ops_details():
        index = int(operator["outputs"][0])
        expected = reference.get_tensor(index)
        np.testing.assert_allclose(sharing.get_tensor(index), expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(keeping.get_tensor(index), expected, rtol=1e-4, atol=1e-5)


def test_intermediates_of_inputs_that_are_gone_are_refused() -> None:
    problem = chain()
    interpreter = prepared(problem)
    interpreter.invoke()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], problem.inputs[0] + 1)
    index = int(interpreter._get_ops_details()[0]["outputs"][0])
    with pytest.raises(InvalidInputError, match="inputs have changed"):
        interpreter.get_tensor(index)
    interpreter.invoke()
    assert interpreter.get_tensor(index).shape == (1, 48, 48, 32)


def test_intermediates_are_those_of_the_last_run() -> None:
    problem = chain()
    sharing, reference = prepared(problem), prepared(problem, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    index = int(reference._get_ops_details()[0]["outputs"][0])
    for factor in (1.0, -1.0, 0.5):
        for interpreter in (sharing, reference):
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], problem.inputs[0] * np.float32(factor))
            interpreter.invoke()
        np.testing.assert_allclose(sharing.get_tensor(index), reference.get_tensor(index), rtol=1e-4, atol=1e-5)


def test_views_whose_shape_depends_on_data_outlive_their_operand() -> None:
    b = ModelBuilder()
    image = np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 4)).astype(np.float32)
    x, shape = b.input("x", image.shape, np.float32), b.input("shape", (2,), np.int32)
    view = b.op("RESHAPE", [b.op("ABS", [x]), shape])
    later = x
    for _ in range(4):  # they take the memory of what nobody needs any more
        later = b.op("NEG", [later])
    b.output(b.op("REDUCE_MAX", [view, b.constant(np.array([1], np.int32))], keep_dims=False), later)
    problem = Problem(b.to_bytes(), [image, np.array([32, 32], np.int32)])
    compiled, reference = (
        output(prepared(problem, experimental_op_resolver_type=resolver))
        for resolver in (OpResolverType.AUTO, OpResolverType.BUILTIN_REF)
    )
    np.testing.assert_array_equal(compiled, reference)


def test_resizing_plans_anew() -> None:
    rng = np.random.default_rng(0)
    operands = [
        Input(rng.uniform(-1, 1, (1, 8, 8, 3)), np.float32),
        Const(rng.uniform(-1, 1, (4, 3, 3, 3)), np.float32),
        Const(np.zeros(4), np.float32),
    ]
    problem = single_op("CONV_2D", operands, stride_h=1, stride_w=1)
    interpreters = [prepared(problem), prepared(problem, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)]
    for shape in ((1, 8, 8, 3), (2, 5, 9, 3), (1, 1, 1, 3), (3, 17, 4, 3)):
        value = rng.uniform(-1, 1, shape).astype(np.float32)
        results = []
        for interpreter in interpreters:
            index = interpreter.get_input_details()[0]["index"]
            interpreter.resize_tensor_input(index, shape)
            interpreter.allocate_tensors()
            interpreter.set_tensor(index, value)
            results.append(output(interpreter))
        np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-5)


def test_unknown_kernels_are_not_compiled() -> None:
    assert not library.is_loaded("convolution.no_such_kernel")


def test_lowerings_are_found_without_importing_all() -> None:
    for kernel in lowering.lowered_kernels():
        known = lowering._families()[kernel.__module__]
        assert {function.__module__ for function in lowering._LOWERINGS[kernel]} <= set(known)
