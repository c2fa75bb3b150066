"""Object detection: TFLite_Detection_PostProcess, NON_MAX_SUPPRESSION_V4 and _V5.

Semantics: LiteRT tflite/kernels/{detection_postprocess,non_max_suppression}.cc,
internal/reference/non_max_suppression.h.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.custom_options import number
from litejit.kernels.reference.heap import Entry, Heap, largest
from litejit.kernels.registry import builtin, custom
from litejit.schema import BuiltinOperator, TensorType, decode_flexbuffer
from litejit.schema.errors import InvalidInputError

__all__ = ["DetectionPostProcess", "NonMaxSuppressionV4", "NonMaxSuppressionV5"]

_AT_ONCE = 256
"""Candidates that are compared with a selected box at once: few of many are ever looked at."""


def intersection_over_union(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Overlap of one box [4] with boxes [n, 4], corners (y1, x1, y2, x2); 0 where either has no area. float32."""
    y1, x1, y2, x2 = boxes.T
    with np.errstate(all="ignore"):
        area, areas = (box[2] - box[0]) * (box[3] - box[1]), (y2 - y1) * (x2 - x1)
        height = np.maximum(np.minimum(y2, box[2]) - np.maximum(y1, box[0]), np.float32(0))
        width = np.maximum(np.minimum(x2, box[3]) - np.maximum(x1, box[1]), np.float32(0))
        shared = height * width
        overlap = shared / (area + areas - shared)
    return np.where((areas <= 0) | (area <= 0), np.float32(0), overlap)


def suppress(boxes: np.ndarray, scores: np.ndarray, most: int, score_threshold: float, threshold: float) -> list[int]:
    """Indices of the best boxes, best first, that overlap no better one by more than threshold. Ties: lower index."""
    candidates = np.flatnonzero(scores >= np.float32(score_threshold))
    selected: list[int] = []
    while len(candidates) and len(selected) < most:
        rest, candidates = _best(candidates, scores[candidates])
        for best in selected:
            rest = rest[~_overlaps(boxes[best], boxes[rest], threshold)]
        while len(rest) and len(selected) < most:
            best, rest = rest[0], rest[1:]
            selected.append(int(best))
            rest = rest[~_overlaps(boxes[best], boxes[rest], threshold)]
    return selected


