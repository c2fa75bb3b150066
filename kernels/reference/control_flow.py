"""Operators that run subgraphs: IF, WHILE, CALL_ONCE, STABLEHLO_COMPOSITE, STABLEHLO_CASE.

A subgraph gets the shapes and types of the call, whatever the file says of its inputs; what it then returns are the
shapes of the outputs. Where branches disagree, or a loop changes the shape of what it carries, shapes are left to the
data.
Semantics: LiteRT tflite/kernels/{if,while,call_once,stablehlo_composite,stablehlo_case}.cc.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node, Shape, TensorSpec
from litejit.kernels.registry import builtin
from litejit.schema import (
    BuiltinOperator,
    CallOnceOptions,
    IfOptions,
    StablehloCaseOptions,
    StableHLOCompositeOptions,
    TensorType,
    WhileOptions,
)
from litejit.schema.errors import InvalidInputError

__all__ = ["CallOnce", "Caller", "If", "StablehloCase", "StablehloComposite", "While"]


class Caller(Kernel):
    """Base of the operators that run subgraphs. Never folded: a subgraph may read and write variables.

    Variable tensors of a subgraph start anew whenever one of these operators is run, but not from round to round of a
    loop: the official kernels release the subgraph's memory, unless all tensors are to be preserved.
    """

    n_outputs = None
    stateful = True
    flavours = ALL_FLAVOURS

    subgraphs: Sequence[int]
    """Those that may be run, set by `check`."""

    def prepare(self, node: Node) -> None:
        """types_given: of the operands that a subgraph gets. Checks, and infers the shapes of the outputs."""
        self.context = node.context
        self.types_made = [spec.type for spec in node.declared]
        self.check(node)
        for at, (shape, type) in enumerate(zip(self.infer(node), self.types_made, strict=True)):
            node.output(shape, at=at, type=type)

    def check(self, node: Node) -> None:
        """Checks the operands and the called subgraphs' interfaces."""
        raise TypeError(f"{type(self).__name__} must define check")

    def infer(self, node: Node) -> Sequence[Shape | None]:
        """Shapes of the outputs, None where they depend on data."""
        raise TypeError(f"{type(self).__name__} must define infer")

    def fits(self, made: TensorSpec, declared: TensorSpec) -> bool:
        """Whether there is room for a result in the tensor that is declared for it."""
        of_strings = (made.dtype == object, declared.dtype == object)
        return made.dtype.itemsize <= declared.dtype.itemsize and of_strings in ((True, True), (False, False))

    def called(self, node: Node, index: int, operands: Sequence[TensorSpec | None]) -> list[TensorSpec]:
        """What subgraph `index` returns for the operands."""
        given = [spec for spec in operands if spec is not None]
        self.types_given = [spec.type for spec in given]
        return node.context.infer_subgraph(index, [spec.dims for spec in given], self.types_given)

    def results(
        self, node: Node, role: str, index: int, operands: Sequence[TensorSpec | None], declared: Sequence[TensorSpec]
    ) -> list[Shape | None]:
        """Shapes of what subgraph `index` returns for the operands, whose types must be those of declared."""
        results = self.called(node, index, operands)
        for at, (theirs, ours) in enumerate(zip(results, declared, strict=True)):
            message = "{} subgraph {}: output {} is {}, expected {}"
            node.require(theirs.type == ours.type, message, role, index, at, theirs.type.name, ours.type.name)
        return [spec.shape for spec in results]

    def common_shapes(
        self, node: Node, role: str, subgraphs: Sequence[int], operands: Sequence[TensorSpec | None]
    ) -> list[Shape | None]:
        """What all these subgraphs return for the operands; None where they disagree.

        Outputs take the types of what the first subgraph returns (types_made), which has to fit into what is declared.
        """
        made = self.called(node, subgraphs[0], operands)
        for at, (theirs, ours) in enumerate(zip(made, node.declared, strict=True)):
            message = "{} subgraph {}: output {} is {}, which does not fit into {}"
            node.require(self.fits(theirs, ours), message, role, subgraphs[0], at, theirs.type.name, ours.type.name)
        self.types_made = [spec.type for spec in made]
        inferred = [self.results(node, role, index, operands, made) for index in subgraphs]
        return [each[0] if len(set(each)) == 1 else None for each in zip(*inferred, strict=True)]

    def call(self, index: int, operands: Sequence[np.ndarray], *, anew: bool = True) -> list[np.ndarray]:
        """Runs a subgraph on the operands. anew: its variable tensors start at their initial value."""
        return self.context.call_subgraph(index, operands, self.types_given, anew)


