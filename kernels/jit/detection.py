"""TFLite_Detection_PostProcess, NON_MAX_SUPPRESSION_V4 and _V5 on the fast tier.

Boxes are decoded by all threads, one of them selects.
"""

from __future__ import annotations

import numpy as np

from litejit.kernels.jit.call import Call, Fault, Scratch, Tensor, padded
from litejit.kernels.jit.layouts.detection import DECODE, HIGHEST_POWER, NEVER, SELECT, SUPPRESS
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.reference.detection import DetectionPostProcess, NonMaxSuppressionV4, NonMaxSuppressionV5
from litejit.schema import TensorType

__all__: list[str] = []

_OF_BYTES = ("shifts", "halves", "anchor_values")


@lowers(DetectionPostProcess)
def detect(lowering: Lowering) -> list[Call] | None:
    """Scores of bytes and their order are looked up."""
    kernel, (encodings, predictions, anchors) = lowering.kernel, map(lowering.input, range(3))
    boxes, name = encodings.dims[1], "u8" if encodings.type == TensorType.UINT8 else "f32"
    if boxes == 0 or kernel.most == 0:
        return None
    bytes_of = {"boxes": 16 * boxes, "keys": 8 * boxes, "chosen": 8 * kernel.most}
    bytes_of["found"] = 16 * max(kernel.most, kernel.classes)
    places = np.cumsum([0, *bytes_of.values()])
    scratch = {part: Scratch(int(at)) for part, at in zip(bytes_of, places, strict=False)}
    size = encodings.dtype.itemsize
    decode = {
        "encodings": Tensor(encodings.index),
        "step": encodings.dims[2] * size,
        "anchors": Tensor(anchors.index),
        "out": scratch["boxes"],
        "fault": Fault(),
        **_decoding(kernel, name),
    }
    outs = ("out_boxes", "out_classes", "out_scores", "out_count")
    select = {
        **scratch,
        **{out: Tensor(spec.index) for out, spec in zip(outs, lowering.outputs, strict=True)},
        "scores": Tensor(predictions.index),
        "count": boxes,
        "step": predictions.dims[2] * size,
        "size": size,
        "first": (predictions.dims[2] - kernel.classes) * size,
        "classes": kernel.classes,
        "most": kernel.most,
        "most_classes": kernel.most_classes,
        "per_class": kernel.per_class if kernel.regular else 0,
        "score_threshold": float(np.float32(kernel.score_threshold)),
        "threshold": float(np.float32(kernel.threshold)),
        **_scores(kernel, name),
    }
    used = int(places[-1])
    return [
        Call(f"detection.decode_{name}", DECODE, decode, boxes, 256, used, work=20 * boxes),
        Call(f"detection.select_{name}", SELECT, select, 1, 1, used, work=boxes * kernel.classes),
    ]


@lowers(NonMaxSuppressionV4, NonMaxSuppressionV5)
def suppress(lowering: Lowering) -> list[Call]:
    """One call; thresholds are read when it runs."""
    kernel, count = lowering.kernel, lowering.input(0).dims[0]
    indices, number = lowering.outputs[0], lowering.outputs[-1]
    corners, queue, seen, used = np.cumsum([0, 16 * count, 8 * count, 4 * count]).tolist()
    slots = {
        "boxes": Tensor(lowering.input(0).index),
        "scores": Tensor(lowering.input(1).index),
        "iou_threshold": Tensor(lowering.input(3).index),
        "score_threshold": Tensor(lowering.input(4).index),
        "sigma": Tensor(lowering.input(5).index) if kernel.soft else 0,
        "out_indices": Tensor(indices.index),
        "out_scores": Tensor(lowering.outputs[1].index) if kernel.soft else 0,
        "out_count": Tensor(number.index),
        "count": count,
        "most": kernel.most,
        "fault": Fault(),
        "powers": _powers(),
        "corners": Scratch(corners),
        "queue": Scratch(queue),
        "seen": Scratch(seen),
    }
    return [Call("suppressing.suppress", SUPPRESS, slots, scratch_bytes=used, work=20 * count)]


def _powers() -> np.ndarray:
    """Of 2, for exponentials."""
    return padded(np.ldexp(1.0, np.arange(-HIGHEST_POWER, HIGHEST_POWER + 1)))


def _decoding(kernel: DetectionPostProcess, name: str) -> dict[str, object]:
    if name == "f32":
        scales = kernel.scales.astype(np.float64)
        return {**dict.fromkeys(_OF_BYTES, 0), "scales": padded(scales), "powers": _powers()}
    raw = np.arange(256, dtype=np.uint8)
    with np.errstate(all="ignore"):
        shifts, halves = (np.array([of(axis, raw) for axis in (0, 1)]) for of in (kernel.shift, kernel.half))
    anchors = kernel.reals[2].wide(raw)
    return {**dict(zip(_OF_BYTES, map(padded, (shifts, halves, anchors)), strict=True)), "scales": 0, "powers": 0}


def _scores(kernel: DetectionPostProcess, name: str) -> dict[str, object]:
    """What scores of bytes stand for, and their ranks: bits of floats, those below 0 turned round."""
    if name == "f32":
        return {"values": 0, "ranks": 0}
    values = kernel.reals[1](np.arange(256, dtype=np.uint8))
    bits = (values + np.float32(0)).view(np.int32)  # there is one zero only
    ranks = np.where(bits < 0, bits ^ 0x7FFFFFFF, bits).astype(np.int64)
    return {
        "values": padded(values),
        "ranks": padded(np.where(values >= np.float32(kernel.score_threshold), ranks, NEVER)),
    }
