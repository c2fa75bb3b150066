"""Golden vectors: a C header that compiles and holds the numbers, archives, a model that the official runtime runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from litejit import Interpreter, InvalidInputError, ModelBuilder, UnsupportedError
from litejit.crosscheck.official import official
from litejit.crosscheck.vectors import Vectors, vectors, write_vectors
from litejit.testing import Const, Input, out, single_op
from tests.paths import ROOT

MODELS = ROOT / "interpreter" / "models"
OPERATORS = [
    (name, index)
    for name in ("digits_int8", "digits_uint8", "digits_int16x8", "digits_float32", "digits_dynamic")
    for index in (0, 1, 3, 5, 6)
]


@pytest.mark.parametrize(("name", "index"), OPERATORS)
def test_single_operator_model(name: str, index: int, tmp_path: Path) -> None:
    found = write_vectors(MODELS / f"{name}.tflite", index, tmp_path / "op.tflite", "tflite")
    answer = official.run((tmp_path / "op.tflite").read_bytes(), [found.arrays[label] for label in found.inputs])
    assert answer.error is None
    assert len(answer.details["operators"]) == 1
    expected = found.arrays["output_0"]
    if expected.dtype.kind == "f":
        np.testing.assert_allclose(answer.outputs[0], expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    else:
        np.testing.assert_array_equal(answer.outputs[0], expected)


MAIN = """
#include <stdio.h>
#include <string.h>
#include "vectors.h"
int main(void) {
PRINTS  return 0;
}
"""
PRINT = """  {
    unsigned char bytes[sizeof ARRAY];
    unsigned i;
    memcpy(bytes, ARRAY, sizeof ARRAY);
    printf("ARRAY ");
    for (i = 0; i < sizeof ARRAY; ++i) printf("%02x", bytes[i]);
    printf("\\n");
  }