def require_interface(node: Node, role: str, index: int, inputs: int, outputs: int) -> None:
    """Raises InvalidModelError unless subgraph `index` has so many inputs and outputs."""
    signature = node.context.subgraph(index)
    for what, theirs, ours in (("inputs", signature.inputs, inputs), ("outputs", signature.outputs, outputs)):
        node.require(len(theirs) == ours, "{} subgraph {} has {} {}, expected {}", role, index, len(theirs), what, ours)


@builtin(BuiltinOperator.IF)
class If(Caller):
    """Runs one of two subgraphs on the operands after cond: one bool."""

    options: IfOptions
    types = (TensorType.BOOL,)

    def check(self, node: Node) -> None:
        """Checks cond and both branches."""
        cond = node.input("cond")
        node.require(cond.size == 1, "operand 'cond' has shape {}, expected one element", cond.dims)
        self.branches = self.subgraphs = self.options.then_subgraph_index, self.options.else_subgraph_index
        for role, index in zip(("then", "else"), self.branches, strict=True):
            require_interface(node, role, index, len(node.inputs) - 1, len(node.declared))

    def infer(self, node: Node) -> Sequence[Shape | None]:
        """What both branches agree on."""
        return self.common_shapes(node, "branch", self.branches, node.inputs[1:])

    def __call__(self, cond: np.ndarray, *operands: np.ndarray) -> tuple[np.ndarray, ...]:
        """Runs the branch."""
        branch = self.branches[0] if cond.reshape(())[()] else self.branches[1]
        return tuple(self.call(branch, operands))


@builtin(BuiltinOperator.WHILE)
class While(Caller):
    """Runs the body subgraph on its own results, from the operands on, as long as the cond subgraph returns true.

    Shapes may change from round to round. Raises InvalidInputError after Limits.while_iterations rounds. The official
    kernel fails where the file gives an input of cond elements of another size than the call's.
    """

    options: WhileOptions

    def check(self, node: Node) -> None:
        """Checks both subgraphs: the body maps tensors like the operands to tensors like the operands."""
        self.cond, self.body = self.options.cond_subgraph_index, self.options.body_subgraph_index
        self.subgraphs = self.cond, self.body
        node.require(self.cond != self.body, "cond and body are the same subgraph {}", self.cond)
        node.require(
            len(node.inputs) == len(node.declared),
            "the operator has {} operands and {} outputs, expected as many",
            len(node.inputs),
            len(node.declared),
        )
        require_interface(node, "cond", self.cond, len(node.inputs), 1)
        require_interface(node, "body", self.body, len(node.inputs), len(node.declared))

    def infer(self, node: Node) -> Sequence[Shape | None]:
        """The operands' shapes if the body keeps them all: a single change may spread to the others."""
        operands = [node.input(at) for at in range(len(node.inputs))]
        shapes = [spec.dims for spec in operands]
        self.types_given = [spec.type for spec in operands]
        (again,) = self.context.infer_subgraph(self.cond, shapes, self.types_given)
        node.require(
            again.type == TensorType.BOOL and again.shape in (None, (), (1,)),
            "cond subgraph {} returns {} {}, expected one bool",
            self.cond,
            again.type.name,
            again.shape,
        )
        same = self.results(node, "body", self.body, operands, operands) == shapes
        return shapes if same else [None] * len(shapes)

    def __call__(self, *operands: np.ndarray) -> tuple[np.ndarray, ...]:
        """Loops."""
        values = list(operands)
        for turn in range(self.context.limits.while_iterations):
            (again,) = self.call(self.cond, values, anew=turn == 0)
            if again.shape not in ((), (1,)):
                raise InvalidInputError(f"cond subgraph {self.cond} returned shape {again.shape}, expected one bool")
            if not again.reshape(())[()]:
                return tuple(values)
            values = self.call(self.body, values, anew=turn == 0)
        raise self.endless()

    def endless(self) -> InvalidInputError:
        """The error of a loop that goes on for too long."""
        return InvalidInputError(f"the loop did not end within {self.context.limits.while_iterations} rounds")


