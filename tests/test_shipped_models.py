"""The models that ship with litejit: they classify held-out digits, and equal the official reference kernels."""

from __future__ import annotations

import numpy as np
import pytest

from litejit import Interpreter, OpResolverType
from tests.oracle import oracle
from tests.paths import ROOT

FOLDER = ROOT / "interpreter" / "models"
MODELS = ["digits_float32", "digits_float16", "digits_dynamic", "digits_int8", "digits_uint8", "digits_int16x8"]
HELD_OUT = np.load(FOLDER / "digits_held_out.npz")


def quantized(detail: dict, pixels: np.ndarray) -> np.ndarray:
    """Pixels 0 .. 255 as the model's input."""
    real = pixels.astype(np.float32) / np.float32(255)
    scale, zero_point = detail["quantization"]
    if not scale:
        return real
    info = np.iinfo(detail["dtype"])
    return np.clip(np.round(real / scale) + zero_point, info.min, info.max).astype(detail["dtype"])


@pytest.mark.parametrize("name", MODELS)
def test_classifies_held_out_digits(name: str) -> None:
    content = (FOLDER / f"{name}.tflite").read_bytes()
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    right = 0
    for at, (pixels, label) in enumerate(zip(HELD_OUT["images"], HELD_OUT["labels"], strict=True)):
        image = quantized(source, pixels)[None]
        interpreter.set_tensor(source["index"], image)
        interpreter.invoke()
        scores = interpreter.get_tensor(target["index"])
        right += int(scores.argmax() == label)
        if at % 12 == 0:
            theirs = oracle.run(content, [image]).outputs[0]
            if scores.dtype.kind == "f":
                np.testing.assert_allclose(scores, theirs, rtol=1e-5, atol=1e-6)
            else:
                np.testing.assert_array_equal(scores, theirs)
    assert right / len(HELD_OUT["labels"]) >= 0.95


def test_float32_model_takes_any_batch() -> None:
    interpreter = Interpreter(FOLDER / "digits_float32.tflite")
    images = HELD_OUT["images"][:20].astype(np.float32) / np.float32(255)
    scores = interpreter(image=images)["scores"]
    assert scores.shape == (20, 10)
    assert (scores.argmax(1) == HELD_OUT["labels"][:20]).mean() >= 0.9


def test_models_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 3 << 20
