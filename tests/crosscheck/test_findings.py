"""`compare` on bad input: findings and refused arguments, never a traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, InvalidInputError, ModelBuilder
from litejit.crosscheck import compare
from litejit.crosscheck.official import OfficialRuntime
from litejit.interpreter import OpResolverType
from tests.crosscheck.test_compare import DIGITS, chain


def boom(inputs: Any) -> Any:
    raise KeyError("nothing here")


def missing_outputs(tmp_path: Path) -> Any:
    np.savez(tmp_path / "d.npz", x=np.zeros((2, 3), np.float32), abs=np.zeros((3, 2), np.float32), stranger=1)
    return tmp_path / "d.npz"


def not_a_number(tmp_path: Path) -> Any:
    np.savez(tmp_path / "d.npz", x=np.zeros((2, 3), np.float32), abs=np.full((2, 3), np.nan, np.float32))
    return tmp_path / "d.npz"


def other_inputs(tmp_path: Path) -> Any:
    np.savez(tmp_path / "d.npz", x=np.ones((2, 3), np.float32))
    return tmp_path / "d.npz"


def no_archive(tmp_path: Path) -> Any:
    (tmp_path / "d.npz").write_bytes(b"PK nonsense")
    return tmp_path / "d.npz"


def bad_files(tmp_path: Path) -> Any:
    (tmp_path / "abs.bin").write_bytes(b"12345")
    (tmp_path / "x.npy").write_bytes(b"nonsense")
    return tmp_path


def numbers_as_pickles(tmp_path: Path) -> Any:
    np.savez(tmp_path / "d.npz", abs=np.array([{}], object))
    return tmp_path / "d.npz"


def half_a_file(tmp_path: Path) -> Any:
    np.save(tmp_path / "abs.npy", np.zeros((2, 3), np.float32))
    (tmp_path / "abs.npy").write_bytes((tmp_path / "abs.npy").read_bytes()[:-4])
    (tmp_path / "x.npy").mkdir()
    return tmp_path


def divides(input1: np.ndarray, input2: np.ndarray) -> np.ndarray:
    return np.float32(1 // 0) * input1


FINDINGS: dict[str, tuple[Any, list[str]]] = {
    "a function that fails": (lambda _: boom, ["boom failed: KeyError"]),
    "another shape, an unknown name": (missing_outputs, ["the model has no tensor called stranger"]),
    "a function that returns nothing": (lambda _: lambda inputs: None, ["is no array of numbers or bytes"]),
    "a function that returns too much": (
        lambda _: lambda inputs: [inputs["x"]] * 3,
        ["returns 3 arrays, the model has 1 outputs"],
    ),
    "a function that returns a ragged list": (lambda _: lambda inputs: [[[1, 2], [3]]], ["failed: ValueError"]),
    "a kernel that fails": (
        lambda _: Interpreter(model_content=chain(), kernels={1: divides}),
        ["litejit: subgraph 0, operator 1 (ADD): ZeroDivisionError"],
    ),
    "a kernel with a result of another shape": (
        lambda _: Interpreter(model_content=chain(), kernels={0: lambda x: x[:1]}),
        ["its kernel returned float32[1, 3] for tensor 1 'abs'"],
    ),
    "an interpreter of another model": (lambda _: Interpreter(DIGITS), ["has shape (2, 3), expected rank 4"]),
    "pickles": (numbers_as_pickles, ["d.npz cannot be read as an .npz file: Object arrays"]),
    "half a file": (half_a_file, ["abs.npy cannot be read", "x.npy cannot be read"]),
    "other inputs": (other_inputs, ["was run on other inputs (tensor 0 'x')"]),
    "no archive": (no_archive, ["d.npz cannot be read as an .npz file"]),
    "an empty directory": (lambda path: path, ["holds no tensors"]),
    "files that are no tensors": (bad_files, ["abs.bin cannot be read", "x.npy cannot be read"]),
}


@pytest.mark.parametrize("case", FINDINGS)
def test_findings(case: str, tmp_path: Path) -> None:
    against, expected = FINDINGS[case]
    result = compare(chain(), [np.zeros((2, 3), np.float32)], against=against(tmp_path))
    assert not result.agrees
    for text in expected:
        assert any(finding.severity == "error" and text in finding.text for finding in result.findings), result.findings


def test_shapes_and_nan_in_a_dump(tmp_path: Path) -> None:
    result = compare(chain(), against=missing_outputs(tmp_path))
    assert "shapes differ: [2, 3] and [3, 2]" in result.summary()
    result = compare(chain(), against=not_a_number(tmp_path))
    first = result.first_divergence("isolated")
    assert first.op == "ABS"
    assert first.worst("isolated").max_abs == float("inf")


def test_a_reference_that_fails_blames_nothing() -> None:
    """What a run that failed did not compute is not compared with anything."""
    for resolver in (OpResolverType.AUTO, OpResolverType.BUILTIN_REF):
        broken = Interpreter(model_content=chain(), kernels={1: divides}, experimental_op_resolver_type=resolver)
        result = compare(chain(), reference=broken)
        assert "subgraph 0, operator 1 (ADD): ZeroDivisionError" in result.findings[0].text
        assert not result.agrees
        assert result.first_divergence() is None


def test_inputs_that_are_no_numbers() -> None:
    for value in (np.nan, np.inf, 3e38):
        result = compare(chain(), [np.full((2, 3), value, np.float32)])
        assert result.agrees, result.summary()
        assert not result.findings


INPUTS = {
    "another dtype": np.zeros((2, 3), np.int8),
    "words": np.array([["a", "b", "c"]] * 2),
    "objects": np.array([[None, 1, 2]] * 2, object),
    "None": None,
}


@pytest.mark.parametrize("case", INPUTS)
def test_inputs_that_do_not_fit(case: str) -> None:
    result = compare(chain(), [INPUTS[case]])
    assert [finding.severity for finding in result.findings] == ["error", "error"]
    assert "litejit: Cannot set tensor" in result.findings[0].text
    assert result.first_divergence() is None


def test_inputs_of_another_shape_resize_the_model() -> None:
    result = compare(chain(), [np.ones((5, 5), np.float32)])
    assert result.agrees, result.summary()
    assert result.outputs[0].shape == (5, 5)


def test_a_function_cannot_change_the_inputs() -> None:
    x = np.float32([[1, 2, 3], [4, 5, 6]])
    compare(chain(), [x], against=lambda inputs: inputs["x"].__imul__(2))
    assert x[0, 0] == 1


def test_an_official_kernel_that_aborts() -> None:
    """The reference kernel of SOFTMAX does, on a sum of 600 ones; the comparison goes on, and so does the next one."""
    b = ModelBuilder()
    x = b.input("x", (1, 600), np.int8, scale=0.01)
    y = b.op("SOFTMAX", [b.op("ABS", [x], [{"dtype": np.int8, "scale": 0.01}])],
             [{"dtype": np.int8, "scale": 1 / 256, "zero_point": -128}], beta=1.0)  # fmt: skip
    b.output(y)
    result = compare(b.to_bytes(), [np.zeros((1, 600), np.int8)])
    assert "litert-ref does not run the model: the process died" in result.findings[0].text
    assert "operator 1 (SOFTMAX) alone: the process died" in result.findings[1].text
    assert result.operators[0].metrics["isolated"][0].equal
    assert compare(chain()).agrees


def test_an_empty_model() -> None:
    assert compare(b"").findings[0].text == "the model is empty"


def test_a_model_that_litejit_refuses() -> None:
    b = ModelBuilder()
    b.output(b.op("Strange", [b.input("x", (2,))], custom=True))
    result = compare(b.to_bytes())
    assert not result.agrees
    assert "there is no kernel for this operator" in result.findings[0].text
    result = compare(b"this is no model at all")
    assert result.operators == []
    assert "litejit does not load the model" in result.findings[0].text
    assert "litert-ref refuses it, too" in result.findings[1].text


def test_an_official_runtime_that_refuses_the_model() -> None:
    b = ModelBuilder()
    x = b.input("x", (4,))
    b.output(b.op("CEIL", [b.op("ABS", [x])]))
    result = compare(b.to_bytes())
    assert "litert-ref does not run the model" in result.findings[0].text
    assert "operators are compared one by one" in result.findings[0].text
    assert result.operators[0].metrics["isolated"][0].equal
    assert any("operator 1 (CEIL)" in finding.text for finding in result.findings)


def test_an_official_runtime_that_dies() -> None:
    service = OfficialRuntime()
    assert service.run(chain(), [np.zeros((2, 3), np.float32)]).error is None
    service._process.kill()
    service._process.wait()
    answer = service.run(chain(), [np.zeros((2, 3), np.float32)])
    assert answer.error is None
    assert "no answer within" in service.run(chain(), [np.zeros((2, 3), np.float32)], timeout=0).error
    service.close()


def test_an_official_runtime_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    from litejit.crosscheck import official

    official.official.close()
    monkeypatch.setattr(official, "is_installed", lambda: False)
    result = compare(chain())
    assert "pip install 'litejit[crosscheck]'" in result.findings[0].text


ARGUMENTS = {
    "runtime": ({"against": "tensorflow"}, "'tensorflow' is no runtime (litejit, litejit-jit, litert-ref"),
    "type of runtime": ({"against": 3}, "against is int"),
    "reference": ({"reference": "litert-ref"}, "reference is 'litert-ref', expected 'litejit'"),
    "missing file of inputs": ({"inputs": "/nothing/x.npz"}, "the inputs '/nothing/x.npz' cannot be read"),
    "no inputs at all": ({"inputs": 3}, "inputs are int, expected arrays"),
    "tolerance": ({"tolerance": float("nan")}, "tolerance is nan, expected a number that is not negative"),
    "missing model": ({"model": "/nothing/m.tflite"}, "the model '/nothing/m.tflite' cannot be read: No such file"),
    "no model": ({"model": 3}, "the model is int, expected a path, bytes or a Model"),
    "mode": ({"modes": ["parallel"]}, "modes are cascaded, isolated, not 'parallel'"),
    "number of inputs": ({"inputs": []}, "0 inputs are given, the model has 1"),
    "names of inputs": ({"inputs": {"y": 1}}, "inputs are called y, the model's are x"),
    "file of inputs": ({"inputs": "x.txt"}, "inputs come from .npy and .npz files"),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_arguments(case: str) -> None:
    keywords, message = ARGUMENTS[case]
    with pytest.raises(InvalidInputError) as caught:
        compare(**{"model": chain(), **keywords})
    assert message in str(caught.value)
