"""The command line: what it prints, its exit codes, one-line errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litejit import ModelBuilder
from litejit.cli import main, shipped_models
from tests.oracle import oracle
from tests.paths import EXTRA_DATA, EXTRA_MODELS, ROOT

MODELS = ROOT / "interpreter" / "models"


def doubling(folder: Path, shape: tuple[int, ...], dtype: type = np.float32, name: str = "x", **keywords: Any) -> str:
    """The path of a model that adds its input to itself; its output is "twice"."""
    b = ModelBuilder()
    x = b.input(name, shape, dtype, **keywords)
    scale = {"scale": 2 * keywords["scale"]} if "scale" in keywords else {}
    b.output(b.op("ADD", [x, x], [{"name": "twice", "shape": shape, "dtype": dtype, **scale}]))
    (folder / "twice.tflite").write_bytes(b.to_bytes())
    return str(folder / "twice.tflite")


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
    model = doubling(tmp_path, (1, 100))
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.full(60, 8192, "<i2").tobytes())
    target = tmp_path / "out.npz"
    assert main(["run", model, "-i", str(tmp_path / "a.wav"), "--save", str(target)]) == 0
    np.testing.assert_array_equal(np.load(target)["twice"][0], [0.5] * 60 + [0] * 40)


def photo(folder: Path) -> tuple[str, np.ndarray]:
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(folder / "photo.png")
    return str(folder / "photo.png"), pixels


@pytest.mark.parametrize(
    ("shape", "signature", "options", "expected"),
    [
        ((1, 4, 6, 3), None, [], lambda p: (p[None] - 127.5) / 127.5),
        ((1, 1, 1, 3), (1, -1, -1, 3), [], lambda p: (p[None] - 127.5) / 127.5),
        ((1, 3, 4, 6), None, ["--mean", "0", "--std", "255"], lambda p: p.transpose(2, 0, 1)[None] / 255),
    ],
    ids=["default", "open size", "channels first"],
)
def test_run_normalizes_pictures(shape: Any, signature: Any, options: Any, expected: Any, tmp_path: Path) -> None:
    model = doubling(tmp_path, shape, shape_signature=signature)
    file, pixels = photo(tmp_path)
    assert main(["run", model, "-i", file, "--save", str(tmp_path / "out.npz"), *options]) == 0
    twice = np.load(tmp_path / "out.npz")["twice"]
    np.testing.assert_allclose(twice, 2 * expected(pixels.astype(np.float32)), rtol=1e-6, atol=1e-6)


def test_run_tells_inputs_apart_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    b = ModelBuilder()
    first, second = b.input("first", (2,), np.int32), b.input("second", (2,), np.int32)
    b.output(b.op("SUB", [first, second], [{"name": "file", "shape": (2,), "dtype": np.int32}]))
    (tmp_path / "m.tflite").write_bytes(b.to_bytes())
    np.save(tmp_path / "one.npy", np.array([1, 1], np.int32))
    np.savez(tmp_path / "more.npz", first=np.array([5, 7], np.int64), second=np.zeros(2, np.int64))
    run = ["run", str(tmp_path / "m.tflite"), "--save", str(tmp_path / "out.npz")]
    assert main([*run, "-i", f"second={tmp_path / 'one.npy'}", "-i", str(tmp_path / "more.npz")]) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "out.npz")["file"], [4, 6])
    assert main([*run, "-i", str(tmp_path / "one.npy")]) == 1
    assert "2 inputs (first, second), 1 files" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.array([300.0, 1.0]), ""),
        (np.array([300, 1]), "do not fit the input's int8"),
        (np.zeros(3, np.int8), "resize"),
    ],
)
def test_run_checks_arrays(array: np.ndarray, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "in.npy", array)
    model = doubling(tmp_path, (2,), np.int8, scale=1.0)
    assert main(["run", model, "-i", str(tmp_path / "in.npy")]) == bool(text)
    assert text in capsys.readouterr().err


PHOTOS = [
    (model, EXTRA_DATA / "image" / "grace_hopper.bmp")
    for model in EXTRA_MODELS
    if model.stem in ("mobilenet_v1_025_128_quant", "mobilenet_v2_10_224_quant", "mobilenet_v1_025_224_float")
]


@pytest.mark.parametrize(("model", "picture"), PHOTOS, ids=lambda path: path.stem)
def test_best_classes_of_a_photo_are_the_official_ones(
    model: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    labels = (EXTRA_DATA / "labels" / "imagenet_labels.txt").read_text().splitlines()
    size = int(model.stem.split("_")[3])
    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR))[None]
    value = (pixels.astype(np.float32) - 127.5) / 127.5 if "float" in model.stem else pixels
    official = oracle.run(model.read_bytes(), [value]).outputs[0].ravel().astype(np.float64)
    best = np.argsort(-official, kind="stable")[:5]
    run = ["run", str(model), "-i", str(picture), "--labels", str(EXTRA_DATA / "labels" / "imagenet_labels.txt")]
    assert main([*run, "--resolver", "ref"]) == 0
    printed = [line.split(maxsplit=1)[1] for line in capsys.readouterr().out.splitlines()[1:]]
    assert printed == [labels[index] for index in best]


def test_inspect_takes_names_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", doubling(tmp_path, (2,), name="[bold]x[/red]")]) == 0
    assert "[bold]x[/red]" in capsys.readouterr().out


def test_inspect_shows_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = ModelBuilder()
    model.output(model.op("NEG", [model.input("x", (2,))]))
    model.build().subgraphs[0].operators[0].opcode_index = 7
    (tmp_path / "bad.tflite").write_bytes(model.to_bytes())
    assert main(["inspect", str(tmp_path / "bad.tflite")]) == 0
    assert "operator code 7, which is not there" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("PIL", ["run", "digits_int8", "-i", str(MODELS / "digit_0.png")]),
        ("rich.console", ["inspect", "digits_int8"]),
        ("rich.console", ["ops"]),
    ],
)
def test_missing_packages_are_named(
    module: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert "litejit[cli]" in error
    assert error.count("\n") == 1


def test_run_needs_no_rich(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert main(["run", "digits_int8", "-i", str(MODELS / "digit_4.png"), "--top", "1"]) == 0
    assert capsys.readouterr().out.split()[-1] == "4"


def test_progress_is_shown_on_terminals_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["run", "digits_int8", "-i", str(MODELS / "digit_4.png")]
    assert main(run) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert main(run) == 0
    captured = capsys.readouterr()
    assert "running digits_int8" in captured.err
    assert "running" not in captured.out


def test_unexpected_errors_take_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_: object) -> None:
        raise KeyError("unforeseen")

    monkeypatch.setattr("litejit.cli_run.run", fail)
    assert main(["run", "digits_int8"]) == 1
    assert capsys.readouterr().err == "litejit: KeyError (--debug shows where): 'unforeseen'\n"
    with pytest.raises(KeyError):
        main(["run", "digits_int8", "--debug"])


def test_a_reader_may_stop_reading() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "litejit.cli", "ops", "--json"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


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
    assert rows["CONV_2D"]["tier"].startswith("reference")
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
        (["run", "digits_int8", "--std", "0"], 2, "must not be 0"),
        (["run", "digits_int8", "--mean", "nan"], 2, "not a finite number"),
        (["run", "digits_int8", "--top", "0"], 2, "less than 1"),
        (["run", "digits_int8", "--threads", "many"], 2, "invalid"),
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
