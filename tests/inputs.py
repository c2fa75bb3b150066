"""Seeded inputs for any model, of two kinds: uniform over the range of the dtype, and like what the model is made for.

The second kind comes from the pictures, sounds and texts of tests.paths where they fit a model, from the digits that
ship with litejit for models of digits, and is normally distributed otherwise.
"""

from __future__ import annotations

import json
import re
import wave
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from litejit import Interpreter
from litejit.media import load_input, quantize
from tests.paths import EXTRA_DATA, ROOT, SHARED

__all__ = ["second_kind", "seeded_inputs"]

GIVEN = {"seanet_transpose_conv3.tflite": {0: np.array([1, 4, 82, 16], np.int32)}}
"""Inputs that only make sense with one value: an output shape, say."""
SMALLER = {"rt_conv3d_huge_im2col.tflite": [(2, 5, 7, 6, 2), (1, 2, 2, 2, 2)]}
"""Shapes for the second kind of inputs, of models that are huge."""
WORDS = [b"this", b"movie", b"was", b"great", b"free money now"]
REVIEW = "this was a great movie , i loved every minute of it and the ending made me cry"

PICTURES = {
    "detect": "cats_and_dogs.jpg",
    "face": "face.jpg",
    "hand": "squat.bmp",
    "img2img": "sunflower.bmp",
    "imgcls": "cat.bmp",
    "pose": "squat.bmp",
    "segment": "dog_segmentation_256.bmp",
    "superres": "face.jpg",
    "vww": "person_96.bmp",
    "bench": "grace_hopper.bmp",
    "features": "bird.bmp",
    "train": "burger-224.png",
}
"""The picture for models of a folder, if they have an input of pictures."""
SOUNDS = {
    "anomaly": "noise_1000ms.wav",
    "asr": "speech.wav",
    "audio": "speech.wav",
    "bench": "no_1000ms.wav",
    "denoise": "speech.wav",
    "kws": "yes_1000ms.wav",
}
"""The sound for models of a folder whose inputs are samples or spectra."""


@cache
def _manifest() -> dict[str, dict[str, Any]]:
    path = SHARED / "models" / "MANIFEST.json"
    if not path.exists():
        return {}
    return {entry["file"]: entry for entry in json.loads(path.read_text())["models"]}


def second_kind(path: Path) -> str:
    """The kind of inputs that a model is made for: "picture", "digit", "sound", "text", or "normal"."""
    folder, name = path.parent.name, path.stem
    if folder == "models" or "mnist" in name:
        return "digit"
    if name == "text_classification_movie":
        return "text"
    if folder in SOUNDS and not re.match("mobilenet|efficientnet|resnet|bert|lstm|lyra_(gan|quantizer)", name):
        return "sound"
    return "picture" if folder in PICTURES and not re.match("bert|lstm|transfer_(train|optim)", name) else "normal"


def seeded_inputs(interpreter: Interpreter, path: Path, kind: str = "uniform") -> list[np.ndarray]:
    """One array for each graph input, the same ones for the same file name. kind: "uniform", or `second_kind`."""
    rng = np.random.default_rng(zlib.crc32(path.name.encode()) + (kind != "uniform"))
    entry = _manifest().get(f"{path.parent.name}/{path.name}", {})
    low, _, high = ((entry.get("official") or {}).get("int_input_range") or "0..9").partition("..")
    shapes = entry.get("run_shapes") or []
    if kind != "uniform":
        shapes = SMALLER.get(path.name, shapes)
    result = []
    for at, detail in enumerate(interpreter.get_input_details()):
        shape = tuple(shapes[at]) if at < len(shapes) and shapes[at] is not None else tuple(map(int, detail["shape"]))
        detail = detail | {"shape": np.array(shape, np.int32), "shape_signature": np.array(shape, np.int32)}
        value = None if kind == "uniform" else REAL[kind](path, detail)
        if value is None:
            distribution = _uniform if kind == "uniform" else _normal
            value = _array(rng, shape, np.dtype(detail["dtype"]), int(low), int(high), distribution)
        result.append(GIVEN.get(path.name, {}).get(at, value))
    return result


def _uniform(rng: np.random.Generator, shape: tuple[int, ...], low: float, high: float) -> np.ndarray:
    return rng.uniform(low, high, shape)


def _normal(rng: np.random.Generator, shape: tuple[int, ...], low: float, high: float) -> np.ndarray:
    """Most values within an eighth of the range around its middle, none outside."""
    return np.clip(rng.normal((low + high) / 2, (high - low) / 16, shape), low, high)


