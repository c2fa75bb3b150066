"""Programs kept between processes: they compute what preparing anew would, and are found only where they belong."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, InvalidInputError, ModelBuilder, content, stored
from litejit import compiler as compiling
from litejit.interpreter import OpResolverType
from litejit.kernels.jit import cache, library
from litejit.kernels.jit.target import is_checked
from litejit.native import NativePlan
from litejit.profiler import profile
from litejit.schema import TensorType
from litejit.schema.lazy import LazyList
from tests.paths import ROOT

pytestmark = pytest.mark.skipif(is_checked(), reason="the checked build keeps no programs")

DIGITS = sorted((ROOT / "interpreter" / "models").glob("digits_*.tflite"))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("LITEJIT_PROGRAMS", raising=False)
    monkeypatch.setattr(stored, "directory", lambda: tmp_path)
    monkeypatch.setattr(compiling, "WORTH_KEEPING", 0.0)
    return tmp_path


def allocated(model: bytes, shape: tuple[int, ...] | None = None, **keywords: Any) -> Interpreter:
    interpreter = Interpreter(model_content=model, **keywords)
    if shape is not None:
        interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], shape)
    interpreter.allocate_tensors()
    return interpreter


def is_stored(interpreter: Interpreter) -> bool:
    return isinstance(interpreter._session.plans[0]._ready, stored.StoredPlan)


def outputs(interpreter: Interpreter, seed: int = 0) -> list[bytes]:
    rng = np.random.default_rng(seed)
    for detail in interpreter.get_input_details():
        value = rng.uniform(-100, 100, detail["shape"]).astype(detail["dtype"])
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]).tobytes() for detail in interpreter.get_output_details()]


@pytest.mark.parametrize("path", DIGITS, ids=lambda path: path.stem)
@pytest.mark.parametrize("threads", [1, 2])
def test_same_results(path: Path, threads: int) -> None:
    model = path.read_bytes()
    fresh, kept = (allocated(model, num_threads=threads) for _ in range(2))
    assert (is_stored(fresh), is_stored(kept)) == (False, True)
    for seed in range(3):
        assert outputs(fresh, seed) == outputs(kept, seed)
    assert str(fresh.get_tensor_details()) == str(kept.get_tensor_details())


@pytest.mark.parametrize("path", DIGITS, ids=lambda path: path.stem)
def test_intermediates(path: Path) -> None:
    model = path.read_bytes()
    fresh, kept = allocated(model), allocated(model)
    assert outputs(fresh) == outputs(kept)
    indices = [int(index) for operator in fresh._get_ops_details() for index in operator["outputs"]]
    for index in indices:
        assert np.array_equal(fresh.get_tensor(index), kept.get_tensor(index))
    assert is_stored(kept)
    kept.set_tensor(kept.get_input_details()[0]["index"], kept.get_tensor(kept.get_input_details()[0]["index"]))
    with pytest.raises(InvalidInputError, match="inputs have changed"):
        kept.get_tensor(int(fresh._get_ops_details()[-1]["inputs"][0]))


def test_what_needs_steps_prepares_them() -> None:
    model = DIGITS[0].read_bytes()
    fresh, kept = allocated(model), allocated(model)
    expected = outputs(fresh)
    assert outputs(kept) == expected
    assert len(kept._session.plans[0].steps) == len(fresh._session.plans[0].steps)
    assert not is_stored(kept)
    details = kept.get_output_details()
    assert [kept.get_tensor(detail["index"]).tobytes() for detail in details] == expected
    kept.invoke()  # the inputs are still there
    assert [kept.get_tensor(detail["index"]).tobytes() for detail in details] == expected
    assert profile(allocated(model), repeat=1)


def test_models_are_read_as_far_as_they_are_asked_for() -> None:
    model = (ROOT / "interpreter" / "models" / "digits_int8.tflite").read_bytes()
    fresh, kept = allocated(model), allocated(model)
    assert outputs(fresh) == outputs(kept)
    known = kept._session.model.subgraphs[0].tensors
    assert isinstance(known, LazyList)
    assert sum(item is not None for item in known._items) == len({*kept._session.plans[0].graph.outputs, 0})
    assert kept.get_signature_list() == fresh.get_signature_list()
    assert kept._model == fresh._model


def test_several_subgraphs(monkeypatch: pytest.MonkeyPatch) -> None:
    b = ModelBuilder()
    x = b.input("x", (1, 4), np.float32)
    y = b.op("ADD", [x, x])
    b.output(y)
    other = b.subgraph("other")
    z = other.input("z", (2, 2), np.float32)
    other.output(other.op("MUL", [z, z]))
    fresh, kept = allocated(b.to_bytes()), allocated(b.to_bytes())
    assert is_stored(kept)
    assert outputs(fresh) == outputs(kept)
    assert str(fresh.get_tensor_details(1)) == str(kept.get_tensor_details(1))


def test_views_are_of_the_memory_that_is_used() -> None:
    model = DIGITS[0].read_bytes()
    fresh, kept = allocated(model), allocated(model)
    for interpreter in (fresh, kept):
        index = interpreter.get_input_details()[0]["index"]
        interpreter.tensor(index)()[...] = 1
        interpreter.invoke()
    index = kept.get_output_details()[0]["index"]
    assert np.array_equal(kept.tensor(index)(), fresh.get_tensor(index))


def gathering() -> bytes:
    b = ModelBuilder()
    table, rows = b.input("table", (4, 3), np.float32), b.input("rows", (2,), np.int32)
    b.output(b.op("GATHER", [table, rows]))
    return b.to_bytes()


def test_resized_inputs_have_no_memory() -> None:
    model = DIGITS[0].read_bytes()
    allocated(model)
    interpreter = allocated(model)
    assert is_stored(interpreter)
    detail = interpreter.get_input_details()[0]
    shape = (2, *detail["shape"][1:])
    interpreter.resize_tensor_input(detail["index"], shape)
    with pytest.raises(ValueError, match="unallocated"):
        interpreter.set_tensor(detail["index"], np.zeros(shape, detail["dtype"]))
    assert not interpreter._session.plans[0].has_data(detail["index"])


def test_faults_are_explained() -> None:
    fresh, kept = allocated(gathering()), allocated(gathering())
    assert is_stored(kept)
    messages = []
    for interpreter in (fresh, kept):
        rows = next(d["index"] for d in interpreter.get_input_details() if d["name"] == "rows")
        interpreter.set_tensor(rows, np.array([0, 7], np.int32))
        with pytest.raises(InvalidInputError) as refused:
            interpreter.invoke()
        messages.append(str(refused.value))
        interpreter.set_tensor(rows, np.array([0, 1], np.int32))
        interpreter.invoke()
    assert messages[0] == messages[1]


def test_other_settings_are_other_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    model = DIGITS[0].read_bytes()
    allocated(model)
    assert is_stored(allocated(model))
    assert not is_stored(allocated(model, num_threads=2))
    assert not is_stored(allocated(model, experimental_preserve_all_tensors=True))
    assert not is_stored(allocated(model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF))
    shape = allocated(model).get_input_details()[0]["shape"]
    larger = (2, *map(int, shape[1:]))
    assert [is_stored(allocated(model, larger)) for _ in range(2)] == [False, True]
    assert is_stored(allocated(model))
    monkeypatch.setenv("LITEJIT_CONVOLUTION", "direct")
    assert not is_stored(allocated(model))
    monkeypatch.setenv("LITEJIT_PROGRAMS", "off")
    assert [is_stored(allocated(model)) for _ in range(2)] == [False, False]


def test_settings_that_change_between_allocations(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interpreter = allocated(DIGITS[0].read_bytes())
    detail = interpreter.get_input_details()[0]
    kept = [len(list(folder.glob("program-*")))]
    for number, value in enumerate(["1", "2", "1"]):
        monkeypatch.setenv("LITEJIT_ANYTHING", value)
        # Another shape and back: the program for it may have been kept, but not with this setting.
        for shape in ((2, *detail["shape"][1:]), detail["shape"]):
            interpreter.resize_tensor_input(detail["index"], shape)
            interpreter.allocate_tensors()
            assert is_stored(interpreter) == (number == 2)
        kept.append(len(list(folder.glob("program-*"))))
    assert kept == [1, 3, 5, 5]


def test_settings_that_change_while_a_program_is_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept under none of them: it was made by some of both."""
    lowered = NativePlan.__init__

    def changing(*arguments: Any) -> None:
        lowered(*arguments)
        monkeypatch.setenv("LITEJIT_ANYTHING", "2")

    with monkeypatch.context() as patched:
        patched.setattr(NativePlan, "__init__", changing)
        interpreter = allocated(DIGITS[0].read_bytes())
    assert not list(folder.glob("program-*"))
    profile(interpreter, 1)
    assert not list(folder.glob("program-*"))


