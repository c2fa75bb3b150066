"""The command line: what it prints, its exit codes, one-line errors."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from litejit import ModelBuilder
from litejit.cli import main, shipped_models
from tests.paths import ROOT

MODELS = ROOT / "interpreter" / "models"


@pytest.mark.parametrize("model", ["digits_int8", "digits_uint8", "digits_float32", "digits_dynamic", "digits_int16x8"])
@pytest.mark.parametrize("digit", [0, 3, 7])
def test_run_names_the_digit(model: str, digit: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", model, "--input", str(MODELS / f"digit_{digit}.png"), "--top", "1"]) == 0
    assert capsys.readouterr().out.split()[-1] == str(digit)


def test_run_saves_outputs_and_reads_arrays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = np.zeros((3, 8, 8, 1), np.float32)
    np.save(tmp_path / "in.npy", images)
    target = tmp_path / "out.npz"
    assert main(["run", "digits_float32", "-i", f"image={tmp_path / 'in.npy'}", "--save", str(target)]) == 0
    assert np.load(target)["scores"].shape == (3, 10)


def test_run_reads_sound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    b = ModelBuilder()
    x = b.input("samples", (1, 100), np.float32)
    b.output(b.op("ADD", [x, x], outputs=[{"name": "twice", "shape": (1, 100), "dtype": np.float32}]))
    (tmp_path / "twice.tflite").write_bytes(b.to_bytes())
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.full(60, 8192, "<i2").tobytes())
    target = tmp_path / "out.npz"
    assert main(["run", str(tmp_path / "twice.tflite"), "-i", str(tmp_path / "a.wav"), "--save", str(target)]) == 0
    np.testing.assert_array_equal(np.load(target)["twice"][0], [0.5] * 60 + [0] * 40)


def test_inspect_json_and_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "digits_int8", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["subgraphs"][0]["operators"][0]["operator"] == "CONV_2D"
    assert described["signatures"]["serving_default"]["inputs"] == {"image": 0}
    assert main(["inspect", "digits_int8"]) == 0
    assert "DEPTHWISE_CONV_2D" in capsys.readouterr().out


def test_ops(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ops", "--json"]) == 0
    rows = {row["operator"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["CONV_2D"]["tier"] == "reference"
    assert len(rows) > 200
    assert main(["ops"]) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["run", "no_such_model"], 1, "no such file"),
        (["run", "digits_int8"], 1, "0 files are given"),
        (["run", "digits_int8", "-i", "none.png"], 1, "no such file"),
        (["run", "digits_int8", "-i", str(ROOT / "README.md")], 1, "unknown kind of file"),
        (["inspect", str(ROOT / "README.md")], 1, "identifier"),
        (["run"], 2, "required"),
        (["fly"], 2, "invalid choice"),
        ([], 2, "required"),
    ],
)
def test_exit_codes(arguments: list[str], code: int, text: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "litejit.cli", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    if code == 1:
        assert done.stderr.count("\n") == 1


def test_debug_shows_the_traceback() -> None:
    with pytest.raises(ValueError, match="no such file"):
        main(["run", "no_such_model", "--debug"])


def test_shipped_models_are_listed() -> None:
    assert "digits_int8" in shipped_models()
