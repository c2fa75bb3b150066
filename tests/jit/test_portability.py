"""Kernels compiled for processors that are not here: the inner loops must consist of what each is fast at."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

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
    ("cascadelake", X86, {"convolution.int8_6": [r"vpdpwssd\t.*ymm"], "depthwise.int8_4": [r"vpdpwssd\t.*ymm"]}),
    ("cortex-a76", ARM, {"convolution.int8_6": ["smlal", "sqxtn"], "convolution.float_6": [r"fmla\tv.*\.4s"]}),
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