def _best(candidates: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Those with the best scores, best first, and those with lower ones: to sort all of them would take longer."""
    place = max(0, len(scores) - _AT_ONCE)
    is_best = scores >= np.partition(scores, place)[place]
    best = candidates[is_best]
    return best[np.argsort(-scores[is_best], kind="stable")], candidates[~is_best]


def _overlaps(box: np.ndarray, boxes: np.ndarray, threshold: float) -> np.ndarray:
    """Whether boxes overlap one of them by more than threshold."""
    return intersection_over_union(box, boxes) > np.float32(threshold)


@custom("TFLite_Detection_PostProcess")
class DetectionPostProcess(Kernel):
    """Decodes box encodings against anchors and keeps the best boxes that do not overlap.

    box_encodings: [1, boxes, >= 4] (y, x, h, w), class_predictions: [1, boxes, classes (with background)],
    anchors: [boxes, 4]; all float32 or all uint8. -> boxes [1, n, 4], classes [1, n], scores [1, n], count [1] float32,
    n = max_detections * max_classes_per_detection. Unused entries are 0.

    Options (FlexBuffers): max_detections, max_classes_per_detection, detections_per_class (100), use_regular_nms,
    nms_score_threshold, nms_iou_threshold, num_classes, y_scale, x_scale, h_scale, w_scale; 0 where they are left out.
    """

    types = (TensorType.FLOAT32, TensorType.UINT8)
    n_outputs = 4
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Reads the options."""
        encodings = node.input("box_encodings", rank=3)
        predictions = node.input("class_predictions", rank=3, types=encodings.type)
        anchors = node.input("anchors", rank=2, types=encodings.type)
        options = decode_flexbuffer(node.options)
        counts = ("max_detections", "max_classes_per_detection", "num_classes")
        self.most, self.most_classes, self.classes = (int(number(node, options, name, 0)) for name in counts)
        thresholds = ("nms_score_threshold", "nms_iou_threshold")
        self.score_threshold, self.threshold = (float(number(node, options, name, 0)) for name in thresholds)
        scales = ("y_scale", "x_scale", "h_scale", "w_scale")
        self.scales = np.array([number(node, options, name, 0) for name in scales], np.float32)
        self.regular = bool(number(node, options, "use_regular_nms", False))
        self.per_class = min(int(number(node, options, "detections_per_class", 100)), self.most)
        boxes = encodings.dims[1]
        node.require(encodings.dims[0] == 1 and predictions.dims[0] == 1, "the batch must be 1")
        node.require(encodings.dims[2] >= 4, "box encodings have {} numbers, expected at least 4", encodings.dims[2])
        node.require(anchors.dims == (boxes, 4), "anchors have shape {}, expected {}", anchors.dims, (boxes, 4))
        node.require(
            predictions.dims[1] == boxes, "class predictions are for {} boxes, not {}", predictions.dims[1], boxes
        )
        node.require(
            self.most >= 0 and self.most_classes > 0, "max_detections must be >= 0, max_classes_per_detection > 0"
        )
        node.require(
            self.classes > 0 and 0 <= predictions.dims[2] - self.classes <= 1,
            "num_classes is {}, there are predictions for {} (one more than num_classes with a background class)",
            self.classes,
            predictions.dims[2],
        )
        node.require(0 < self.threshold <= 1, "nms_iou_threshold is {}, expected 0 < threshold <= 1", self.threshold)
        node.require(not self.regular or self.per_class > 0, "detections_per_class must be > 0")
        self.reals = [_Real.of(spec) for spec in (encodings, predictions, anchors)]
        count = self.most * self.most_classes
        for at, shape in enumerate(((1, count, 4), (1, count), (1, count), (1,))):
            node.output(shape, at=at, types=TensorType.FLOAT32)

    def __call__(
        self, box_encodings: np.ndarray, class_predictions: np.ndarray, anchors: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """Decodes, selects, collects."""
        boxes = self._decode(box_encodings[0, :, :4], anchors)
        if any((boxes[:, at] > boxes[:, at + 2]).any() for at in (0, 1)):
            raise InvalidInputError("a decoded box has its low corner above its high corner")
        scores = class_predictions[0, :, class_predictions.shape[2] - self.classes :]
        chosen = self._regular(boxes, scores) if self.regular else self._fast(boxes, scores)
        count = self.most * self.most_classes
        result = np.zeros((count, 4), np.float32), np.zeros(count, np.float32), np.zeros(count, np.float32)
        for place, box, label in chosen:
            result[0][place], result[1][place], result[2][place] = boxes[box], label, self.reals[1](scores[box, label])
        found = len({place // self.most_classes for place, _, _ in chosen}) if not self.regular else len(chosen)
        return result[0][None], result[1][None], result[2][None], np.array([found], np.float32)

    def shift(self, axis: int, encodings: np.ndarray) -> np.ndarray:
        """How far boxes are from their anchors, in sizes of the anchor: float64 of raw values."""
        scale = np.float64(self.scales[axis])
        return self.reals[0].wide(encodings, lambda e: e / scale)

    def half(self, axis: int, encodings: np.ndarray) -> np.ndarray:
        """Half the sizes of boxes, in sizes of the anchor: float64 of raw values."""
        scale = np.float64(self.scales[axis + 2])
        return self.reals[0].wide(encodings, lambda e: 0.5 * np.exp(e / scale))

    def _decode(self, encodings: np.ndarray, anchors: np.ndarray) -> np.ndarray:
        """[boxes, 4] corners, in float64 rounded to float32 where the official kernel rounds."""
        boxes = np.empty((len(anchors), 4), np.float32)
        with np.errstate(all="ignore"):
            for at in (0, 1):
                place, size = (self.reals[2].wide(anchors[:, column]) for column in (at, at + 2))
                shift, half = self.shift(at, encodings[:, at]), self.half(at, encodings[:, at + 2])
                centre, half = (shift * size + place).astype(np.float32), (half * size).astype(np.float32)
                boxes[:, at], boxes[:, at + 2] = centre - half, centre + half
        return boxes

    def _fast(self, boxes: np.ndarray, scores: np.ndarray) -> list[tuple[int, int, int]]:
        """(place, box, class): suppression on the best class of each box."""
        count, real = min(self.most_classes, self.classes), self.reals[1]
        highest = real(np.ascontiguousarray(scores.T).max(axis=0))
        selected = suppress(boxes, highest, self.most, self.score_threshold, self.threshold)
        return [
            (self.most_classes * place + column, box, label)
            for place, box in enumerate(selected)
            for column, label in enumerate(largest(real(scores[box]), count))
        ]

    def _regular(self, boxes: np.ndarray, scores: np.ndarray) -> list[tuple[int, int, int]]:
        """(place, box, class): suppression within each class, then the best of all."""
        found: list[tuple[float, int, int]] = []
        scores = self.reals[1](scores)
        for label in range(self.classes):
            selected = suppress(boxes, scores[:, label], self.per_class, self.score_threshold, self.threshold)
            merged = heapq.merge(
                found, ((-float(scores[box, label]), box, label) for box in selected), key=lambda x: x[0]
            )
            found = list(merged)[: self.most]
        return [(place, box, label) for place, (_, box, label) in enumerate(found)]


@dataclass(frozen=True)
class _Real:
    """What an operand's raw values stand for, in float32."""

    zero_point: np.float32
    scale: np.float32

    @classmethod
    def of(cls, spec: TensorSpec) -> _Real:
        """Floats stand for themselves."""
        if spec.type == TensorType.FLOAT32:
            return cls(np.float32(0), np.float32(1))
        return cls(np.float32(spec.zero_point), spec.scale)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """The numbers."""
        return values if values.dtype == np.float32 else (values.astype(np.float32) - self.zero_point) * self.scale

    def wide(self, values: np.ndarray, function: Callable[[np.ndarray], np.ndarray] = np.positive) -> np.ndarray:
        """function(the numbers in float64); of bytes it is computed once for each of the 256 values."""
        if values.dtype == np.float32:
            return function(values.astype(np.float64))
        return function(self(np.arange(256, dtype=np.uint8)).astype(np.float64))[values]


class NonMaxSuppression(Kernel):
    """Base: boxes [n, 4] float32 (y1, x1, y2, x2), scores [n] -> at most max_output_size indices, best first.

    Outputs are padded with 0 to max_output_size; the last one says how many are valid.
    """

    types = (TensorType.FLOAT32,)
    flavours = ALL_FLAVOURS
    soft = False

    def prepare(self, node: Node) -> None:
        """Checks shapes and reads max_output_size."""
        boxes = node.input("boxes", rank=2)
        node.require(boxes.dims[1] == 4, "boxes have shape {}, expected [n, 4]", boxes.dims)
        node.input("scores", shape=(boxes.dims[0],), types=TensorType.FLOAT32)
        node.input("max_output_size", rank=0, types=TensorType.INT32)
        for name in ("iou_threshold", "score_threshold", *(["soft_nms_sigma"] if self.soft else [])):
            node.input(name, rank=0, types=TensorType.FLOAT32)
        self.most = int(node.value("max_output_size"))
        node.require(self.most >= 0, "max_output_size is {}, it must not be negative", self.most)
        types = (TensorType.INT32, TensorType.FLOAT32, TensorType.INT32) if self.soft else (TensorType.INT32,) * 2
        for at, type in enumerate(types):
            node.output(() if at == len(types) - 1 else (self.most,), at=at, type=type)

    def select(
        self, boxes: np.ndarray, scores: np.ndarray, iou: np.ndarray, threshold: np.ndarray, sigma: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Selected indices and scores, padded, and their number. sigma > 0 lowers scores instead of dropping boxes."""
        iou_threshold, score_threshold = np.float32(iou.reshape(-1)[0]), np.float32(threshold.reshape(-1)[0])
        if sigma < 0:
            raise InvalidInputError(f"soft_nms_sigma is {sigma}, it must not be negative")
        corners = np.concatenate(
            [np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], axis=1
        )
        queue = Heap()
        for box in np.flatnonzero(scores > score_threshold):
            queue.push(Entry(float(scores[box]), int(box), 0))
        selected: list[int] = []
        kept_scores: list[np.float32] = []
        most = min(len(queue), self.most)
        while queue and len(selected) < most:
            priority, box, seen = queue.pop()
            score = original = np.float32(priority)
            rivals = np.array(selected[seen:][::-1], np.int64)
            dropped, seen = False, len(selected)
            for overlap in intersection_over_union(corners[box], corners[rivals]):
                dropped = bool(overlap >= iou_threshold)
                if sigma > 0 and not dropped:
                    with np.errstate(all="ignore"):
                        score *= np.float32(np.exp(np.float64(np.float32(-0.5 / sigma) * overlap * overlap)))
                if dropped or score <= score_threshold:
                    break
            if not dropped and score == original:
                selected.append(box)
                kept_scores.append(score)
            if not dropped and score > score_threshold:
                # A selected box comes back too; it overlaps itself, unless it has no area.
                queue.push(Entry(float(score), box, seen))
        indices, kept = np.zeros(self.most, np.int32), np.zeros(self.most, np.float32)
        indices[: len(selected)], kept[: len(selected)] = selected, kept_scores
        return indices, kept, np.array(len(selected), np.int32)


@builtin(BuiltinOperator.NON_MAX_SUPPRESSION_V4)
class NonMaxSuppressionV4(NonMaxSuppression):
    """Drops boxes that overlap a better one by iou_threshold or more."""

    n_outputs = 2

    def __call__(
        self,
        boxes: np.ndarray,
        scores: np.ndarray,
        max_output_size: np.ndarray,
        iou_threshold: np.ndarray,
        score_threshold: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Selects."""
        indices, _, count = self.select(boxes, scores, iou_threshold, score_threshold, 0.0)
        return indices, count


@builtin(BuiltinOperator.NON_MAX_SUPPRESSION_V5)
class NonMaxSuppressionV5(NonMaxSuppression):
    """Like V4; with soft_nms_sigma > 0 boxes also lose score for each overlap: times exp(-iou**2 / (2 * sigma))."""

    n_outputs = 3
    soft = True

    def __call__(
        self,
        boxes: np.ndarray,
        scores: np.ndarray,
        max_output_size: np.ndarray,
        iou_threshold: np.ndarray,
        score_threshold: np.ndarray,
        soft_nms_sigma: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Selects."""
        return self.select(boxes, scores, iou_threshold, score_threshold, float(soft_nms_sigma.reshape(-1)[0]))
