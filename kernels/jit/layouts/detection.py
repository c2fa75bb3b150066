"""Argument blocks of detection. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["DECODE", "HIGHEST_POWER", "NEVER", "SELECT", "SUPPRESS"]

DECODE = Layout(
    # elements of a box in encodings; fault: of the entry
    "encodings step anchors out fault "
    # of bytes, float64 for each of the 256: shifts and halves of sizes [2, 256] by axis, what anchors stand for [256]
    "shifts halves anchor_values "
    # of floats: [4] float64, scales of y, x, h, w; powers: of 2, float64, from -HIGHEST_POWER on
    "scales powers"
)
"""The corners (y1, x1, y2, x2) of a box an item, float32."""

HIGHEST_POWER = 540
"""Half the exponents of float64."""

NEVER = -(1 << 63)
"""The rank of a score that is below the threshold."""

SELECT = Layout(
    # boxes: [count, 4] float32; the outputs
    "boxes scores out_boxes out_classes out_scores out_count "
    # how many boxes there are, bytes of a box's scores and of one of them, how many classes count (the last ones)
    "count step size first classes "
    # detections, classes of each, and detections of a class (0: classes are not told apart)
    "most most_classes per_class "
    # of bytes, for each of the 256: float32 scores, and int64 places in the order of scores (see `NEVER`)
    "values ranks "
    # float64 thresholds
    "score_threshold threshold "
    # scratch memory: [count] int64 candidates, [most] of chosen boxes, [max(most, classes)] pairs of int64
    "keys chosen found"
)
"""All of the selection is one item."""

SUPPRESS = Layout(
    # boxes: [count, 4] float32, scores: [count]; single floats, sigma: 0 where there is none; out_scores: 0, too
    "boxes scores iou_threshold score_threshold sigma out_indices out_scores out_count "
    # how many boxes there are, and how many may be selected; fault: of the entry; powers: as of `DECODE`
    "count most fault powers "
    # scratch memory: [count, 4] float32 corners, [count] pairs of float32 scores and int32 boxes, [count] int32
    "corners queue seen"
)
"""All of the suppression is one item."""
