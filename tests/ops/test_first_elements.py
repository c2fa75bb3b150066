"""Operands that are larger than what is read of them, against the official kernels."""

from __future__ import annotations

import numpy as np
import pytest

from litejit import Interpreter, LitejitError
from litejit.crosscheck.official import official
from litejit.interpreter import OpResolverType
from litejit.testing import Input, Problem, check, out, refused, single_op
from tests.catalogue import CATALOGUE
from tests.mutant import Mutant

LARGER = {
    # operator: position of the operand -> the dimension that grows (-1: a further one at the end), and by how much
    "RNN": {0: (-1, 2), 1: (-1, 2), 2: (-1, 1), 3: (-1, 3)},
    "SVDF": {0: (-1, 2), 1: (-1, 1), 2: (-1, 2), 3: (-1, 3)},
    "ATAN2": {1: (1, 2)},
    "MATRIX_SET_DIAG": {1: (-1, 2)},
    "STRIDED_SLICE": {3: (0, 2)},
    "BIDIRECTIONAL_SEQUENCE_RNN": {1: (-1, 2), 2: (1, 2), 3: (-1, 2), 5: (-1, 1), 6: (0, 2), 7: (-1, 2)},
}


def larger(name: str, at: int, position: int, axis: int, by: int) -> Problem:
    mutant = Mutant(CATALOGUE[name][at], name)
    index = int(mutant.operator.inputs[position])
    shape = mutant.tensors[index].shape
    mutant.reshape(index, (*shape, by) if axis < 0 else (*shape[:axis], shape[axis] * by, *shape[axis + 1 :]))
    return Problem(mutant.to_bytes(), mutant.inputs(), name)


@pytest.mark.parametrize("resolver", [OpResolverType.BUILTIN_REF, OpResolverType.AUTO], ids=str)
@pytest.mark.parametrize("name", LARGER)
def test_first_elements_count(name: str, resolver: OpResolverType) -> None:
    for at in range(len(CATALOGUE[name])):
        for position, (axis, by) in LARGER[name].items():
            problem = larger(name, at, position, axis, by)
            check(problem, invokes=2, atol=1e-5, experimental_op_resolver_type=resolver)


def test_too_few_elements() -> None:
    mutant = Mutant(CATALOGUE["BIDIRECTIONAL_SEQUENCE_RNN"][0], "BIDIRECTIONAL_SEQUENCE_RNN")
    index = int(mutant.operator.inputs[2])
    mutant.reshape(index, (mutant.tensors[index].shape[0], 1))
    problem = Problem(mutant.to_bytes(), mutant.inputs(), "BIDIRECTIONAL_SEQUENCE_RNN")
    refused(problem, "operand 'fw_recurrent_weights'")


@pytest.mark.parametrize("shape", [(2, 5), (3,), (), (1, 3, 3)], ids=str)
def test_what_is_left_of_rows(shape: tuple[int, ...]) -> None:
    """FULLY_CONNECTED takes as many whole rows as there are, none at all among them."""
    for at in range(len(CATALOGUE["FULLY_CONNECTED"])):
        mutant = Mutant(CATALOGUE["FULLY_CONNECTED"][at], "FULLY_CONNECTED")
        if not mutant.operator.options.keep_num_dims:
            mutant.reshape(int(mutant.operator.inputs[0]), shape)
            problem = Problem(mutant.to_bytes(), mutant.inputs(), "FULLY_CONNECTED")
            check(problem)
            check(problem, experimental_op_resolver_type=OpResolverType.AUTO)


def test_bounds_of_a_slice_are_compared_before_there_are_any() -> None:
    operands = [Input(np.zeros((3, 4)), np.float32), *(Input(np.ones(size), np.int32) for size in (2, 3, 2))]
    problem = single_op("STRIDED_SLICE", operands, [out()])
    interpreter = Interpreter(model_content=problem.model)
    with pytest.raises(LitejitError, match="'end'"):
        interpreter.allocate_tensors()
    assert "failed to prepare" in str(official.run(problem.model, problem.inputs).error)
