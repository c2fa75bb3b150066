"""TFLite_Detection_PostProcess and NON_MAX_SUPPRESSION: the same boxes in the same order as the reference tier."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from litejit.interpreter import Interpreter
from litejit.schema.errors import InvalidInputError
from litejit.testing import Problem
from tests.jit.equal import check_compiled, prepared
from tests.ops.test_detection import detection, scene, suppression

ULP = {np.float32: 1, np.uint8: 0}
"""Compiled code has an exponential of its own for floats, and looks up that of the reference tier for bytes."""
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.uint8])


@pytest.mark.parametrize("regular", [False, True])
@pytest.mark.parametrize("ties", [False, True])
@DTYPES
def test_random_scenes(dtype: Any, ties: bool, regular: bool) -> None:
    for seed in range(6):
        classes, background = (1, 2, 4, 7)[seed % 4], seed % 2
        options = {"max_classes_per_detection": classes, "use_regular_nms": regular, "detections_per_class": 1 + seed}
        problem = detection(seed, background=background, dtype=dtype, ties=ties, **options)
        check_compiled(problem, "detection.decode", threads=1 + seed % 2, ulp=ULP[dtype])


@pytest.mark.parametrize("regular", [False, True])
@DTYPES
def test_many_boxes(dtype: Any, regular: bool) -> None:
    for threshold in (0.01, 0.5, 1.0):
        options = {"max_detections": 150, "use_regular_nms": regular, "nms_iou_threshold": threshold}
        options |= {"nms_score_threshold": -1.0, "max_classes_per_detection": 3}
        problem = detection(0, count=900, dtype=dtype, ties=True, **options)
        check_compiled(problem, "detection.decode", threads=2, ulp=ULP[dtype])


def with_inputs(problem: Problem, encodings: np.ndarray | None = None, scores: np.ndarray | None = None) -> Problem:
    """The same model on other inputs."""
    given = (encodings, scores, None)
    return replace(
        problem, inputs=[old if new is None else new for old, new in zip(problem.inputs, given, strict=True)]
    )


@pytest.mark.parametrize("regular", [False, True])
@pytest.mark.parametrize("classes", [1, 4])
def test_special_scores(classes: int, regular: bool) -> None:
    rng = np.random.default_rng(1)
    options = {"max_classes_per_detection": classes, "use_regular_nms": regular, "nms_score_threshold": -5.0}
    problem = detection(3, count=30, **options)
    for special in ([0.0, -0.0, 1.0], [np.inf, -np.inf, 0.5], [np.nan, 0.25, 0.5, 0.75, 1.0, -1.0]):
        scores = rng.choice(np.array(special, np.float32), problem.inputs[1].shape)
        check_compiled(with_inputs(problem, scores=scores), "detection.decode", ulp=ULP[np.float32])


def test_sizes_of_all_exponents() -> None:
    """Half the size of a box is exp(h), from 0 to infinity."""
    problem = detection(0, count=400, h_scale=1.0, w_scale=1.0, max_detections=400, nms_score_threshold=-1.0)
    encodings = np.zeros((1, 400, 5), np.float32)
    encodings[0, :, 2] = np.linspace(-110, 95, 400)
    encodings[0, :, 3] = np.linspace(95, -110, 400)
    encodings[0, :4, 2] = -np.inf, np.inf, -1000, 1000
    check_compiled(with_inputs(problem, encodings), "detection.decode", ulp=ULP[np.float32])


def test_a_box_turned_round_is_refused() -> None:
    problem = detection(0, count=20)
    interpreter = Interpreter(model_content=problem.model)
    interpreter.allocate_tensors()
    encodings, scores, anchors = problem.inputs
    for each, is_legal in ((anchors, True), (-anchors, False), (anchors, True)):
        for detail, value in zip(interpreter.get_input_details(), (encodings, scores, each), strict=True):
            interpreter.set_tensor(detail["index"], value)
        if is_legal:
            interpreter.invoke()
        else:
            with pytest.raises(InvalidInputError, match="low corner above its high corner"):
                interpreter.invoke()


@pytest.mark.parametrize("sigma", [None, 0.0, 0.4])
@pytest.mark.parametrize("iou", [-0.5, 0.0, 0.3, 1.5, np.nan])
def test_suppression(iou: float, sigma: float | None) -> None:
    for seed in range(4):
        boxes, scores = scene(seed, ties=seed % 2 == 0)
        most = (0, 1, 5, len(boxes) + 2)[seed]
        check_compiled(suppression(boxes, scores, most, iou, 0.1, sigma), "suppressing.suppress", threads=2, ulp=1)


@pytest.mark.parametrize("sigma", [None, 1e-40, 0.5])
def test_suppression_of_special_boxes(sigma: float | None) -> None:
    rng = np.random.default_rng(0)
    coordinates = np.array([0, 0.25, 0.5, 1, 1, 1e30, np.inf, -np.inf, np.nan, -0.0], np.float32)
    for count in (0, 1, 60):
        boxes, scores = rng.choice(coordinates, (count, 4)), rng.choice(coordinates, count)
        for threshold in (0.1, -np.inf, np.nan):
            problem = suppression(boxes, scores, 40, 0.5, threshold, sigma)
            check_compiled(problem, "suppressing.suppress", ulp=1)


def test_a_negative_sigma_is_refused() -> None:
    interpreter = prepared(suppression(np.ones((3, 4)), np.ones(3), 3, 0.5, 0.1, -1.0))
    with pytest.raises(InvalidInputError, match=r"soft_nms_sigma is -1\.0, it must not be negative"):
        interpreter.invoke()
