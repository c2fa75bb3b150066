"""Turning files into the inputs of a model: pictures, sound, arrays."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np

from litejit.schema import TensorMetadata
from litejit.schema.errors import InvalidInputError, UnsupportedError

__all__ = ["load_input", "quantize"]

PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}


def load_input(
    path: Path, detail: dict[str, Any], metadata: TensorMetadata | None, mean: float | None, std: float | None
) -> np.ndarray:
    """The content of a file as a value of the input that `detail` describes (see Interpreter.get_input_details).

    mean, std: how pictures are normalized; None: as the metadata say, else by what is usual for the input's dtype.
    Raises InvalidInputError when the file does not fit the input, UnsupportedError for an unknown kind of file.
    """
    if not path.is_file():
        raise InvalidInputError(f"no such file: '{path}'")
    suffix = path.suffix.lower()
    if suffix in (".npy", ".npz"):
        return _array(path, detail)
    if suffix == ".wav":
        return _sound(path, detail)
    if suffix in PICTURES:
        return _picture(path, detail, metadata, mean, std)
    raise UnsupportedError(f"'{path}': unknown kind of file, expected a picture, .wav, .npy or .npz")


def quantize(real: np.ndarray, detail: dict[str, Any]) -> np.ndarray:
    """Real values in the dtype of an input: the nearest quantized ones where it is quantized, rounded integers else."""
    dtype = np.dtype(detail["dtype"])
    if dtype.kind == "f":
        return real.astype(dtype)
    scale, zero_point = detail["quantization"]
    info = np.iinfo(dtype)
    steps = np.round(real / scale) + zero_point if scale else np.round(real)
    return np.clip(steps, info.min, info.max).astype(dtype)


def _array(path: Path, detail: dict[str, Any]) -> np.ndarray:
    try:
        loaded = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InvalidInputError(f"'{path}' is not a NumPy file: {error}") from None
    if not isinstance(loaded, np.ndarray):
        names = loaded.files
        if detail["name"] not in names and len(names) != 1:
            raise InvalidInputError(f"'{path}' holds {', '.join(names)}, expected an array named '{detail['name']}'")
        loaded = loaded[detail["name"] if detail["name"] in names else names[0]]
    dtype = np.dtype(detail["dtype"])
    return quantize(loaded, detail) if loaded.dtype.kind == "f" and dtype.kind in "iu" else loaded.astype(dtype)


def _sound(path: Path, detail: dict[str, Any]) -> np.ndarray:
    """Mono samples: -1 .. 1, or the file's own 16 bits for plain int16 inputs; cut or zero-padded to the input."""
    try:
        with wave.open(str(path), "rb") as file:
            width, channels = file.getsampwidth(), file.getnchannels()
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise InvalidInputError(f"'{path}' is not a PCM .wav file: {error}") from None
    if width != 2:
        raise UnsupportedError(f"'{path}' has {8 * width} bits a sample, expected 16")
    samples = np.frombuffer(data, "<i2").reshape(-1, channels).mean(axis=1)
    shape = tuple(detail["shape"])
    wanted = int(np.prod(shape))
    if -1 not in tuple(detail["shape_signature"]):
        samples = np.pad(samples[:wanted], (0, max(0, wanted - len(samples)))).reshape(shape)
    if np.dtype(detail["dtype"]) == np.int16 and not detail["quantization"][0]:
        return samples.astype(np.int16)
    return quantize(samples / 32768, detail)


def _picture(
    path: Path, detail: dict[str, Any], metadata: TensorMetadata | None, mean: float | None, std: float | None
) -> np.ndarray:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise UnsupportedError("reading pictures needs Pillow: pip install 'litejit[cli]'") from None
    shape = tuple(int(dim) for dim in detail["shape"])
    if len(shape) != 4 or shape[3] not in (1, 3):
        raise InvalidInputError(
            f"'{path}' is a picture, but input '{detail['name']}' has shape {list(shape)}, "
            "expected [1, height, width, 1 or 3]"
        )
    try:
        with Image.open(path) as image:
            mode = "L" if shape[3] == 1 else "RGB"
            resized = image.convert(mode).resize((shape[2], shape[1]), Image.Resampling.BILINEAR)
            pixels = np.asarray(resized, np.float32).reshape(1, shape[1], shape[2], shape[3])
    except (UnidentifiedImageError, OSError) as error:
        raise InvalidInputError(f"'{path}' is not a picture: {error}") from None
    return _normalize(pixels, detail, metadata, mean, std)


def _normalize(
    pixels: np.ndarray, detail: dict[str, Any], metadata: TensorMetadata | None, mean: float | None, std: float | None
) -> np.ndarray:
    """Pixels 0 .. 255 as the input. Without metadata, 8-bit inputs get them as they are (int8: less 128)."""
    dtype = np.dtype(detail["dtype"])
    if mean is None and std is None:
        if metadata is not None and len(metadata.mean):
            return quantize((pixels - metadata.mean) / metadata.std, detail)
        if dtype.itemsize == 1:
            return (pixels - (128 if dtype == np.int8 else 0)).astype(dtype)
    return quantize((pixels - (127.5 if mean is None else mean)) / (127.5 if std is None else std), detail)
