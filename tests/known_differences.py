"""Where litejit differs from the official reference kernels on a whole model, why, and what holds all the same.

All of these models still have to run. Tests assert what a row says holds.
"""

from __future__ import annotations

from dataclasses import dataclass

FREE_RUNNING = {"RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL", "MULTINOMIAL"}
"""Operators whose results are not meant to repeat."""


@dataclass(frozen=True)
class Difference:
    """How a model differs, and what holds all the same.

    relative: bound of the floats' differences, of the largest magnitude of their tensor.
    operators: each operator alone, on the official runtime's own operands, gives the official result.
    resolver: the official kernels that it is compared with; None: the first of ref, opt, auto to run it.
    numerics: litejit's flavour that it is compared under.
    """

    reason: str
    relative: float = 1e-5
    operators: bool = True
    resolver: str | None = None
    numerics: str = "litert-ref"


_ROUNDED_AGAIN = Difference(
    "float sums are taken in another order; dynamic-range operators quantize these floats on the fly, where a "
    "difference in the last bit of a value close to a rounding boundary becomes one quantization step",
    relative=0.5,
)
_DEEP = Difference("float sums are taken in another order, and many layers add their last bits up", relative=5e-4)
_XNNPACK = Difference(
    "only XNNPACK runs Convolution2DTransposeBias, and with it the whole model, in kernels of its own whose "
    "intermediate tensors cannot be seen",
    relative=2e-4,
    operators=False,
)

KNOWN_DIFFERENCES: dict[str, Difference] = {
    "bench/bert_l4_d256_s128_dynw4": _ROUNDED_AGAIN,
    "bench/efficientnet_b0_f32": _DEEP,
    "bench/mobilenet_v2_dyn": _ROUNDED_AGAIN,
    "bench/mobilenet_v2_f32": _DEEP,
    "imgcls/mobilenet_v1_025_224_float": _DEEP,
    "imgcls/mobilenet_v2_035_96_embedder": _ROUNDED_AGAIN,
    "llm/qwen_fc_blockwise_int4": Difference(
        "the official reference kernel leaves the output of blockwise weights at zero", resolver="opt"
    ),
    "pose/pefm_hourglass_v1": _DEEP,
    "pose/pose_landmark_lite_f16": _DEEP,
    "segment/selfie_segmentation_f16": _XNNPACK,
    "segment/selfie_segmentation_landscape_f16": _XNNPACK,
    "superres/ncnet_int8": Difference(
        "the official reference resolver refuses it, the optimised kernels round otherwise",
        resolver="opt",
        numerics="litert-opt",
    ),
    "train/transfer_bottleneck": _ROUNDED_AGAIN,
    "train/transfer_train_head": _DEEP,
}
"""Model -> how it differs."""

IN_THE_FAST_TIER: dict[str, Difference] = {
    "bench/efficientnet_b0_f32": Difference(
        "means of 12544 pixels are taken in parts, which is more precise than one after the other and 1.6e-5 of the "
        "largest away from that; many blocks later that is 6e-4",
        relative=1e-3,
    ),
    "img2img/style_transfer_dynamic": Difference(
        "means of images are taken in another order before dynamic-range convolutions quantize what they normalize; "
        "moving each input by one unit in the last place moves official outputs by 1.6 % of the largest",
        relative=0.05,
    ),
}
"""Model -> how the fast tier differs where the reference tier does not."""

TOO_FEW_ANCHORS = {"detect/automl_traffic_lstm_ssd_uint8"}
"""Models whose doubled batch runs into more boxes than TFLite_Detection_PostProcess has anchors.

The official kernel reads beyond the anchors' end, litejit refuses.
"""
