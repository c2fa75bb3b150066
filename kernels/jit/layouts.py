"""Layouts of argument blocks, and the sizes that packed data and kernels agree on. Addresses unless said otherwise."""

from __future__ import annotations

from litejit.kernels.jit.call import Layout

__all__ = [
    "BROADCAST",
    "COLUMNS",
    "CONVOLUTION",
    "COPY",
    "ELEMENTS",
    "LSTM",
    "PACK",
    "POOL",
    "PRODUCT",
    "QUANTIZE",
    "REDUCE",
    "ROWS",
    "STAGE_BYTES",
    "SVDF",
]

COLUMNS = 16
"""Output channels of a panel of weights."""

STAGE_BYTES = 512
"""Output stage of a panel of integer weights."""

CONVOLUTION = Layout(
    # input: bytes of an image; sizes in elements; what padding holds
    "source image_bytes height width channels is_unsigned pad_value "
    # padding before the image; width with padding; rows that the filter spans; 1 if there is nothing to pad or widen
    "top left padded_width extent direct "
    # output rows of a band and bands of an image; groups of panels that a band is computed in, panels in each
    "band_rows bands out_height out_width stride_height panel_groups group_panels panels "
    # int32 offsets, from the start of a band, of the pixels of its outputs and of the segments of the filter
    "pixels segments segment_count segment_steps block "
    "weights panel_bytes stage out out_channels out_pitch zero_point low high scratch scratch_bytes"
)
"""Convolutions as products of bands of images with panels of filters. low, high: float64 for floats, int64 else."""

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
    "source size chunk chunks symmetric "
    # 3 float32 extremes of every chunk; int16 rows less their zero points, bytes from one to the next; float32 scales
    "extremes values pitch scales"
)
"""Quantization of rows of floats on the fly."""

BROADCAST = Layout(
    # operands; 1 if they advance with the elements of a row, 0 if one element serves a row
    "a b out a_step b_step "
    # elements of a row and of the last row; rows of a block, bytes from one to the next
    "inner last_inner rows a_row b_row "
    # rows are taken in groups; up to four outer dimensions (all but the first given), bytes from one index to the next
    "groups group_rows dim1 dim2 dim3 a0 a1 a2 a3 b0 b1 b2 b3 "
    # clamp as float64 (of integers as int64); what the operator needs besides
    "low high p0 p1 p2 p3 table"
)
"""Operators on two operands that are broadcast."""

ELEMENTS = Layout("source out count piece p0 p1 p2 p3 table planes")
"""Operators on each of `count` elements, `piece` of them an item. p0 .. p3: float64, or int64 for integers."""

PACK = Layout("source target depth columns panels transposed zero_point factor")
"""Matrices of run time to panels, or to rows of int16."""

COPY = Layout(
    # elements (bytes, where they lie side by side) of a row, bytes from one to the next; rows of a block
    "source out inner source_step out_step rows source_row out_row groups group_rows "
    # up to six outer dimensions (all but the first given), bytes from one index to the next
    "dim1 dim2 dim3 dim4 dim5 source0 source1 source2 source3 source4 source5 out0 out1 out2 out3 out4 out5"
)
"""Copies between arrays of any strides; fills read the same 32 bytes again and again."""

POOL = Layout(
    "source out height width channels out_height out_width filter_height filter_width stride_height stride_width "
    "top left mask low high"
)
"""Pooling, an output row an item. mask: of a byte, all ones for int8. low, high: float64 for floats, else int64."""

REDUCE = Layout("source out count inner blocks block mask divisor mantissa exponent offset zero_point low high")
"""Reductions of [outer, count, inner], an item a block of so many of the inner elements."""

ROWS = Layout("source out depth beta scale zero_point low high mask bits limit exps terms reals")
"""Operators on rows of `depth` elements, a row an item. Tables by distance from the largest element of a row."""

LSTM = Layout(
    # steps; gates of a cell; elements of the state; packed recurrent weights; zeros for tables of offsets
    "time gates cells panels panel_bytes weights stage zeros "
    # tables of 2^16 int16: logistic, tanh of a gate, tanh of the state; how the hidden state is rescaled
    "sigmoid squash state_squash mantissa exponent zero_point cell_shift clip float_clip low high "
    # states; products of the inputs, and outputs: bytes from step to step, from batch to batch
    "h c sums sums_time sums_batch out out_time out_batch row_bytes scratch scratch_bytes"
)
"""LSTM cells over sequences."""

SVDF = Layout("newest units ranks memory weights bias zero_point mantissa exponent state out")
"""Weighing of remembered activations."""
