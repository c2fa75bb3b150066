"""Fused blocks: expand (1 x 1, or the head of a network) -> depthwise -> project (1 x 1), and what is added to that.

Between the convolutions, images lie in chunks of 16 channels. An expanded chunk is a ring of rows with their padding,
so that bands of output rows follow one another without computing a row twice; what the depthwise convolution makes of
it is [chunk][pixel][16], whose chunks the projection reads as segments. Functions of single elements are applied to
rows of a chunk as soon as they have been computed, by the kernels that apply them to tensors.
"""

from __future__ import annotations

from functools import cache
from itertools import product, starmap
from typing import Any

from litejit.kernels.jit.layouts.elements import ELEMENTS
from litejit.kernels.jit.layouts.fused import DILATED, FUSED, TILE_ROWS
from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.layouts.sliding import Slide
from litejit.kernels.jit.native import fused_bytes, fused_floats
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.interleaving import ENTRY_BYTES, TO_CALLS
from litejit.kernels.jit.native.sharing import invoke
from litejit.kernels.jit.native.simd import getters, load_i32, load_i64, store

get, get_float = getters(FUSED)

IS_UNROLLED = True
"""See `compiler`."""

ADDED = FUSED.offsets["added_low"]
"""Where the slots that begin with "added" are."""


@cache
def _expander(family: Any, rows: int) -> Any:
    """In tiles of so many pixels."""
    tile, stage_bytes, bound = family.expand_tile(rows), family.STAGE, get_float if family.IS_FLOAT else get

    @inline
    def expand(args, source, number, pixel, count, chunk):
        """Pixels of an expanded chunk."""
        pitch, steps, places = get(args, "expand_pitch"), get(args, "expand_steps"), get(args, "places")
        panel = get(args, "expand") + number * get(args, "expand_bytes")
        stage = get(args, "expand_stage") + number * stage_bytes
        zero, low, high = get(args, "expand_zero"), bound(args, "expand_low"), bound(args, "expand_high")
        for at in range(0, count, rows):
            to = pixel + min(at, count - rows)
            tile(source + to * pitch, pitch, steps, panel, stage, chunk, places + 4 * to, zero, low, high)

    return expand


