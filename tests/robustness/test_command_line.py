"""Bad files on the command line: exit code 1, nothing on stdout, one line on stderr that names what is wrong."""

from __future__ import annotations

import io
import re
import struct
import wave
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litejit.cli import main
from tests.paths import ROOT

MODELS = ROOT / "interpreter" / "models"
DIGIT = (MODELS / "digit_7.png").read_bytes()


def array(value: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, value)
    return file.getvalue()


def sound(width: int = 2, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as target:
        target.setnchannels(channels)
        target.setsampwidth(width)
        target.setframerate(16000)
        target.writeframes(bytes(100 * width * channels))
    return file.getvalue()


def huge_picture() -> bytes:
    header = b"IHDR" + struct.pack(">II", 20000, 20000) + DIGIT[24:29]
    return DIGIT[:12] + header + struct.pack(">I", zlib.crc32(header)) + DIGIT[33:]


BAD_MODELS = {
    "missing": (None, "no such file"),
    "directory": ("folder", "not a file"),
    "empty": (b"", "is empty"),
    "truncated": ((MODELS / "digits_int8.tflite").read_bytes()[:5000], "malformed file: .*5000 bytes of the file"),
    "a picture": (DIGIT, "identifier .* is this a model file"),
}

BAD_INPUTS = {
    "missing.npy": (None, "no such file"),
    "directory.png": ("folder", "not a file"),
    "empty.npy": (b"", "not a NumPy file"),
    "noise.npy": (b"noise" * 99, "not a NumPy file"),
    "truncated.npy": (array(np.zeros((1, 8, 8, 1), np.int8))[:-9], "not a NumPy file: .*64 elements"),
    "rank.npy": (array(np.zeros(5, np.int8)), r"'image': cannot resize \(1, 8, 8, 1\) .*to \(5,\)"),
    "shape.npy": (array(np.zeros((1, 9, 9, 1), np.int8)), "'image': cannot resize"),
    "text.npy": (array(np.array(["a"])), "holds <U1 values, input 'image' has int8"),
    "complex.npy": (array(np.zeros((1, 8, 8, 1), complex)), "holds complex128 values"),
    "nan.npy": (array(np.full((1, 8, 8, 1), np.nan)), "NaN has no place in input 'image'"),
    "noise.npz": (b"noise" * 99, "not a NumPy file"),
    "without arrays.npz": (b"PK\5\6" + bytes(18), "holds no arrays"),
    "empty.wav": (b"", "not a PCM .wav file: it ends too early"),
    "noise.wav": (b"noise" * 99, "not a PCM .wav file: .*RIFF"),
    "truncated.wav": (sound(channels=2)[:-3], "ends in the middle of a sample"),
    "24 bits.wav": (sound(width=3), "24 bits a sample, expected 16"),
    "empty.png": (b"", "is not a picture"),
    "noise.png": (b"noise" * 99, "is not a picture"),
    "truncated.png": (DIGIT[:60], "is not a picture: .*truncated"),
    "huge.png": (huge_picture(), "is not a picture: .*exceeds limit"),
    "other.txt": (b"text", "unknown kind of file"),
}


def place(path: Path, content: bytes | str | None) -> str:
    """A path of a file, of a folder, or of nothing."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "folder":
        path.mkdir()
    return str(path)


def assert_one_line(code: int, capsys: pytest.CaptureFixture[str], text: str) -> None:
    captured = capsys.readouterr()
    assert code == 1
    assert captured.out == ""
    assert re.fullmatch(f"litejit: .*{text}.*\n", captured.err), captured.err
    assert "--debug" not in captured.err


@pytest.mark.parametrize("command", [["run"], ["inspect"], ["inspect", "--json"]], ids=" ".join)
@pytest.mark.parametrize(("content", "text"), BAD_MODELS.values(), ids=BAD_MODELS)
def test_bad_models(
    command: list[str], content: bytes | str | None, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_one_line(main([*command, place(tmp_path / "model.tflite", content)]), capsys, text)


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_bad_inputs(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content, text = BAD_INPUTS[name]
    assert_one_line(main(["run", "digits_int8", "-i", place(tmp_path / name, content)]), capsys, text)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--labels", "no/labels.txt"], "No such file or directory: 'no/labels.txt'"),
        (["--labels", str(ROOT)], "Is a directory: '"),
        (["--std", "1e-300"], r"\(pixel - 127.5\) / 1e-300 is beyond float32"),
        (["--mean", "1e300"], r"\(pixel - 1e\+300\) / 127.5 is beyond float32"),
        (["-i", "second.png"], r"1 inputs \(image\), 2 files are given"),
    ],
)
def test_bad_options(options: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line(main(["run", "digits_int8", "-i", str(MODELS / "digit_7.png"), *options]), capsys, text)
