"""Object files made flat, and code loaded without LLVM."""

from __future__ import annotations

import ctypes
import platform
import sys

import numpy as np
import pytest

from litejit.kernels.jit import images, library

NAMES = ("executor.run", "pointwise.clamp", "convolution.int8_4", "softmax.floats")
HERE = sys.platform.startswith("linux") and platform.machine() == "x86_64"


def stored(name: str) -> tuple[bytes, str]:
    library.address(name)
    return library._read(name) or library._compile(name)


@pytest.mark.skipif(not HERE, reason="objects of x86-64 Linux alone are flattened")
@pytest.mark.parametrize("name", NAMES)
def test_flat_code_is_the_objects(name: str) -> None:
    code, symbol = stored(name)
    image = images.flatten(code, symbol)
    assert image is not None
    assert 0 <= image.entry < len(image.code)
    first, second = (images.load(image, library._symbols()) for _ in range(2))
    assert first is not None
    assert second is not None
    # Up to the addresses, code is the same wherever it lies.
    assert first[0] != second[0]
    places = np.zeros(len(image.code), bool)
    for place in (*image.inner, *(place for place, _ in image.outer)):
        places[place : place + 8] = True
    rows = [np.frombuffer(loaded[1][: len(image.code)], np.uint8) for loaded in (first, second)]
    assert np.array_equal(rows[0][~places], rows[1][~places])
    for place in image.inner:
        offsets = [
            int.from_bytes(loaded[1][place : place + 8], "little") - (loaded[0] - image.entry)
            for loaded in (first, second)
        ]
        assert offsets[0] == offsets[1]
        assert 0 <= offsets[0] < len(image.code)


def test_other_files_are_left_to_llvm() -> None:
    code, symbol = stored(NAMES[0])
    for damaged in (b"", b"MZ" + code[2:], code[:18] + b"\xb7\x00" + code[20:], code[:16] + b"\x03\x00" + code[18:]):
        assert images.flatten(damaged, symbol) is None
    assert images.flatten(code, "no_such_symbol") is None


@pytest.mark.skipif(not HERE, reason="objects of x86-64 Linux alone are flattened")
def test_symbols_that_do_not_exist() -> None:
    image = images.Image(bytes(16), 0, (), ((0, "litejit_no_such_function"),))
    assert images.load(image, {}) is None
    known = images.load(image, {"litejit_no_such_function": 5})
    assert known is not None
    assert ctypes.c_int64.from_address(known[0]).value == 5


def test_llvm_loads_what_is_not_flattened(monkeypatch: pytest.MonkeyPatch) -> None:
    code, symbol = stored("executor.run")
    monkeypatch.setattr(images, "load", lambda *_: None)
    assert library._load(code, symbol) != 0
