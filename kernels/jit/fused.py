"""Fused blocks on the fast tier: expand -> depthwise -> project (1 x 1), and what is added to that.

The expansion is a 1 x 1 convolution or the first one of a network, which sees more than single pixels and has strides:
what it sees of each pixel of a band, a patch, is copied side by side, and is then a pixel like others.

Large images are cut into bands of rows, each computed from the input to the output by one thread before the next.
Small ones are computed in two calls, chunks of channels first and then columns of the projection, because rows that
bands have in common would have to be expanded twice; several threads share their rows all the same where that is less
than what they would have to read of one another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd, prod
from typing import Any

from litejit.kernels.jit import tuning
from litejit.kernels.jit.algorithms import time_of_direct, time_of_split
from litejit.kernels.jit.bands import BAND_BYTES, last_rows, tile_rows
from litejit.kernels.jit.call import SLACK, Call, Fault, Jump, Label
from litejit.kernels.jit.choosing import Illegal, Option
from litejit.kernels.jit.depthwise import TAP
from litejit.kernels.jit.forced import forced
from litejit.kernels.jit.fused_cut import SMALL_WIDTH, Cut, fits
from litejit.kernels.jit.fused_packing import Addition, Function, pack_bytes, pack_floats
from litejit.kernels.jit.fused_slots import patching, places, sizes
from litejit.kernels.jit.layouts.fused import DILATED, FUSED, TILE_ROWS
from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.lowering import Lowering
from litejit.kernels.jit.packing import panels_of
from litejit.kernels.jit.patching import depth_of, has_patches
from litejit.kernels.node import TensorSpec

__all__ = ["Addition", "Block", "Function"]

_HANDED_OVER = 32
"""Multiply-adds that take as long as it takes to read a byte that another processor has written."""

MOST_OF_A_PATCH = 64
"""Elements that a filter sees of a pixel, where blocks begin with one that sees more than single pixels."""

SPLIT_TIME, SPLIT_TIME_OF_LARGE = 0.88, 0.78
"""Where 1 x 1 convolutions with split weights take less of the time of direct ones, operators stay apart."""


@dataclass(frozen=True, eq=False)
class Block:
    """Operators that are computed at once. expand: None if the depthwise convolution reads the input itself.

    functions: of what the expansion gives (or the input, without one) and of what the depthwise convolution gives.
    project: None if what the depthwise convolution gives is the result.
    """

    expand: Lowering | None
    depthwise: Lowering
    project: Lowering | None
    functions: tuple[Function | None, Function | None] = (None, None)
    addition: Addition | None = None

    @property
    def input(self) -> TensorSpec:
        """The tensor that the block reads."""
        if self.expand is not None:
            return self.expand.input(0)
        given, function = self.depthwise.input(0), self.functions[0]
        return given if function is None else replace(given, index=function.input)

    @property
    def output(self) -> TensorSpec:
        """The tensor that the block writes."""
        if self.project is None:
            result, function = self.depthwise.outputs[0], self.functions[1]
            return result if function is None else replace(result, index=function.output)
        return self.project.outputs[0] if self.addition is None else self.addition.output

    @property
    def cut(self) -> Cut:
        """How the block is best cut. Each thread has one piece of the rows: those at the seams are expanded twice."""
        cut = Cut.of(self.depthwise, 2 if self.input.dtype.itemsize == 1 else 4, self.expand is None)
        if cut.is_small and self.project is not None and self._has_quicker_rows(cut):
            cut = replace(cut, in_bands=True, band_rows=-(-cut.geometry.out_size[0] // self.most_pieces))
        return replace(cut, band_rows=min(cut.band_rows, self.piece_rows(cut)))

    def _has_quicker_rows(self, cut: Cut) -> bool:
        """Whether threads that share the rows of small images are quicker than those that share chunks and panels.

        Rows at the seams have to be expanded twice. With chunks, all threads read what each of them has written.
        """
        threads, geometry = self.depthwise.threads, cut.geometry
        (height, width), (out_height, out_width) = geometry.in_size, geometry.out_size
        rows = -(-out_height // self.most_pieces)
        # What a dilation sees of the rows at the seams is most of the image: there are no kernels for that.
        if threads == 1 or cut.slide is DILATED or last_rows(out_height, rows) * out_width < TILE_ROWS:
            return False
        expanded = 0 if self.expand is None else width * depth_of(self.expand) * geometry.channels
        convolved = out_width * geometry.channels * (TAP * prod(geometry.taps) + self.output.dims[3])
        # Rows above and below the image are not expanded: of two pieces each has some.
        reach = min(height, geometry.rows_below(rows) - (geometry.pads[0] if self.most_pieces == 2 else 0))
        middle = out_height * out_width * geometry.channels * geometry.element_bytes
        by_rows = reach * expanded + rows * convolved
        by_chunks = (height * expanded + out_height * convolved) / threads
        return by_rows < by_chunks + _HANDED_OVER * middle * (threads - 1) / threads

    @property
    def obstacle(self) -> Illegal | None:
        """Why the operators cannot be fused, as far as shapes tell."""
        if not all(_is_constant(part) for part in self.parts):
            return Illegal("filters or biases that are no constants, or no output")
        is_filled_up = self.project is not None and self.depthwise.outputs[0].dims[3] % COLUMNS > 0
        if is_filled_up and not all(function is None or function.stays_finite for function in self.functions):
            return Illegal("channels that fill up a chunk might not stay finite")
        return None if fits(self.depthwise) else Illegal("no kernels for these filters, strides or small images")

    @property
    def is_wanted(self) -> bool:
        """Whether the operators should be fused where they can be: as asked for, as measured here, or as estimated."""
        if forced() & {"fused", "apart"}:
            return "fused" in forced()
        measured = self._measured
        return not self.doubt if measured is None else measured == "fused"

    @property
    def signature(self) -> str:
        """What `litejit tune` remembers such blocks by."""
        functions = [function.call.kernel for function in self.functions if function is not None]
        added = [] if self.addition is None else ["added"]
        return " + ".join([*map(tuning.signature, self.parts), *functions, *added])

    @property
    def _measured(self) -> str | None:
        known = tuning.known()
        return known.get(self.signature) if known else None

    @property
    def doubt(self) -> str:
        """Why the operators should be quicker by themselves, as far as has been measured; empty if they are not.

        Where channels do not become many more, little is gained, and nothing in small images; channels that fill up a
        chunk are for nothing. Without a projection, what is gained is that large expanded images are not written.
        """
        split, gain = self._shares_of_direct
        if split < gain:
            return "weights that are split"
        cut, channels = self.cut, self.depthwise.outputs[0].dims[3]
        filled = channels / (panels_of(channels) * COLUMNS)
        if filled < (1 if self.expand is None else 0.75):
            return f"{channels} channels fill {panels_of(channels)} chunks of {COLUMNS} too little"
        if cut.slide is DILATED and (self.expand is None or cut.chunk_bytes > BAND_BYTES):
            return "a dilation, and nothing is expanded or images are large"
        if has_patches(self.expand):
            return self._doubt_of_head
        if self.expand is not None:
            if channels <= 2 * self.input.dims[3]:
                return "channels become at most twice as many"
            is_small = self.project is None and cut.is_small
            return f"nothing is projected, and images are at most {SMALL_WIDTH} wide" if is_small else ""
        if self.project is None:
            return "nothing is expanded or projected"
        if cut.is_small:
            return f"nothing is expanded, and images are at most {SMALL_WIDTH} wide"
        is_float = self.input.dtype.itemsize > 1
        return "nothing is expanded, and floats with a stride" if is_float and cut.geometry.strides[0] > 1 else ""

    @property
    def _doubt_of_head(self) -> str:
        """The same of a head: patches have to be copied, which is more of the time of floats."""
        assert self.expand is not None
        if depth_of(self.expand) > MOST_OF_A_PATCH:
            return f"patches of more than {MOST_OF_A_PATCH} elements are copied"
        if self.input.dtype.itemsize == 1:
            return ""
        if self.depthwise.outputs[0].dims[3] < 2 * COLUMNS:
            return f"patches of floats are copied for fewer than {2 * COLUMNS} channels"
        return f"patches of floats are copied, and images are at most {SMALL_WIDTH} wide" if self.cut.is_small else ""

    @property
    def _shares_of_direct(self) -> tuple[float, float]:
        """Of the time of direct 1 x 1 convolutions: with split weights, and with what fusion gains.

        The larger the expanded image, the dearer it is to write and read.
        """
        works = [part.outputs[0].size * depth_of(part) for part in self._products]
        times = [work * time_of_split(part) for work, part in zip(works, self._products, strict=True)]
        time = sum(times) / sum(works) if works else 1.0
        is_small = self.expand is None or self.depthwise.input(0).dims[2] <= SMALL_WIDTH
        return time, SPLIT_TIME if is_small else SPLIT_TIME_OF_LARGE

    @property
    def _products(self) -> list[Lowering]:
        return [part for part in (self.expand, self.project) if part is not None]

    def options(self, illegal: Illegal | None, is_fused: bool, asked: bool) -> tuple[Option, Option]:
        """What has been decided: whether it is fused, or why that is illegal; and whether it was asked for."""
        split, gain = self._shares_of_direct
        direct, others = sum(map(time_of_direct, self._products)), time_of_direct(self.depthwise)
        because = "asked for" if asked else "measured here" if self._measured else self.doubt or "estimated"
        reason = None if illegal is None else illegal.reason
        return (
            Option("fused", gain * direct + others, reason, is_fused, because if is_fused else ""),
            Option("apart", split * direct + others, None, not is_fused, "" if is_fused or reason else because),
        )

    @property
    def parts(self) -> list[Lowering]:
        """The convolutions."""
        return [part for part in (self.expand, self.depthwise, self.project) if part is not None]

    @property
    def is_in_one_call(self) -> bool:
        """Whether a thread projects what it has convolved itself."""
        return self.cut.in_bands or self.project is None

    def calls(self, spare: int) -> list[Call | Jump | Label] | Illegal:
        """One or two calls, of a block without an obstacle; Illegal if the operators have to stay apart.

        spare: bytes that scratch memory may have, except where blocks are always fused.
        """
        cut = self._fitting(spare)
        if cut is None:
            return Illegal("scratch memory would make the arena larger")
        pack = {4: pack_floats, 1: pack_bytes}.get(self.input.dtype.itemsize)
        packed = None if pack is None else pack(self.expand, self.depthwise, self.project)
        if packed is None:
            return Illegal("types that have no kernels")
        if isinstance(packed, Illegal):
            return packed
        where = places(self, cut)
        scratch = where.pop("shared") + where["scratch_bytes"]
        entries, numbers = self._entries(patching(self, where))
        values = sizes(self, cut) | where | packed.values | Addition.slots(self.addition) | numbers
        work = self.depthwise.outputs[0].size * prod(self.depthwise.input(1).dims[1:3])
        work += 0 if self.expand is None else self.expand.outputs[0].size * depth_of(self.expand)
        work += sum(8 * self.depthwise.outputs[0].size for function in self.functions if function is not None)
        project_work = 0 if self.project is None else self.output.size * self.depthwise.outputs[0].dims[3]
        items = self.output.dims[0] * values["pieces"] * values["chunk_groups"]
        if cut.in_bands:
            call = Call(f"fused.{packed.numbers}_{cut.slide}", FUSED, values, items, 1, scratch, work + project_work)
            return [call, *entries]
        rows = tile_rows(prod(cut.geometry.in_size), (TILE_ROWS, 5))
        chunks = Call(f"fused.{packed.numbers}_chunks_{cut.slide}_{rows}", FUSED, values, items, 1, scratch, work)
        if self.project is None:
            return [chunks, *entries]
        project = f"fused.{packed.numbers}_project_{tile_rows(prod(cut.geometry.out_size), (TILE_ROWS, 5, 4))}"
        groups = self.output.dims[0] * values["panel_groups"]
        projection = Call(project, FUSED, values, groups, 1, scratch, project_work)
        return [chunks, *entries, projection]

    def _entries(self, first: list[Call]) -> tuple[list[Call | Jump | Label], dict[str, Any]]:
        """What follows the block's call, which nobody but the block calls, and the slots that have its numbers.

        first: what copies patches, if the block begins with that.
        """
        expanded, convolved = ([] if function is None else [function.call] for function in self.functions)
        calls, end = [*first, *expanded, *convolved], Label()
        numbers = {
            "patching": len(first),
            "expand_function": len(expanded) and len(first) + 1,
            "taps_function": len(convolved) and len(calls),
            "fault": Fault(),
        }
        return [Jump(end), *calls, end] if calls else [], numbers

    def _fitting(self, spare: int) -> Cut | None:
        """The cut with the highest bands that need no more scratch memory than that; None if even the lowest do."""
        cut = self.cut
        for rows in range(cut.band_rows, 0, -1) if cut.in_bands else (cut.band_rows,):
            lower = replace(cut, band_rows=rows)
            if "fused" in forced() or self._scratch_bytes(lower) <= spare:
                return lower
        return None

    def _scratch_bytes(self, cut: Cut) -> int:
        memory = places(self, cut)
        return int(memory["shared"] + self.depthwise.threads * memory["scratch_bytes"] + SLACK)

    @property
    def scratch_bytes(self) -> int:
        """Scratch memory of all threads that would be best."""
        return self._scratch_bytes(self.cut)

    @property
    def most_pieces(self) -> int:
        """Pieces of an image that occupy all threads: one where there are as many images, or a multiple."""
        threads = self.depthwise.threads
        return threads // gcd(threads, self.output.dims[0])

    def piece_rows(self, cut: Cut) -> int:
        """Output rows that a thread computes at a time: some bands."""
        out_height = cut.geometry.out_size[0]
        pieces = min(self.most_pieces, -(-out_height // cut.band_rows)) if cut.in_bands else 1
        return -(-out_height // pieces)


def _is_constant(part: Lowering) -> bool:
    filter, output = part.input(1), part.outputs[0]
    return filter.value is not None and part.constant_bias(2, output.dims[3]) is not None and output.size > 0
