"""NON_MAX_SUPPRESSION_V4 and _V5, TFLite_Detection_PostProcess."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.schema import encode_flexbuffer
from litejit.testing import Const, Input, Problem, assert_same, check, out, refused, run, single_op
from tests.oracle import oracle


def suppression(
    boxes: Any, scores: Any, most: Any, iou: float, score: float, sigma: float | None = None, *, constant: bool = True
) -> Problem:
    size = (Const if constant else Input)(np.array(most, np.int32))
    numbers = [iou, score] if sigma is None else [iou, score, sigma]
    operands = [Input(boxes, np.float32), Input(scores, np.float32), size, *(Const(np.float32(x)) for x in numbers)]
    outputs = [out(np.int32), out(np.int32)] if sigma is None else [out(np.int32), out(), out(np.int32)]
    return single_op(f"NON_MAX_SUPPRESSION_V{4 if sigma is None else 5}", operands, outputs)


def scene(seed: int, ties: bool) -> tuple[np.ndarray, np.ndarray]:
    """Random boxes, some of them without area, and scores; with ties there are only six different ones."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 40))
    boxes = rng.random((count, 4))
    boxes[::7, 2] = boxes[::7, 0]
    return boxes, rng.integers(0, 6, count) / 5 if ties else rng.random(count)


@pytest.mark.parametrize("sigma", [None, 0.0, 0.5])
@pytest.mark.parametrize("iou", [0.0, 0.3, 1.0, 1.5, -0.5, np.nan])
@pytest.mark.parametrize("ties", [False, True])
def test_suppression(ties: bool, iou: float, sigma: float | None) -> None:
    for seed in range(8):
        boxes, scores = scene(seed, ties)
        for most in (0, 1, 5, len(boxes) + 2):
            check(suppression(boxes, scores, most, iou, 0.1, sigma, constant=seed % 2 == 0), ulp=2)


@pytest.mark.parametrize("sigma", [None, 0.5])
def test_suppression_without_boxes(sigma: float | None) -> None:
    check(suppression(np.zeros((0, 4)), np.zeros(0), 3, 0.5, 0.1, sigma))
    check(suppression(np.ones((3, 4)), np.zeros(3), 3, 0.5, 0.1, sigma))


DEFAULTS = {
    "max_detections": 6,
    "max_classes_per_detection": 1,
    "num_classes": 4,
    "nms_score_threshold": 0.2,
    "nms_iou_threshold": 0.5,
    "y_scale": 10.0,
    "x_scale": 10.0,
    "h_scale": 5.0,
    "w_scale": 5.0,
}


def detection(
    seed: int,
    *,
    background: int = 1,
    dtype: Any = np.float32,
    ties: bool = False,
    count: int | None = None,
    **changes: Any,
) -> Problem:
    options = {**DEFAULTS, **changes}
    rng = np.random.default_rng(seed)
    drawn, classes = int(rng.integers(1, 40)), options["num_classes"] + background
    count = drawn if count is None else count
    encodings, anchors = rng.normal(0, 1, (1, count, 5)), rng.random((count, 4))
    scores = rng.integers(0, 8, (1, count, classes)) / 8 if ties else rng.random((1, count, classes))
    operands = [Input(values, np.float32) for values in (encodings, scores, anchors)]
    if dtype == np.uint8:
        quantizations = ((0.03, 128), (1 / 255, 0), (1 / 255, 0))
        operands = [
            Input(np.clip(np.round(operand.value / scale) + zero, 0, 255), np.uint8, scale=scale, zero_point=zero)
            for operand, (scale, zero) in zip(operands, quantizations, strict=True)
        ]
    name = "TFLite_Detection_PostProcess"
    return single_op(name, operands, [out()] * 4, custom=True, custom_options=encode_flexbuffer(options))


def check_detections(problem: Problem, per_detection: int) -> None:
    """Compares what is found; the official kernel leaves the rest of the outputs as it was."""
    answer = oracle.truth(problem.model, problem.inputs)
    assert answer.error is None, answer.error
    outputs = run(problem)
    assert_same(outputs[3], answer.outputs[3])
    found = int(outputs[3][0]) * per_detection
    for ours, theirs in zip(outputs[:3], answer.outputs[:3], strict=True):
        assert ours.shape == theirs.shape
        assert_same(ours[:, :found], theirs[:, :found], ulp=4, atol=1e-6)


