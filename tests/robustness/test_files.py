"""Malformed files, as whoever opens one meets them: an interpreter of it refuses it, naming the place.

FILES has a row for each way in which files have broken runtimes, with all the files that are wrong in that way. Most
are made by the tables of tests.test_schema_structure (wrong bytes) and tests.test_schema_semantics (bytes that make no
sense), which hold the reader alone to the same errors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, InvalidModelError, LitejitError, UnsupportedError
from litejit.schema import DimensionMetadata, Model, ModelBuilder, TensorMap, write_model
from tests import test_schema_semantics as senseless
from tests import test_schema_structure as structure
from tests.test_schema_semantics import (
    STATE,
    WEIGHTS,
    X,
    Y,
    Z,
    graph,
    ints,
    operator,
    signature,
    small_model,
)
from tests.test_schema_sparsity import SPARSE, csr, sparse
from tests.test_schema_structure import U16, Cursor, good, put

CONV, ADD = senseless.CONV, senseless.ADD


@dataclass
class File:
    """A malformed file: what is wrong, its bytes, what the error says; None for one that is fine after all."""

    part: str
    make: Callable[[], bytes]
    message: str | None
    error: type[LitejitError] = InvalidModelError


def wrong_bytes(part: str, mutate: Callable[[Cursor], None] | None = None, message: str | None = "") -> File:
    """A well-formed file whose bytes were changed; a row of tests.test_schema_structure if only the part is given."""
    if mutate is None:
        mutate, message = structure.CASES[part]

    def make() -> bytes:
        data = bytearray(good())
        mutate(Cursor(data))
        return bytes(data)

    return File(part, make, message)


def no_sense(
    part: str,
    change: Callable[[Model], Any] | None = None,
    message: str | None = "",
    error: type[LitejitError] = InvalidModelError,
) -> File:
    """A good model that was changed; a row of tests.test_schema_semantics if only the part is given."""
    if change is None:
        change, message = senseless.CASES[part]

    def make() -> bytes:
        model = small_model()
        change(model)
        return write_model(model)

    return File(part, make, message, error)


def bad_sparsity(part: str, message: str = "", **fields: Any) -> File:
    """A sparse constant; a row of tests.test_schema_sparsity if only the part is given."""
    if not fields:
        fields, message = SPARSE[part]
    return File(part, lambda: sparse(**fields), r"subgraph 0, tensor 0 \('tensor_0'\): .*" + message)


def without(field: str) -> list[DimensionMetadata]:
    level = csr((0, 1, 3), (1, 0, 1))
    setattr(level, field, None)
    return [DimensionMetadata(dense_size=2), level, *[DimensionMetadata(dense_size=2)] * 2]


def outside(offset: int, size: int) -> Callable[[Model], None]:
    """The weights lie outside of the flatbuffer, where nothing is."""
    return lambda model: vars(model.buffers[1]).update(data=None, offset=offset, size=size)


def large_options(offset: int, size: int) -> Callable[[Model], None]:
    """Custom options that lie outside of the flatbuffer."""
    return operator(0, large_custom_options_offset=offset, large_custom_options_size=size)


def no_buffer_of(tensor: int) -> Callable[[Model], None]:
    return lambda model: vars(model.subgraphs[0].tensors[tensor]).update(buffer=len(model.buffers))


def intermediate_without_buffer(model: Model) -> None:
    model.subgraphs[0].operators[1].intermediates = ints(STATE)
    no_buffer_of(STATE)(model)


def no_operators(model: Model) -> None:
    model.subgraphs[0].operators.clear()
    model.subgraphs[0].outputs = ints(X)
    model.signature_defs.clear()


def without_outputs(model: Model) -> None:
    graph(outputs=None)(model)
    operator(0, outputs=None)(model)


def doubling(part: str, change: Callable[[Model], Any], message: str | None) -> File:
    """x + x, changed."""

    def make() -> bytes:
        b = ModelBuilder()
        x = b.input("x", (2,))
        b.output(b.op("ADD", [x, x]))
        change(b.build())
        return b.to_bytes()

    return File(part, make, message)


NEAR_2_64 = [(2**64 - 8, 16), (2**64 - 1, 1), (2, 2**64 - 1), (2**63, 2**63)]
BUFFER_INDEX = r"subgraph 0, tensor {} \('{}'\): buffer is 3, the model has 3 buffers"

FILES: dict[str, list[File]] = {
    "tensorflow#115308 root": [
        wrong_bytes("tensorflow#115308 root past end"),
        *map(wrong_bytes, ["root offset zero", "root offset huge"]),
    ],
    "tensorflow#121217 misaligned": [
        *map(wrong_bytes, ["tensorflow#121217 misaligned vector", "misaligned table", "field misaligned"])
    ],
    "tensorflow#116632 data near 2**64": [
        *(
            no_sense(f"buffer {o} {s}", outside(o, s), rf"buffers\[1\]: {s} bytes at offset {o} end")
            for o, s in NEAR_2_64
        ),
        *(
            no_sense(
                f"options {o} {s}",
                large_options(o, s),
                rf"operator 0: large_custom_options: {s} bytes at offset {o} end",
            )
            for o, s in NEAR_2_64
        ),
    ],
    "LiteRT#10080 truncated": [
        File(f"{size} bytes", lambda size=size: good()[:size], "file (of|has) [0-9]+ bytes|the file")
        for size in (1, 4, 7, 8, 20, *range(40, len(good()) - 4, 97))
    ],
    "identifier or version": [
        wrong_bytes("identifier"),
        no_sense("version"),
        no_sense("version 0", lambda m: vars(m).update(version=0), "schema version of the model is 0, expected 3"),
        no_sense("version 4", lambda m: vars(m).update(version=4), "schema version of the model is 4, expected 3"),
    ],
    "vtable": [
        *map(wrong_bytes, [
            "vtable of itself", "vtable before the file", "vtable past end", "vtable size odd", "vtable size huge",
            "vtable size small", "table size small", "table size huge", "field outside of its table",
            "field on the vtable offset", "fields overlap"
        ]),
    ],
    "vector, string or offset": [
        *map(wrong_bytes, [
            "vector longer than the file", "shape longer than the file", "negative vector length",
            "string longer than the file", "string without its end", "null in a vector of tables", "offset wraps"
        ]),
    ],
    "tables that multiply": [
        File("shared at two levels", structure.shared_tables, r"subgraphs\[\d+\].*(too many|too large)"),
    ],
    "union without value": [wrong_bytes("union without value")],
    "absent parts": [
        no_sense("no subgraphs"),
        no_sense("no buffers"),
        no_sense("subgraphs absent", lambda m: vars(m).update(subgraphs=None), "the model has no subgraphs"),
        wrong_bytes("buffers absent", put(lambda m: m.slot(structure.MODEL_BUFFERS), 0, U16), "has no buffers"),
        no_sense("codes absent", lambda m: vars(m).update(operator_codes=None), "the model has 0 operator codes"),
        no_sense("tensors absent", graph(tensors=None), r"subgraph 0: inputs\[0\] is 0, the subgraph has 0 tensors"),
        no_sense("inputs absent", graph(inputs=None), CONV + r"inputs\[0\] is tensor 0 \('x'\), which no"),
        doubling("outputs absent", graph(outputs=None), None),
        no_sense("operators absent", graph(operators=None), r"outputs\[0\] is tensor 4 \('z'\), which no"),
        no_sense("no operators", no_operators, None),
        no_sense("operator inputs absent", operator(0, inputs=None), CONV + "the operator has 0 operands"),
        no_sense(
            "operator outputs absent",
            operator(0, outputs=None),
            ADD + r"inputs\[0\] is tensor 2 \('y'\), which nothing produces",
        ),
        doubling("last outputs absent", without_outputs, "ADD.*the operator has 0 outputs, ADD has 1"),
    ],
    "opcode_index": [
        no_sense("opcode index"),
        no_sense("huge", operator(1, opcode_index=2**32 - 1), "operator 1: opcode_index is 4294967295"),
    ],
    "builtin_code": [
        no_sense("builtin code below its range"),
        no_sense("builtin code of a newer schema", error=UnsupportedError),
        no_sense("custom operator without a name"),
    ],
    "buffer index": [
        no_sense("tflite-micro#3073 operator input", no_buffer_of(WEIGHTS), BUFFER_INDEX.format(1, "weights")),
        no_sense("tflite-micro#3074 operator output", no_buffer_of(Y), BUFFER_INDEX.format(2, "y")),
        no_sense("tflite-micro#3075 graph input", no_buffer_of(X), BUFFER_INDEX.format(0, "x")),
        no_sense("tflite-micro#3076 graph output", no_buffer_of(Z), BUFFER_INDEX.format(4, "z")),
        no_sense("tflite-micro#3077 intermediate", intermediate_without_buffer, BUFFER_INDEX.format(3, "state")),
    ],
    "tensor index": [
        *map(no_sense, [
            "operator input", "CVE-2020-15211 operator input below -1", "operator output",
            "CVE-2020-15211 operator output -1", "graph input", "graph input -1", "graph output", "intermediate",
            "CVE-2022-23561 negative intermediate"
        ]),
    ],
    "CVE-2020-15209 input not produced": [
        *map(no_sense, [
            "CVE-2020-15209 input not produced", "graph input missing", "input produced later",
            "CVE-2020-15210 input and output", "graph output not produced"
        ]),
    ],
    "output that cannot be one": [
        *map(no_sense, [
            "output is a constant", "output is a variable", "output is a graph input", "output produced twice",
            "output twice in one operator"
        ]),
    ],
    "size of a constant": [
        *map(no_sense, [
            "tensorflow#126600 constant longer than its shape", "tflite-micro#3072 constant shorter than its shape",
            "constant without bytes", "int4 constant", "int2 constant", "bfloat16 constant"
        ]),
    ],
    "strings": [no_sense(part) for part in senseless.CASES if part.startswith("strings: ")],
    "CVE-2022-23560 sparsity": [
        *map(bad_sparsity, SPARSE),
        *(
            bad_sparsity(f"{field} missing", rf"dim_metadata\[1\]: {field} is absent", levels=without(field))
            for field in ("array_segments", "array_indices")
        ),
    ],
    "metadata buffer": [no_sense("metadata buffer")],
    "signatures": [
        *(no_sense(part) for part in senseless.CASES if part.startswith("signature ")),
        no_sense("negative", signature(subgraph_index=2**32 - 1), "'serve': subgraph_index is 4294967295, the model"),
        no_sense(
            "output name twice",
            signature(outputs=[TensorMap(name="a", tensor_index=i) for i in (Y, Z)]),
            "signature 'serve': names of outputs: 'a' occurs 2 times",
        ),
    ],
}  # fmt: skip

CASES = {f"{row}: {file.part}": file for row, files in FILES.items() for file in files}


@pytest.mark.parametrize("file", CASES.values(), ids=CASES)
def test_refused_naming_the_place(file: File, tmp_path: Path) -> None:
    content = file.make()
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    for source in ({"model_content": content}, {"model_path": path}):
        if file.message is None:
            run(**source)
            continue
        with pytest.raises(file.error, match=file.message):
            run(**source)


def run(**source: Any) -> None:
    """Opens a model and runs it on zeros."""
    interpreter = Interpreter(**source)
    interpreter.allocate_tensors()
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
    interpreter.invoke()
