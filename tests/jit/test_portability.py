"""Kernels compiled for processors that are not here: the inner loops must consist of what each is fast at."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from litejit.kernels.jit import convolution
from litejit.kernels.jit.target import has_feature
from litejit.schema import TensorType
from tests.jit.equal import check_compiled
from tests.jit.test_convolution import convolution as drawn_convolution

SCRIPT = """
import json, sys
from litejit.kernels.jit import library
from litejit.kernels.jit.compiler import assembly
library._target()
print(json.dumps({name: assembly(name) for name in sys.argv[1:]}))
"""
X86, ARM = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"
CASES = [
    ("generic", X86, {"convolution.int8_4": ["pmaddwd", "paddd"], "convolution.float_4": ["mulps", "addps"]}),
    ("haswell", X86, {"convolution.int8_6": [r"vpmaddwd\t.*ymm"], "convolution.float_6": [r"vfmadd231ps\t.*ymm"]}),
    ("haswell", X86, {"split_products.uint8_4": [r"vpmaddubsw\t.*ymm"]}),
    ("cascadelake", X86, {"convolution.int8_6": [r"vpdpwssd\t.*ymm"], "depthwise.int8_4": [r"vpdpwssd\t.*ymm"]}),
    ("znver4", X86, {"dot_products.biased_6": [r"vpdpbusd\t.*ymm"]}),
    ("cortex-a53", ARM, {"convolution.int8_6": ["smlal", "sqxtn"], "convolution.float_6": [r"fmla\tv.*\.4s"]}),
    ("cortex-a76", ARM, {"dot_products.int8_6": [r"sdot\tv.*\.4s, v.*\.16b"], "depthwise.int8_4": ["smlal"]}),
]
"""Processor, kind of machine, patterns of instructions in the code of kernels."""


@pytest.mark.parametrize(("processor", "triple", "kernels"), CASES, ids=lambda case: case if type(case) is str else "")
def test_instructions(processor: str, triple: str, kernels: dict[str, list[str]]) -> None:
    environment = {**os.environ, "LITEJIT_CPU": processor, "LITEJIT_TRIPLE": triple}
    environment.pop("LITEJIT_CHECKED", None)
    command = [sys.executable, "-c", SCRIPT, *kernels]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    code = json.loads(done.stdout)
    for kernel, patterns in kernels.items():
        for pattern in patterns:
            assert re.search(rf"^\s+{pattern}", code[kernel], re.MULTILINE), (
                f"{kernel} for {processor} has no {pattern}"
            )


def with_feature(feature: str) -> Callable[[str], bool]:
    return lambda name: name == feature or has_feature(name)


has_dot_products = with_feature("dotprod")


@pytest.mark.parametrize(("feature", "kernel"), [("dotprod", "int8"), ("avx512vnni", "biased")])
@pytest.mark.parametrize("seed", range(40))
def test_dot_products(seed: int, feature: str, kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is computed with one instruction elsewhere is computed with several here."""
    monkeypatch.setattr(convolution, "has_feature", with_feature(feature))
    problem = drawn_convolution(seed, np.int8, False, input_zero_point=seed - 20, spread=8.0)
    check_compiled(problem, f"dot_products.{kernel}", threads=1 + seed % 2)


def test_dot_products_of_bytes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolution, "has_feature", has_dot_products)
    check_compiled(drawn_convolution(1, np.uint8, False), "convolution.int8")
    check_compiled(drawn_convolution(1, np.int8, False, spread=1e6, columns=20), "convolution.int8_wide")
    four_bits = drawn_convolution(1, np.int8, False, type=TensorType.INT4, spread=8.0)
    check_compiled(four_bits, "dot_products.int8")
