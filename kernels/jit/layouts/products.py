"""Argument blocks of products of matrices and of what they are made ready by. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = ["PACK", "PRODUCT", "QUANTIZE"]

PRODUCT = Layout(
    # input: int64 offsets of images; sizes in elements; 0: int16, 1: int8, 2: uint8, 3: float; padding
    "source images height width channels element pad_value "
    "top left padded_width extent direct "
    "band_rows bands out_height out_width stride_height panel_groups group_panels panels "
    # int32 offsets as above; targets: of the output pixels of a band; of images, of rows (of one band to the next)
    "pixels segments segment_count segment_steps block targets out_image_bytes out_row_bytes "
    # int64 offsets of the weights of each image
    "weights weight_images panel_bytes stage out out_channels zero_point low high "
    # float32 scales of rows: bytes from image to image, from pixel to pixel
    "scales scale_image_bytes scale_pixel_bytes scratch scratch_bytes"
)
"""Products of matrices, image by image. low, high: float64 or int64, as the output stage wants it."""

QUANTIZE = Layout(
    # rows of floats; elements of a row, and of the chunks it is taken in; chunks in a row; whether symmetric
    # rows that may count as zeros together, 0: none do
    "source size chunk chunks symmetric together "
    # 3 float32 extremes of every chunk; int16 rows less their zero points, bytes from one to the next; float32 scales
    "extremes values pitch scales"
)
"""Quantization of rows of floats on the fly."""

PACK = Layout("source target depth columns panels transposed zero_point factor")
"""Matrices of run time to panels, or to rows of int16."""