@pytest.mark.parametrize("background", [0, 1])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
@pytest.mark.parametrize("classes", [1, 2, 4])
def test_fast_detection(classes: int, dtype: Any, ties: bool, background: int) -> None:
    for seed in range(8):
        problem = detection(seed, background=background, dtype=dtype, ties=ties, max_classes_per_detection=classes)
        check_detections(problem, classes)


@pytest.mark.parametrize("per_class", [None, 1, 3])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_regular_detection(dtype: Any, ties: bool, per_class: int | None) -> None:
    limit = {} if per_class is None else {"detections_per_class": per_class}
    for seed in range(8):
        check_detections(detection(seed, dtype=dtype, ties=ties, use_regular_nms=True, **limit), 1)


@pytest.mark.parametrize("regular", [False, True])
@pytest.mark.parametrize("ties", [False, True])
def test_many_boxes(ties: bool, regular: bool) -> None:
    for threshold in (0.01, 0.5):
        options = {"max_detections": 150, "use_regular_nms": regular, "nms_iou_threshold": threshold}
        check_detections(detection(0, count=900, ties=ties, **options), 1)


OPTION_ERRORS = {
    "few detections": ({"max_detections": -1}, "must be >= 0"),
    "no classes per detection": ({"max_classes_per_detection": 0}, "max_classes_per_detection > 0"),
    "threshold 0": ({"nms_iou_threshold": 0.0}, "expected 0 < threshold <= 1"),
    "threshold 2": ({"nms_iou_threshold": 2.0}, "expected 0 < threshold <= 1"),
    "text": ({"x_scale": "wide"}, "custom option 'x_scale' is 'wide', expected a number"),
    "per class": ({"use_regular_nms": True, "detections_per_class": 0}, "detections_per_class must be > 0"),
    "huge": ({"max_detections": 1 << 40}, "31 bits"),
}


@pytest.mark.parametrize("name", OPTION_ERRORS)
def test_option_errors(name: str) -> None:
    changes, fragment = OPTION_ERRORS[name]
    refused(detection(0, **changes), fragment)


@pytest.mark.parametrize("background", [-1, 2])
def test_number_of_classes(background: int) -> None:
    refused(detection(0, background=background), "num_classes is 4")


@pytest.mark.parametrize("name", DEFAULTS)
def test_options_that_are_left_out_are_0(name: str) -> None:
    """Even a scale, by which is divided: infinite boxes, or none."""
    operands = [Input(np.full(shape, 0.25), np.float32) for shape in ((1, 2, 4), (1, 2, 5), (2, 4))]
    options = {option: value for option, value in DEFAULTS.items() if option != name}
    data = encode_flexbuffer(options)
    problem = single_op("TFLite_Detection_PostProcess", operands, [out()] * 4, custom=True, custom_options=data)
    if name in ("num_classes", "nms_iou_threshold", "max_classes_per_detection"):
        refused(problem, name, official_too=True)
    else:
        check_detections(problem, 1)


BOXES, SCORES = np.zeros((3, 4)), np.zeros(3)
ERRORS = {
    "five corners": (suppression(np.zeros((3, 5)), SCORES, 2, 0.5, 0.1), "expected [n, 4]"),
    "scores": (suppression(BOXES, np.zeros(2), 2, 0.5, 0.1), "has shape (2,), expected (3,)"),
    "negative size": (suppression(BOXES, SCORES, -1, 0.5, 0.1), "it must not be negative"),
    "negative size at run time": (suppression(BOXES, SCORES, -1, 0.5, 0.1, constant=False), "must not be negative"),
    "two sizes": (suppression(BOXES, SCORES, [1, 2], 0.5, 0.1), "'max_output_size'"),
    "sigma": (suppression(BOXES, SCORES, 2, 0.5, 0.1, -1.0), "soft_nms_sigma is -1.0"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    refused(*ERRORS[name])