@builtin(BuiltinOperator.STABLEHLO_WHILE)
class StablehloWhile(While):
    """WHILE under the name and the options of StableHLO."""


@builtin(BuiltinOperator.CALL_ONCE)
class CallOnce(Caller):
    """Runs a subgraph without operands the first time it is reached in the life of an interpreter: initialisation."""

    n_outputs = 0
    options: CallOnceOptions

    def check(self, node: Node) -> None:
        """Checks the subgraph: no inputs, no outputs."""
        self.subgraph = self.options.init_subgraph_index
        self.subgraphs = (self.subgraph,)
        require_interface(node, "init", self.subgraph, 0, 0)

    def infer(self, node: Node) -> Sequence[Shape | None]:
        """No outputs."""
        return ()

    def __call__(self, *operands: np.ndarray) -> tuple[np.ndarray, ...]:
        """Runs the subgraph unless it has been run."""
        if not self.is_done:
            self.context.call_subgraph(self.subgraph, [])
            self._done.add(self.subgraph)
        return ()

    @property
    def is_done(self) -> bool:
        """Whether the subgraph has been run."""
        return self.subgraph in self._done

    @property
    def _done(self) -> set[int]:
        done: set[int] = self.context.resources.setdefault("call_once", set())
        return done


@builtin(BuiltinOperator.STABLEHLO_COMPOSITE)
class StablehloComposite(Caller):
    """A named composition of operators; runs the subgraph that spells it out."""

    options: StableHLOCompositeOptions

    def check(self, node: Node) -> None:
        """Checks the subgraph, and that there are the options without which the official runtime reads no model."""
        node.require(node.inputs, "the operator has no operands, expected at least one")
        node.require(self.options.name is not None, "option 'name' is missing")
        node.require(self.options.composite_attributes is not None, "option 'composite_attributes' is missing")
        self.subgraph = self.options.decomposition_subgraph_index
        self.subgraphs = (self.subgraph,)
        require_interface(node, "decomposition", self.subgraph, len(node.inputs), len(node.declared))

    def infer(self, node: Node) -> Sequence[Shape | None]:
        """What the subgraph infers."""
        return self.common_shapes(node, "decomposition", [self.subgraph], node.inputs)

    def __call__(self, *operands: np.ndarray) -> tuple[np.ndarray, ...]:
        """Runs the subgraph."""
        return tuple(self.call(self.subgraph, operands))


@builtin(BuiltinOperator.STABLEHLO_CASE)
class StablehloCase(Caller):
    """Runs one of several subgraphs, chosen by index: one int32; an index out of range takes the last one."""

    options: StablehloCaseOptions
    types = (TensorType.INT32,)

    def check(self, node: Node) -> None:
        """Checks index and all branches."""
        index = node.input("index")
        node.require(index.size == 1, "operand 'index' has shape {}, expected one element", index.dims)
        self.branches = self.subgraphs = [int(branch) for branch in self.options.branch_subgraph_indices]
        node.require(self.branches, "branch_subgraph_indices is empty")
        for branch in self.branches:
            require_interface(node, "branch", branch, len(node.inputs) - 1, len(node.declared))

    def infer(self, node: Node) -> Sequence[Shape | None]:
        """What all branches agree on."""
        return self.common_shapes(node, "branch", self.branches, node.inputs[1:])

    def fits(self, made: TensorSpec, declared: TensorSpec) -> bool:
        """Here the official kernel wants both to be of one size."""
        return super().fits(made, declared) and made.dtype.itemsize == declared.dtype.itemsize

    def __call__(self, index: np.ndarray, *operands: np.ndarray) -> tuple[np.ndarray, ...]:
        """Runs the branch."""
        chosen = int(index.reshape(())[()])
        branch = self.branches[chosen] if 0 <= chosen < len(self.branches) else self.branches[-1]
        return tuple(self.call(branch, operands))