def _array(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype, low: int, high: int, draw: Callable[..., Any]
) -> np.ndarray:
    if dtype.kind == "S":
        values = np.empty(shape, object)
        for at in np.ndindex(shape):
            values[at] = WORDS[int(rng.integers(len(WORDS)))]
        return values
    if dtype.kind == "f":
        return draw(rng, shape, -1, 1).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    if dtype.itemsize > 2:  # indices into something
        return rng.integers(low, high + 1, shape).astype(dtype)
    info = np.iinfo(dtype)
    if draw is _uniform:
        return rng.integers(info.min, info.max + 1, shape).astype(dtype)
    return np.rint(draw(rng, shape, info.min, info.max)).astype(dtype)


def _picture(path: Path, detail: dict[str, Any]) -> np.ndarray | None:
    """The folder's picture for a single image, pieces of it for a batch; None where the input is no picture."""
    shape = tuple(detail["shape"])
    channels_first = len(shape) == 4 and shape[1] in (1, 3)
    if (
        len(shape) != 4
        or not (channels_first or shape[3] in (1, 3))
        or min(np.delete(shape, [0, 1 if channels_first else 3])) < 8
    ):
        return None
    batch, *rest = shape
    if batch == 1:
        return load_input(EXTRA_DATA / "image" / PICTURES[path.parent.name], detail, None, None, None)
    tall = detail | {"shape_signature": np.array([1, batch * rest[0], *rest[1:]], np.int32)}
    return load_input(EXTRA_DATA / "image" / PICTURES[path.parent.name], tall, None, None, None).reshape(shape)


def _digit(path: Path, detail: dict[str, Any]) -> np.ndarray | None:
    """A seven; one of the digits that ship with litejit."""
    shape = tuple(detail["shape"])
    height, width = shape[1:3]
    picture = ROOT / "interpreter" / "models" / "digit_7.png"
    detail = detail | {"shape_signature": np.array([1, height, width, 1], np.int32)}
    return load_input(picture, detail, None, 0.0, 255.0).reshape(shape)


@cache
def _samples(name: str) -> np.ndarray:
    with wave.open(str(EXTRA_DATA / "audio" / name), "rb") as file:
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return data.reshape(-1, file.getnchannels()).mean(1) / 32768


def _sound(path: Path, detail: dict[str, Any]) -> np.ndarray | None:
    """The loudest samples of the folder's sound for a waveform; its spectra, scaled to 0 .. 1, for anything else."""
    dtype, shape = np.dtype(detail["dtype"]), tuple(detail["shape"])
    if dtype.kind not in "fiu" or dtype.itemsize > 4 or (dtype.kind != "f" and dtype.itemsize > 2):
        return None
    samples = _samples(SOUNDS[path.parent.name])
    size = int(np.prod(shape))
    if shape in ((15600,), (1, 320), (1, 1, 512)):
        start = int(np.abs(samples).argmax()) // 2
        return np.resize(samples[start:], size).reshape(shape).astype(dtype)
    bins = max(shape[1:], default=size) if size < 10_000 else shape[-1]
    frames = np.lib.stride_tricks.sliding_window_view(samples, 512)[::160] * np.hanning(512)
    spectra = np.log1p(100 * np.abs(np.fft.rfft(frames))[:, np.linspace(0, 256, bins).astype(int)])
    return quantize(np.resize(spectra / spectra.max(), size).reshape(shape), detail)


def _text(path: Path, detail: dict[str, Any]) -> np.ndarray:
    """A review as indices of words."""
    lines = (EXTRA_DATA / "text" / "movie_review_vocab.txt").read_text().splitlines()
    vocabulary = {word: int(index) for word, index in (line.split() for line in lines if len(line.split()) == 2)}
    tokens = [vocabulary["<START>"], *(vocabulary.get(word, vocabulary["<UNKNOWN>"]) for word in REVIEW.split())]
    value = np.full(tuple(detail["shape"]), vocabulary["<PAD>"], detail["dtype"])
    value.reshape(-1)[: len(tokens)] = tokens
    return value


REAL: dict[str, Callable[[Path, dict[str, Any]], np.ndarray | None]] = {
    "picture": _picture,
    "digit": _digit,
    "sound": _sound,
    "text": _text,
    "normal": lambda path, detail: None,
}
"""Kind -> the value of an input, None where the input is of another nature."""