def test_measurements_are_those_that_programs_were_made_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may measure in the meantime: this one keeps to what it knows, in its choice and in its keys."""
    path = tmp_path / "tuned"
    monkeypatch.setattr(library, "_tuned", lambda: str(path))
    library.measured.cache_clear()
    model = DIGITS[0].read_bytes()
    assert not is_stored(allocated(model))
    cache.store(str(path), b'{"nothing like it": "direct"}')
    assert is_stored(allocated(model))
    library.measured.cache_clear()  # as another process finds it
    assert not is_stored(allocated(model))
    library.measured.cache_clear()


def test_models_one_byte_apart() -> None:
    first = DIGITS[0].read_bytes()
    other = bytearray(first)
    other[len(other) // 2] ^= 1  # of a weight
    allocated(first)
    assert not is_stored(allocated(bytes(other)))
    assert is_stored(allocated(first))


def test_files_that_change(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a model.tflite"
    model = bytearray(DIGITS[0].read_bytes())

    def write() -> None:
        """In place, at what looks like the same time."""
        with path.open("r+b" if path.exists() else "wb") as file:
            file.write(model)
        os.utime(path, (1, 1))
        time.sleep(0.05)  # a tick of the file system's clock

    def is_known() -> bool:
        interpreter = Interpreter(path)
        interpreter.allocate_tensors()
        return is_stored(interpreter)

    write()
    assert [is_known(), is_known()] == [False, True]
    assert not list(folder.glob("model-*")), "it has been written just now"
    monkeypatch.setattr(content, "SETTLED_NS", 0)
    assert is_known()
    assert len(list(folder.glob("model-*"))) == 1
    digests: list[object] = []
    monkeypatch.setattr(content, "digest", lambda part: digests.append(part) or cache.digest(part))
    assert is_known()
    assert list(map(type, digests)) == [str], "its bytes are not read again"
    model[len(model) // 2] ^= 1
    write()
    assert [is_known(), is_known()] == [False, True]


@pytest.mark.parametrize("damage", ["empty", "half", "a byte", "another file"])
def test_damaged_files_are_not_used(damage: str, folder: Path) -> None:
    model = DIGITS[0].read_bytes()
    expected = outputs(allocated(model))
    (path,) = folder.glob("program-*")
    content = path.read_bytes()
    at = len(content) * 2 // 3
    changed = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    path.write_bytes({"empty": b"", "half": content[:at], "a byte": changed, "another file": b"x" * 5000}[damage])
    interpreter = allocated(model)
    assert not is_stored(interpreter)
    assert outputs(interpreter) == expected
    assert is_stored(allocated(model))


def test_programs_used_last_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = DIGITS[0].read_bytes()
    allocated(model)
    (first,) = folder.glob("program-*")
    monkeypatch.setattr(stored, "MOST_BYTES", first.stat().st_size * 5 // 2)
    os.utime(first, (1, 1))
    allocated(model, num_threads=2)
    (second,) = set(folder.glob("program-*")) - {first}
    os.utime(second, (2, 2))
    assert is_stored(allocated(model))  # now it is the one used last
    allocated(model, num_threads=3)
    assert first.exists()
    assert not second.exists()
    assert len(list(folder.glob("program-*"))) == 2


def test_the_newest_digests_of_models_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "MOST_DIGESTS", 2)
    for at in (3, 1, 2):
        path = folder / f"model-{at}"
        path.write_text("digest")
        os.utime(path, (at, at))
    allocated(DIGITS[0].read_bytes())
    assert sorted(path.name[:7] for path in folder.iterdir()) == ["model-2", "model-3", "program"]


def test_models_with_state_are_not_kept(folder: Path) -> None:
    b = ModelBuilder()
    x, handle = b.input("x", (1, 4), np.float32), b.tensor("handle", (), TensorType.RESOURCE)
    value = b.tensor("value", (1, 4), np.float32)
    b.op("VAR_HANDLE", [], [handle], shared_name="v")
    b.op("ASSIGN_VARIABLE", [handle, x], [])
    b.op("READ_VARIABLE", [handle], [value])
    b.output(value)
    model = b.to_bytes()
    assert [is_stored(allocated(model)) for _ in range(2)] == [False, False]


def test_folders_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setattr(stored, "directory", lambda: blocked)
    model = DIGITS[0].read_bytes()
    assert [is_stored(allocated(model)) for _ in range(2)] == [False, False]