@cache
def _convolver(family: Any, slide: Slide) -> Any:
    """Depthwise, in such tiles."""
    tile, pixel_bytes, stage_bytes = family.depthwise_tile(slide), family.PIXEL, family.STAGE
    stride, pixels = slide.stride, slide.pixels
    bound, rows_at_once = get_float if family.IS_FLOAT else get, family.ROWS_AT_ONCE

    @inline
    def convolve(args, number, chunk, offsets, target):
        """An output row of an expanded chunk, from the rows that the offsets tell."""
        steps, out_width = -(-get(args, "taps_height") // rows_at_once), get(args, "out_width")
        step = get(args, "tap_step")
        taps = get(args, "taps") + number * get(args, "taps_bytes")
        stage = get(args, "taps_stage") + number * stage_bytes
        zero, low, high = get(args, "taps_zero"), bound(args, "taps_low"), bound(args, "taps_high")
        for at in range(0, out_width, pixels):
            to = min(at, out_width - pixels)
            source, out = chunk + to * stride * pixel_bytes, target + to * pixel_bytes
            tile(source, offsets, steps, step, taps, stage, out, zero, low, high)

    return convolve


@cache
def _projector(family: Any, rows: int) -> Any:
    """In tiles of so many pixels."""
    tile, pixel_bytes, stage_bytes = family.project_tile(rows), family.PIXEL, family.STAGE
    bound, out_bytes = get_float if family.IS_FLOAT else get, family.OUT

    @inline
    def project(args, source, first, count, begin, end):
        """count pixels from the first one of all images on, whose first chunk lies at source, panels begin .. end."""
        offsets, chunks, pitch = get(args, "middle_chunks"), get(args, "chunks"), get(args, "out_pitch")
        weights, panel_bytes, stage = get(args, "project"), get(args, "project_bytes"), get(args, "project_stage")
        zero, low, high = get(args, "project_zero"), bound(args, "project_low"), bound(args, "project_high")
        out, residual, channels = get(args, "out"), get(args, "residual"), get(args, "out_channels")
        for panel in range(begin, end):
            for at in range(0, count, rows):
                pixel = min(at, count - rows)
                to = (first + pixel) * pitch + panel * out_bytes
                tile(
                    source + pixel * pixel_bytes, offsets, chunks, weights + panel * panel_bytes,
                    stage + panel * stage_bytes, out + to, pitch, channels - panel * COLUMNS, zero, low, high,
                    residual + to if residual != 0 else 0, args + ADDED,
                )  # fmt: skip

    return project


@inline
def _entry(args, number):
    """One of those behind the own one (see `interleaving`), counted from 1."""
    return get(args, "fault") + TO_CALLS + ENTRY_BYTES * (number - 1)


@cache
def _applier(name: str) -> Any:
    """(begin, apply) for the function of the expansion or the depthwise convolution.

    The argument block, one of two in a thread's scratch memory, is a copy of that of an entry behind the own one (see
    `interleaving`), with other elements each time.
    """
    slot, slots = FUSED.offsets[f"{name}_function"], len(ELEMENTS.names)
    place = 8 * slots if name == "taps" else 0
    source_at, out_at, count_at, piece_at = (ELEMENTS.offsets[each] for each in ("source", "out", "count", "piece"))

    @inline
    def begin(args, scratch):
        """Copies the argument block."""
        if load_i64(args + slot) != 0:
            block, given = scratch + get(args, "functions") + place, load_i64(_entry(args, load_i64(args + slot)) + 8)
            for at in range(slots):
                store(block + 8 * at, load_i64(given + 8 * at))

    @inline
    def apply(args, scratch, source, count, rank):
        """Replaces count elements."""
        if load_i64(args + slot) != 0:
            block = scratch + get(args, "functions") + place
            store(block + source_at, source)
            store(block + out_at, source)
            store(block + count_at, count)
            store(block + piece_at, count)
            invoke(load_i64(_entry(args, load_i64(args + slot))), block, 0, 1, rank)

    return begin, apply


@inline
def _no_projection(args, source, first, count, begin, end):
    """Another call projects."""


@cache
def _filler(family: Any, rows: int) -> Any:
    """rows: of tiles of the expansion."""
    pixel_bytes, pad, copy, expand = family.PIXEL, family.pad, family.copy, _expander(family, rows)
    _, apply_to_expanded = _applier("expand")

    @inline
    def fill(args, image, number, chunk, first, last, scratch, rank):
        """Rows of an expanded chunk, counted from the first row of padding."""
        top, height, width = get(args, "top"), get(args, "height"), get(args, "width")
        rows, row_bytes = get(args, "rows"), get(args, "row_bytes")
        for row in range(first, last):
            if row < top or row >= top + height:
                pad(args, chunk + load_i32(rows + 4 * row), row_bytes // pixel_bytes)
        begin, end = max(first - top, 0), min(last - top, height)
        if begin < end and get(args, "expand_steps") == 0:
            copy(args, image, number, begin * width, (end - begin) * width, chunk)
        elif begin < end:
            expand(args, image, number, begin * width, (end - begin) * width, chunk)
        for row in range(begin + top, end + top):
            place = chunk + load_i32(rows + 4 * row) + get(args, "left") * pixel_bytes
            apply_to_expanded(args, scratch, place, width * COLUMNS, rank)

    return fill


@cache
def _reader(family: Any) -> Any:
    """Of what expansions read."""
    read = family.read

    @inline
    def read_rows(args, image, first, last, rank):
        """Address of the first pixel of an image, of which those are there that expansions of these rows read."""
        top, width, height = get(args, "top"), get(args, "width"), get(args, "height")
        begin, end = max(first - top, 0), min(last - top, height)
        if get(args, "patching") != 0:
            if begin < end:
                entry = _entry(args, get(args, "patching"))
                invoke(load_i64(entry), load_i64(entry + 8), image * height + begin, image * height + end, rank)
            patches = get(args, "patches") + rank * get(args, "scratch_bytes")
            return patches - begin * width * get(args, "expand_pitch")
        source = get(args, "source") + image * get(args, "image_bytes")
        return read(args, source, begin * width, max(end - begin, 0) * width, rank)

    return read_rows


def _block(family: Any, slide: Slide, rows: int, in_bands: bool) -> Any:
    """A kernel. rows: of tiles of the expansion. in_bands: it projects, too."""
    pixel_bytes, pad, spread = family.PIXEL, family.pad, family.spread
    read_rows, fill, convolve = _reader(family), _filler(family, rows), _convolver(family, slide)
    project = _projector(family, rows) if in_bands else _no_projection
    begin_expanded, _ = _applier("expand")
    begin_convolved, apply_to_convolved = _applier("taps")

    def compute(args, first, last, rank):
        pieces, piece_rows, band_rows = get(args, "pieces"), get(args, "piece_rows"), get(args, "band_rows")
        groups, group_chunks, chunks = get(args, "chunk_groups"), get(args, "group_chunks"), get(args, "chunks")
        out_height, out_width, extent = get(args, "out_height"), get(args, "out_width"), get(args, "extent")
        scratch, stride = get(args, "scratch") + rank * get(args, "scratch_bytes"), get(args, "stride_height")
        chunk_bytes, row_bytes = get(args, "chunk_bytes"), get(args, "row_bytes")
        tap_rows, tap_rows_bytes = get(args, "tap_rows"), get(args, "tap_rows_bytes")
        left, right, pitch = get(args, "left"), get(args, "right"), get(args, "out_pitch")
        is_spread = get(args, "panels") == 0
        begin_expanded(args, scratch)
        begin_convolved(args, scratch)
        for item in range(first, last):
            image, piece, group = item // groups // pieces, item // groups % pieces, item % groups
            begin, end = group * group_chunks, min(chunks, (group + 1) * group_chunks)
            for row in range(get(args, "ring_rows") * get(args, "ring_chunks")):
                pad(args, scratch + row * row_bytes, left)
                pad(args, scratch + (row + 1) * row_bytes - right * pixel_bytes, right)
            row = piece * piece_rows
            stop, filled = min(out_height, row + piece_rows), row * stride
            while row < stop:
                some = min(band_rows, stop - row)
                filled, below = max(filled, row * stride), (row + some - 1) * stride + extent
                middle = get(args, "middle") + image * get(args, "middle_image_bytes")
                middle += rank * get(args, "middle_rank_bytes")
                pixel = (image * out_height + row) * out_width
                read_from = read_rows(args, image, filled, below, rank)
                for number in range(begin, end):
                    chunk = scratch + (number - begin) * chunk_bytes
                    fill(args, read_from, number, chunk, filled, below, scratch, rank)
                    convolved = middle + number * get(args, "middle_chunk_bytes")
                    for each in range(some):
                        target = convolved + each * out_width * pixel_bytes
                        convolve(args, number, chunk, tap_rows + (row + each) * tap_rows_bytes, target)
                    apply_to_convolved(args, scratch, convolved, some * out_width * COLUMNS, rank)
                    if is_spread:
                        spread(args, convolved, number, get(args, "out") + pixel * pitch, some * out_width)
                project(args, middle, pixel, some * out_width, 0, get(args, "panels"))
                filled = below
                row += some

    return compute


def _projection(family: Any, rows: int) -> Any:
    """The projection by itself."""
    project = _projector(family, rows)

    def compute(args, first, last, rank):
        groups, group_panels, panels = get(args, "panel_groups"), get(args, "group_panels"), get(args, "panels")
        pixels = get(args, "out_height") * get(args, "out_width")
        for item in range(first, last):
            image, begin = item // groups, item % groups * group_panels
            source = get(args, "middle") + image * get(args, "middle_image_bytes")
            project(args, source, image * pixels, pixels, begin, min(panels, begin + group_panels))

    return compute


def _define() -> None:
    """Every kernel, "<numbers>_<filter width>x<stride>_<pixels of a tile>", and

    "<numbers>_chunks_<the same>_<rows of a tile>" with "<numbers>_project_<rows of a tile>" in two calls, of which the
    first one has a variant for filters with a dilation, "<numbers>_chunks_3d1_4_<rows of a tile>".
    """
    for numbers, family in (("float", fused_floats), ("int8", fused_bytes)):
        for slide in (*starmap(Slide, product((3, 5), (1, 2), (4, 7))), DILATED):
            if slide is not DILATED:
                globals()[f"{numbers}_{slide}"] = _block(family, slide, TILE_ROWS, True)
            for rows in (5, 6):
                globals()[f"{numbers}_chunks_{slide}_{rows}"] = _block(family, slide, rows, False)
        for rows in (4, 5, 6):
            globals()[f"{numbers}_project_{rows}"] = _projection(family, rows)


_define()
