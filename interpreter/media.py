"""Turning files into the inputs of a model: pictures, sound, arrays."""

from __future__ import annotations

import wave
import zipfile
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

    mean, std: how pictures are normalized; None: what `_normalize` takes by default.
    Raises InvalidInputError when the file does not fit the input, UnsupportedError for an unknown kind of file.
    """
    if not path.is_file():
        raise InvalidInputError(f"{'not a file' if path.exists() else 'no such file'}: '{path}'")
    suffix = path.suffix.lower()
    if suffix in (".npy", ".npz"):
        return _array(path, detail)
    if suffix == ".wav":
        return _sound(path, detail)
    if suffix in PICTURES:
        return _picture(path, detail, metadata, mean, std)
    raise UnsupportedError(f"'{path}': unknown kind of file, expected a picture, .wav, .npy or .npz")


def quantize(real: np.ndarray, detail: dict[str, Any]) -> np.ndarray:
    """Real values in the dtype of an input: the nearest quantized ones where it is quantized, rounded integers else.

    InvalidInputError for a NaN where the input has integers.
    """
    dtype = np.dtype(detail["dtype"])
    if dtype.kind not in "iu":
        return real.astype(dtype)
    if np.isnan(real).any():
        raise InvalidInputError(f"NaN has no place in input '{detail['name']}', whose values are {dtype}")
    scale, zero_point = detail["quantization"]
    info = np.iinfo(dtype)
    steps = np.round(real / scale) + zero_point if scale else np.round(real)
    return np.clip(steps, info.min, info.max).astype(dtype)


def _array(path: Path, detail: dict[str, Any]) -> np.ndarray:
    """A NumPy array: floats are quantized for integer inputs, other numbers must fit the input's dtype as they are."""
    try:
        loaded = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InvalidInputError(f"'{path}' is not a NumPy file: {error}") from None
    if not isinstance(loaded, np.ndarray):
        names = loaded.files
        if not names:
            raise InvalidInputError(f"'{path}' holds no arrays")
        if detail["name"] not in names and len(names) != 1:
            raise InvalidInputError(f"'{path}' holds {', '.join(names)}, expected an array named '{detail['name']}'")
        loaded = loaded[detail["name"] if detail["name"] in names else names[0]]
    dtype = np.dtype(detail["dtype"])
    if dtype.kind in "SO":
        return loaded
    if loaded.dtype.kind == "f" and dtype.kind in "iu":
        return quantize(loaded, detail)
    if loaded.dtype != dtype and loaded.dtype.kind not in ("biufc" if dtype.kind == "c" else "biuf"):
        raise InvalidInputError(f"'{path}' holds {loaded.dtype} values, input '{detail['name']}' has {dtype}")
    with np.errstate(all="ignore"):
        value = loaded.astype(dtype)
    if dtype.kind in "iub" and not np.array_equal(value, loaded):
        raise InvalidInputError(f"'{path}' holds {loaded.dtype} values that do not fit the input's {dtype}")
    return value


def _sound(path: Path, detail: dict[str, Any]) -> np.ndarray:
    """Mono samples: -1 .. 1, or the file's own 16 bits for plain int16 inputs; cut or zero-padded to the input."""
    try:
        with wave.open(str(path), "rb") as file:
            width, channels = file.getsampwidth(), file.getnchannels()
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise InvalidInputError(f"'{path}' is not a PCM .wav file: {str(error) or 'it ends too early'}") from None
    if width != 2:
        raise UnsupportedError(f"'{path}' has {8 * width} bits a sample, expected 16")
    if len(data) % (2 * channels):
        raise InvalidInputError(f"'{path}' ends in the middle of a sample")
    samples = np.frombuffer(data, "<i2").reshape(-1, channels).mean(axis=1)
    shape = tuple(int(dim) for dim in detail["shape_signature"])
    if shape.count(-1) == 1:
        fixed = -int(np.prod(shape))
        samples = samples[: len(samples) - len(samples) % max(1, fixed)]
    else:
        shape = tuple(int(dim) for dim in detail["shape"])
        wanted = int(np.prod(shape))
        samples = np.pad(samples[:wanted], (0, max(0, wanted - len(samples))))
    samples = samples.reshape(shape)
    if np.dtype(detail["dtype"]) == np.int16 and not detail["quantization"][0]:
        return samples.astype(np.int16)
    return quantize(samples / 32768, detail)


def _picture(
    path: Path, detail: dict[str, Any], metadata: TensorMetadata | None, mean: float | None, std: float | None
) -> np.ndarray:
    """The picture in the input's size (its own along dimensions that are open), channels last or first."""
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError:
        raise UnsupportedError("reading pictures needs Pillow: pip install 'litejit[cli]'") from None
    shape = tuple(int(dim) for dim in detail["shape_signature"])
    channels_first = len(shape) == 4 and shape[3] not in (1, 3) and shape[1] in (1, 3)
    last = shape[0:1] + shape[2:] + shape[1:2] if channels_first else shape
    if len(last) != 4 or last[3] not in (1, 3):
        raise InvalidInputError(
            f"'{path}' is a picture, but input '{detail['name']}' has shape {list(shape)}, "
            "expected [1, height, width, 1 or 3] or [1, 1 or 3, height, width]"
        )
    _, height, width, channels = last
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("L" if channels == 1 else "RGB")
            size = width if width > 0 else upright.width, height if height > 0 else upright.height
            resized = upright if upright.size == size else upright.resize(size, Image.Resampling.BILINEAR)
            pixels = np.asarray(resized, np.float32).reshape(1, size[1], size[0], channels)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise InvalidInputError(f"'{path}' is not a picture: {error}") from None
    value = _normalize(pixels, detail, metadata, mean, std)
    return value.transpose(0, 3, 1, 2) if channels_first else value


def _normalize(
    pixels: np.ndarray, detail: dict[str, Any], metadata: TensorMetadata | None, mean: float | None, std: float | None
) -> np.ndarray:
    """Pixels 0 .. 255 as the input's values.

    Without mean and std, uint8 inputs get the pixels, whatever the metadata say (they speak of the float model; the
    official task library does the same), and int8 inputs without metadata get them less 128.
    """
    dtype = np.dtype(detail["dtype"])
    if mean is None and std is None:
        if dtype == np.uint8:
            return pixels.astype(np.uint8)
        if metadata is not None and len(metadata.mean):
            return quantize((pixels - metadata.mean) / metadata.std, detail)
        if dtype == np.int8:
            return (pixels - 128).astype(np.int8)
    mean, std = 127.5 if mean is None else mean, 127.5 if std is None else std
    with np.errstate(all="ignore"):
        real = (pixels - np.float32(mean)) / np.float32(std)
    if not np.isfinite(real).all():
        raise InvalidInputError(f"(pixel - {mean}) / {std} is beyond float32")
    return quantize(real, detail)
