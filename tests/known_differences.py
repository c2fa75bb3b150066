"""Where litejit differs from the official reference kernels on a whole model, and why: reasons, not tolerances.

All of these models still have to run.
"""

FREE_RUNNING = {"RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL", "MULTINOMIAL"}
"""Operators whose results are not meant to repeat."""

_ROUNDED_AGAIN = (
    "float sums are taken in another order; dynamic-range operators quantize these floats on the fly, where a "
    "difference in the last bit of a value close to a rounding boundary becomes one quantization step"
)
_DEEP = "float sums are taken in another order, and many layers add their last bits up to a little more than 1e-5"

CASCADED: dict[str, str] = {
    "bench/bert_l4_d256_s128_dynw4": _ROUNDED_AGAIN,
    "bench/mobilenet_v2_dyn": _ROUNDED_AGAIN,
    "imgcls/mobilenet_v2_035_96_embedder": _ROUNDED_AGAIN,
    "train/transfer_bottleneck": _ROUNDED_AGAIN,
    "bench/efficientnet_b0_f32": _DEEP,
    "bench/mobilenet_v2_f32": _DEEP,
    "pose/pefm_hourglass_v1": _DEEP,
    "pose/pose_landmark_lite_f16": _DEEP,
}
"""Model -> reason. Each of their operators alone, on the official operands, must equal the official result."""

KNOWN_DIFFERENCES: dict[str, str] = {
    "train/transfer_train_head": "the official SUM adds floats one after the other and loses more bits than pairs do",
    "llm/qwen_fc_blockwise_int4": "the official reference kernel leaves the output of blockwise weights at zero",
    "superres/ncnet_int8": "the official reference resolver refuses it, the optimised kernels round otherwise",
}
"""Model -> reason."""

NO_KERNEL_YET: dict[str, str] = {
    "llm/attn_vec_einsum_w8a16": "BATCH_MATMUL",
}
"""Model -> the operator (or the variant of it) that litejit has no kernel for; it is refused by that name."""
