"""Windows over any number of dimensions: STABLEHLO_REDUCE_WINDOW, REDUCE_WINDOW, and DILATE.

Semantics: LiteRT tflite/kernels/{stablehlo_reduce_window,dilate}.cc.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided

from litejit.kernels.geometry import spread
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node, Shape, TensorSpec
from litejit.kernels.reference.body import Combiner, body_combiner, fold, logical
from litejit.kernels.registry import builtin
from litejit.schema import (
    BuiltinOperator,
    ReduceWindowFunction,
    ReduceWindowOptions,
    StablehloReduceWindowOptions,
    TensorType,
)

__all__ = ["Dilate", "ReduceWindow", "StablehloReduceWindow"]

_FUNCTIONS: dict[ReduceWindowFunction, Combiner] = {
    ReduceWindowFunction.ADD: np.add,
    ReduceWindowFunction.MUL: np.multiply,
    ReduceWindowFunction.MINIMUM: lambda a, b: np.where(a <= b, a, b),
    ReduceWindowFunction.MAXIMUM: lambda a, b: np.where(a >= b, a, b),
    ReduceWindowFunction.ALL: logical(np.logical_and),
    ReduceWindowFunction.ANY: logical(np.logical_or),
}
_BODIES = {
    **dict.fromkeys(("ADD", "STABLEHLO_ADD"), _FUNCTIONS[ReduceWindowFunction.ADD]),
    **dict.fromkeys(("MUL", "STABLEHLO_MULTIPLY"), _FUNCTIONS[ReduceWindowFunction.MUL]),
    **dict.fromkeys(("MINIMUM", "STABLEHLO_MINIMUM"), _FUNCTIONS[ReduceWindowFunction.MINIMUM]),
    **dict.fromkeys(("MAXIMUM", "STABLEHLO_MAXIMUM"), _FUNCTIONS[ReduceWindowFunction.MAXIMUM]),
    **dict.fromkeys(("LOGICAL_AND", "STABLEHLO_AND"), _FUNCTIONS[ReduceWindowFunction.ALL]),
    **dict.fromkeys(("LOGICAL_OR", "STABLEHLO_OR"), _FUNCTIONS[ReduceWindowFunction.ANY]),
}
"""What a body of one such operator computes, without quantization and activation."""


class WindowReduction(Kernel):
    """Base: input [*in_sizes], init_value: one number, both of one type -> [*out_sizes], 1 to 6 dimensions.

    The taps of each window are combined in row-major order, starting from init_value.
    out_size = (in_size - ((window - 1) * window_dilation + 1)) // window_stride + 1, 0 where that is negative.
    Derived: combiner, window, strides, dilations, out_sizes.
    """

    types = (
        TensorType.BOOL,
        TensorType.INT8,
        TensorType.INT16,
        TensorType.INT32,
        TensorType.INT64,
        TensorType.UINT8,
        TensorType.FLOAT32,
        TensorType.FLOAT64,
    )
    flavours = ALL_FLAVOURS
    combiner: Combiner

    def check(self, node: Node) -> TensorSpec:
        """Checks what both operators have in common."""
        x = node.input("input", rank=range(1, 7))
        init_value = node.input("init_value", types=x.type)
        node.require(init_value.size >= 1, "operand 'init_value' has shape {}, expected one number", init_value.dims)
        return x

    def place(
        self, node: Node, x: TensorSpec, in_sizes: Shape, window: Shape, strides: Shape, dilations: Shape
    ) -> None:
        """Derives where the windows lie."""
        for name, sizes in (("window", window), ("window stride", strides), ("window dilation", dilations)):
            node.require(len(sizes) == x.rank, "there are {} {} sizes for {} dimensions", len(sizes), name, x.rank)
            node.require(min(sizes) >= 1, "the {} sizes are {}, they must be at least 1", name, sizes)
        self.window, self.strides, self.dilations = window, strides, dilations
        self.out_sizes = tuple(
            max(0, (size - ((taps - 1) * dilation + 1)) // stride + 1)
            for size, taps, stride, dilation in zip(in_sizes, window, strides, dilations, strict=True)
        )
        node.output(self.out_sizes, types=x.type)

    def reduce(self, x: np.ndarray, init_value: np.ndarray) -> np.ndarray:
        """Combines the taps of every window of x."""
        result = np.full(self.out_sizes, init_value.reshape(-1)[0], x.dtype)
        if result.size == 0:
            return result
        outer = [step * stride for step, stride in zip(x.strides, self.strides, strict=True)]
        inner = [step * dilation for step, dilation in zip(x.strides, self.dilations, strict=True)]
        taps = as_strided(x, (*self.window, *self.out_sizes), (*inner, *outer), writeable=False)
        return fold(self.combiner, result, (taps[at] for at in np.ndindex(self.window)))


@builtin(BuiltinOperator.STABLEHLO_REDUCE_WINDOW)
class StablehloReduceWindow(WindowReduction):
    """Reduces windows of the input after spreading it by base_dilations and padding (or, < 0, cropping) it.

    What is put in between and around is init_value. The body is a subgraph, see `body_combiner`.
    Derived: base_dilations, padding ([rank][low, high]).
    """

    options: StablehloReduceWindowOptions

    def prepare(self, node: Node) -> None:
        """Reads the options; those left out are 1, padding 0."""
        x, options = self.check(node), self.options
        self.combiner = body_combiner(node, options.body_subgraph_index, x, _BODIES)
        window = _sizes(options.window_dimensions)
        strides, dilations, self.base_dilations = (
            _sizes(sizes) or (1,) * x.rank
            for sizes in (options.window_strides, options.window_dilations, options.base_dilations)
        )
        padding = _sizes(options.padding) or (0,) * 2 * x.rank
        node.require(len(padding) == 2 * x.rank, "there are {} paddings for {} dimensions", len(padding), x.rank)
        self.padding = tuple(zip(padding[::2], padding[1::2], strict=True))
        node.require(
            len(self.base_dilations) == x.rank and min(self.base_dilations) >= 1,
            "base_dilations are {}, expected {} numbers of at least 1",
            self.base_dilations,
            x.rank,
        )
        dilated = [max(0, (size - 1) * by + 1) for size, by in zip(x.dims, self.base_dilations, strict=True)]
        self.padded = tuple(size + low + high for size, (low, high) in zip(dilated, self.padding, strict=True))
        node.require(not any(padding) or min(self.padded) > 0, "after padding {} the shape is {}", padding, self.padded)
        node.output(self.padded)  # refuses sizes beyond the limit
        self.place(node, x, self.padded, window, strides, dilations)

    def __call__(self, input: np.ndarray, init_value: np.ndarray) -> np.ndarray:
        """Spreads, pads, reduces."""
        fill = init_value.reshape(-1)[0]
        return self.reduce(spread(input, self.base_dilations, self.padding, self.padded, fill), init_value)


@builtin(BuiltinOperator.REDUCE_WINDOW)
class ReduceWindow(WindowReduction):
    """Reduces windows of the input by reduce_function.

    window_shape, window_strides, window_dilations: constant int64 [rank].
    """

    options: ReduceWindowOptions

    def prepare(self, node: Node) -> None:
        """Reads the constant operands."""
        x = self.check(node)
        function = self.options.reduce_function
        if function not in _FUNCTIONS:
            node.unsupported("reduce_function {} is not known", function)
        self.combiner = _FUNCTIONS[function]
        names = ("window_shape", "window_strides", "window_dilations")
        for name in names:
            spec = node.input(name, types=TensorType.INT64, shape=(x.rank,))
            node.require(spec.value is not None, "operand '{}' must be a constant", name)
        self.place(node, x, x.dims, *(_sizes(node.value(name)) for name in names))

    def __call__(
        self,
        input: np.ndarray,
        init_value: np.ndarray,
        window_shape: np.ndarray,
        window_strides: np.ndarray,
        window_dilations: np.ndarray,
    ) -> np.ndarray:
        """Reduces."""
        return self.reduce(input, init_value)


@builtin(BuiltinOperator.DILATE)
class Dilate(Kernel):
    """Puts dilations[i] - 1 copies of padding_value between neighbours along every dimension i.

    input: rank >= 1, any type of fixed size; dilations: int32 [rank], at least 1; padding_value: one element.
    """

    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Reads the dilations."""
        x = node.input("input")
        node.require(x.rank >= 1, "the input is a scalar, expected at least one dimension")
        node.require(x.dtype != object, "strings have no fixed size")
        node.require(node.input("padding_value", types=x.type).size >= 1, "operand 'padding_value' is empty")
        node.input("dilations", types=TensorType.INT32, shape=(x.rank,))
        self.dilations = _sizes(node.value("dilations"))
        node.require(min(self.dilations) >= 1, "dilations are {}, they must be at least 1", self.dilations)
        node.require(x.size > 0, "{} of shape {} is empty", x, x.dims)
        shape = [(size - 1) * by + 1 for size, by in zip(x.dims, self.dilations, strict=True)]
        self.shape = node.output(shape, types=x.type).dims

    def __call__(self, input: np.ndarray, dilations: np.ndarray, padding_value: np.ndarray) -> np.ndarray:
        """Spreads the elements."""
        return spread(input, self.dilations, ((0, 0),) * input.ndim, self.shape, padding_value.reshape(-1)[0])


def _sizes(values: np.ndarray) -> Shape:
    return tuple(map(int, values))
