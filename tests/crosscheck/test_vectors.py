"""Golden vectors: a C header that compiles and holds the numbers, archives, a model that the official runtime runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from litejit import InvalidInputError, UnsupportedError
from litejit.crosscheck.official import official
from litejit.crosscheck.vectors import vectors, write_vectors
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
int main(void) {
  long long sum = 0; int i;
  for (i = 0; i < LABEL_output_0_size; ++i) sum += LABEL_output_0[i] * (long long)(i % 97 + 1);
  printf("%lld %d\\n", sum, (int)LABEL_output_0_rank);
  return 0;
}
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no C compiler")
@pytest.mark.parametrize(("name", "index"), [case for case in OPERATORS if "int" in case[0]])
def test_c_header(name: str, index: int, tmp_path: Path) -> None:
    found = write_vectors(MODELS / f"{name}.tflite", index, tmp_path / "vectors.h", "c")
    label = found.op.lower()
    used = "".join(f"  (void){array};\n" for array in _arrays((tmp_path / "vectors.h").read_text()))
    main = MAIN.replace("LABEL", label).replace("  return 0;", f"{used}  return 0;")
    (tmp_path / "main.c").write_text(f'#include <stdio.h>\n#include "vectors.h"\n{main}')
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    subprocess.run(["gcc", *flags, "main.c", "-o", "main"], cwd=tmp_path, check=True, timeout=60)
    printed = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True, timeout=60).stdout
    output = found.arrays["output_0"].ravel().astype(np.int64)
    assert printed.split() == [
        str((output * (np.arange(output.size) % 97 + 1)).sum()),
        str(found.arrays["output_0"].ndim),
    ]


def _arrays(header: str) -> list[str]:
    return re.findall(r"^static const \w+ (\w+)\[", header, re.MULTILINE)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no C compiler")
def test_a_kernel_written_from_the_header_gives_the_output(tmp_path: Path) -> None:
    """FULLY_CONNECTED in C, from nothing but the header."""
    write_vectors(MODELS / "digits_int16x8.tflite", 5, tmp_path / "vectors.h", "c")
    (tmp_path / "main.c").write_text(FULLY_CONNECTED)
    subprocess.run(["gcc", "-std=c99", "-Wall", "-Werror", "-Wno-unused-variable", "-Wno-unused-const-variable",
                    "main.c", "-o", "main", "-lm"], cwd=tmp_path, check=True, timeout=60)  # fmt: skip
    subprocess.run([tmp_path / "main"], check=True, timeout=60)


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
    from litejit import Interpreter

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
    from litejit.testing import Input, single_op

    model = single_op("ABS", [Input(np.ones(3, np.float16))]).model
    with pytest.raises(UnsupportedError, match="float16"):
        write_vectors(model, 0, tmp_path / "v.h", "c")