"""
FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no C compiler: install gcc")


def compiled(folder: Path, main: str) -> str:
    """What a C program prints that lies beside vectors.h."""
    (folder / "main.c").write_text(main)
    subprocess.run(["gcc", *FLAGS, "main.c", "-o", "main", "-lm"], cwd=folder, check=True, timeout=60)
    return subprocess.run([folder / "main"], capture_output=True, text=True, check=True, timeout=60).stdout


def assert_header_holds(found: Vectors, folder: Path) -> None:
    """A program prints every array of the header, byte by byte: they are the arrays and the parameters."""
    header = (folder / "vectors.h").read_text()
    names = re.findall(r"^LITEJIT_UNUSED static const \w+ (\w+)\[", header, re.MULTILINE)
    printed = compiled(folder, MAIN.replace("PRINTS", "".join(PRINT.replace("ARRAY", name) for name in names)))
    prefix = found.op.lower()
    expected = {f"{prefix}_{name}": np.atleast_1d(value) for name, value in (found.parameters | found.arrays).items()}
    assert set(names) == set(expected)
    for line in printed.splitlines():
        name, digits = line.split()
        value = np.asarray(expected[name])
        content = np.frombuffer(bytes.fromhex(digits), np.uint8 if value.dtype == bool else value.dtype)
        np.testing.assert_array_equal(content, value.ravel() if value.size else np.zeros(1, value.dtype))


@needs_gcc
@pytest.mark.parametrize(("name", "index"), OPERATORS)
def test_c_header(name: str, index: int, tmp_path: Path) -> None:
    assert_header_holds(write_vectors(MODELS / f"{name}.tflite", index, tmp_path / "vectors.h", "c"), tmp_path)


@needs_gcc
def test_c_header_alone(tmp_path: Path) -> None:
    """Nothing of it has to be used, and two of one kind fit into one program."""
    for index in (0, 2):
        write_vectors(MODELS / "digits_int8.tflite", index, tmp_path / f"{index}.h", "c", prefix=f"conv{index}")
    program = '#include "0.h"\n#include "2.h"\nint main(void) { return conv0_input_rank - conv2_input_rank; }'
    (tmp_path / "alone.c").write_text((tmp_path / "0.h").read_text())
    subprocess.run(["gcc", *FLAGS, "-c", "alone.c"], cwd=tmp_path, check=True, timeout=60)
    compiled(tmp_path, program)


@needs_gcc
@pytest.mark.parametrize("name", ["2fast", "*/ int x; /*", "größer", "a-b c"])
def test_c_header_of_custom_operators(name: str, tmp_path: Path) -> None:
    """Whatever they are called."""
    b = ModelBuilder()
    b.output(b.op(name, [b.input("x", (2,))], [out(shape=(2,))], custom=True))
    interpreter = Interpreter(model_content=b.to_bytes(), custom_ops={name: lambda x: x * 2})
    write_vectors(interpreter, 0, tmp_path / "vectors.h", "c")
    compiled(tmp_path, '#include "vectors.h"\nint main(void) { return 0; }')


EXTREMES = {
    "float32": np.array([np.nan, np.inf, -np.inf, -0.0, 1e-45, 3.4028235e38, 0.1], np.float32),
    "float64": np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324, 1.7976931348623157e308, 0.1]),
    "int8": np.array([-128, 127, 0], np.int8),
    "int16": np.array([-32768, 32767], np.int16),
    "int32": np.array([-(2**31), 2**31 - 1], np.int32),
    "int64": np.array([-(2**63), 2**63 - 1], np.int64),
    "uint8": np.array([0, 255], np.uint8),
    "uint32": np.array([0, 2**32 - 1], np.uint32),
    "bool": np.array([True, False]),
    "empty": np.zeros((0, 3), np.float32),
    "scalar": np.float32(-2.5),
}


@needs_gcc
@pytest.mark.parametrize("case", EXTREMES)
def test_c_header_of_extremes(case: str, tmp_path: Path) -> None:
    """Every type and its ends; sums that C evaluates itself, as it does 1 - 2, must not creep in."""
    value = np.asarray(EXTREMES[case])
    problem = single_op("RESHAPE", [Input(value), Const(np.int32(value.shape))], outputs=[out(value.dtype)])
    found = write_vectors(problem.model, 0, tmp_path / "vectors.h", "c", inputs=[value])
    np.testing.assert_array_equal(found.arrays["output_0"], value)
    assert_header_holds(found, tmp_path)


@needs_gcc
def test_a_kernel_written_from_the_header_gives_the_output(tmp_path: Path) -> None:
    """FULLY_CONNECTED in C, from nothing but the header."""
    write_vectors(MODELS / "digits_int16x8.tflite", 5, tmp_path / "vectors.h", "c")
    compiled(tmp_path, FULLY_CONNECTED)


@needs_gcc
def test_a_kernel_of_floats_written_from_the_header_gives_the_output(tmp_path: Path) -> None:
    write_vectors(MODELS / "digits_float32.tflite", 5, tmp_path / "vectors.h", "c")
    compiled(tmp_path, FLOATS)


FLOATS = """
#include "vectors.h"
#define V(name) fully_connected_##name
int main(void) {
  int unit, k;
  for (unit = 0; unit < V(output_0_size); ++unit) {
    double sum = V(bias)[unit];
    for (k = 0; k < V(input_size); ++k) sum += (double)V(input)[k] * V(weights)[unit * V(input_size) + k];
    if (fabs(sum - V(output_0)[unit]) > 1e-5) return 1 + unit;
  }
  return 0;
}
"""
FULLY_CONNECTED = """
#include "vectors.h"
#define V(name) fully_connected_##name
int main(void) {
  int unit, k;
  for (unit = 0; unit < V(output_0_size); ++unit) {
    int64_t sum = V(bias)[unit];
    for (k = 0; k < V(input_size); ++k)
      sum += (int64_t)(V(input)[k] + V(input_offset)[0]) * V(weights)[unit * V(input_size) + k];
    double real = ldexp((double)V(output_multiplier)[sizeof V(output_multiplier) > 4 ? unit : 0],
                        V(output_shift)[sizeof V(output_shift) > 4 ? unit : 0] - 31);
    double y = round((double)sum * real) + V(output_offset)[0];
    if (y < V(clamp_min)[0]) y = V(clamp_min)[0];
    if (y > V(clamp_max)[0]) y = V(clamp_max)[0];
    if ((int)y != V(output_0)[unit]) return 1 + unit;
  }
  return 0;
}
"""


def test_archive_and_json(tmp_path: Path) -> None:
    path = MODELS / "digits_int8.tflite"
    found = write_vectors(path, 2, tmp_path / "v.npz", "npz")
    with np.load(tmp_path / "v.npz") as archive:
        for name, value in found.arrays.items():
            np.testing.assert_array_equal(archive[name], value)
        assert archive["parameter_output_multiplier"].shape == archive["parameter_output_shift"].shape == (32,)
        assert archive["parameter_stride_w"] == 1
    write_vectors(path, 2, tmp_path / "v.json", "json")
    document = json.loads((tmp_path / "v.json").read_text())
    assert document["op"] == "CONV_2D"
    assert document["arrays"]["filter"]["shape"] == list(found.arrays["filter"].shape)
    assert document["arrays"]["output_0"]["data"] == found.arrays["output_0"].ravel().tolist()


def test_operators_are_found_by_name_too() -> None:
    path = MODELS / "digits_int8.tflite"
    name = Interpreter(path).get_output_details()[0]["name"]
    assert vectors(path, name).op == "SOFTMAX"
    assert vectors(path, "0:3").op == "AVERAGE_POOL_2D"


ERRORS = {
    "index": (99, "the model has no operator 99 in subgraph 0"),
    "name": ("nothing", "no operator of the model has an output called 'nothing'"),
    "subgraph": ("3:0", "the model has no operator 0 in subgraph 3"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case: str) -> None:
    operator, message = ERRORS[case]
    with pytest.raises(InvalidInputError) as caught:
        vectors(MODELS / "digits_int8.tflite", operator)
    assert message in str(caught.value)


def test_format() -> None:
    with pytest.raises(InvalidInputError, match="format is 'xml', expected one of c, npz, json, tflite"):
        write_vectors(MODELS / "digits_int8.tflite", 0, "x", "xml")


def test_types_without_a_c_type(tmp_path: Path) -> None:
    model = single_op("ABS", [Input(np.ones(3, np.float16))]).model
    with pytest.raises(UnsupportedError, match="float16"):
        write_vectors(model, 0, tmp_path / "v.h", "c")
