"""Operands of recurrent operators that are larger than what is read of them, against the official kernels."""

from __future__ import annotations

import pytest

from litejit.interpreter import OpResolverType
from litejit.testing import Problem, check, refused
from tests.catalogue import CATALOGUE
from tests.mutant import Mutant

LARGER = {
    # operator: position of the operand -> the dimension that grows (-1: a further one at the end), and by how much
    "RNN": {0: (-1, 2), 1: (-1, 2), 2: (-1, 1), 3: (-1, 3)},
    "SVDF": {0: (-1, 2), 1: (-1, 1), 2: (-1, 2), 3: (-1, 3)},
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
