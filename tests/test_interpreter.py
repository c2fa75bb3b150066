"""The public interface beside the official one: names, dictionaries, dtypes, error classes; and what goes beyond."""

from __future__ import annotations

import copy
import inspect
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

import litejit
from litejit import Interpreter, InvalidInputError, InvalidModelError, ModelBuilder, OpResolverType, UnsupportedError
from litejit.custom import custom_op
from litejit.kernels.kernel import Kernel
from litejit.kernels.node import Limits
from tests.oracle import oracle


def add_model(*, dynamic: bool = False) -> bytes:
    b = ModelBuilder()
    signature = (-1, 3) if dynamic else None
    x = b.input("x", (1, 3), np.float32, shape_signature=signature)
    y = b.input("y", (1, 3), np.float32, shape_signature=signature)
    hidden = b.op("ADD", [x, y])
    z = b.op("ADD", [hidden, x])
    b.output(z)
    b.signature("sum", {"x": x, "y": y}, {"z": z})
    return b.to_bytes()


def ready(**keywords: object) -> Interpreter:
    interpreter = Interpreter(model_content=add_model(), **keywords)  # type: ignore[arg-type]
    interpreter.allocate_tensors()
    return interpreter


def set_inputs(interpreter: Interpreter, x: float = 1.0, y: float = 2.0) -> None:
    for detail, value in zip(interpreter.get_input_details(), (x, y), strict=True):
        interpreter.set_tensor(detail["index"], np.full(detail["shape"], value, np.float32))


def test_has_every_public_member_of_the_official_class() -> None:
    from ai_edge_litert import interpreter as official

    for name in ("Interpreter", "SignatureRunner", "OpResolverType", "Delegate", "load_delegate"):
        assert hasattr(litejit, name)
    for cls in ("Interpreter", "SignatureRunner"):
        theirs, ours = getattr(official, cls), getattr(litejit, cls)
        for name, member in inspect.getmembers(theirs):
            if name.startswith("__") or (
                name.startswith("_") and name not in ("_get_ops_details", "_get_tensor_details")
            ):
                continue
            assert hasattr(ours, name), f"{cls}.{name}"
            if inspect.isfunction(member) and name != "__init__":
                theirs_parameters = list(inspect.signature(member).parameters)
                ours_parameters = list(inspect.signature(getattr(ours, name)).parameters)
                assert ours_parameters[: len(theirs_parameters)] == theirs_parameters, f"{cls}.{name}"
    arguments = list(inspect.signature(official.Interpreter.__init__).parameters)
    assert list(inspect.signature(Interpreter.__init__).parameters)[: len(arguments)] == arguments
    assert {t.name: t.value for t in OpResolverType} == {t.name: t.value for t in official.OpResolverType}


def test_details_are_the_official_ones() -> None:
    interpreter = ready()
    official = oracle.run(add_model(), [np.zeros((1, 3), np.float32)] * 2).details
    for ours, theirs in (
        (interpreter.get_input_details(), official["inputs"]),
        (interpreter.get_output_details(), official["outputs"]),
        (interpreter.get_tensor_details(), official["tensors"]),
        (interpreter._get_ops_details(), official["operators"]),
    ):
        assert_details(ours, theirs)
    assert interpreter.get_signature_list() == official["signatures"]


def assert_details(ours: object, theirs: object) -> None:
    """Equal, array by array, types included."""
    assert type(ours) is type(theirs) or isinstance(theirs, int)
    if isinstance(theirs, dict):
        assert isinstance(ours, dict)
        assert list(ours) == list(theirs)
        for key in theirs:
            assert_details(ours[key], theirs[key])
    elif isinstance(theirs, (list, tuple)):
        assert isinstance(ours, (list, tuple))
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_details(a, b)
    elif isinstance(theirs, np.ndarray):
        assert isinstance(ours, np.ndarray)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    else:
        assert ours == theirs


def test_invoke_and_intermediates() -> None:
    interpreter = ready()
    set_inputs(interpreter)
    interpreter.invoke()
    (operator, *_) = interpreter._get_ops_details()
    np.testing.assert_array_equal(interpreter.get_tensor(operator["outputs"][0]), np.full((1, 3), 3, np.float32))
    np.testing.assert_array_equal(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]), [[4, 4, 4]])


def test_get_tensor_is_a_copy_and_tensor_is_a_view() -> None:
    interpreter = ready()
    index = interpreter.get_input_details()[0]["index"]
    interpreter.tensor(index)().fill(3)
    copied = interpreter.get_tensor(index)
    np.testing.assert_array_equal(copied, [[3, 3, 3]])
    copied.fill(0)
    np.testing.assert_array_equal(interpreter.get_tensor(index), [[3, 3, 3]])


def test_a_live_view_forbids_running() -> None:
    interpreter = ready()
    view = interpreter.tensor(0)()
    part = view[0, :2]
    del view
    for call in (interpreter.invoke, interpreter.allocate_tensors, lambda: interpreter.resize_tensor_input(0, [2, 3])):
        with pytest.raises(RuntimeError, match="at least 1 reference"):
            call()
    del part
    interpreter.invoke()


ERRORS = [
    ("no model", lambda: Interpreter(), ValueError, "must be specified"),
    ("both", lambda: Interpreter("a", b"b"), ValueError, "both"),
    ("no file", lambda: Interpreter("no/such/file.tflite"), ValueError, "Could not open"),
    ("not a model", lambda: Interpreter(model_content=b"0123456789abcdef"), ValueError, "identifier"),
    ("resolver", lambda: ready(experimental_op_resolver_type=1), ValueError, "Unrecognized"),
    ("threads", lambda: ready(num_threads=0), ValueError, "num_threads"),
    ("threads type", lambda: ready(num_threads="2"), ValueError, "num_threads"),
    ("delegates", lambda: ready(experimental_delegates=[object()]), UnsupportedError, "delegates"),
    ("delegate library", lambda: litejit.load_delegate("x.so"), ValueError, "delegates"),
    ("numerics", lambda: ready(numerics="exact"), InvalidInputError, "litert-ref"),
    ("dtype", lambda: ready().set_tensor(0, np.zeros((1, 3))), ValueError, "float64"),
    ("shape", lambda: ready().set_tensor(0, np.zeros((2, 3), np.float32)), ValueError, r"\(1, 3\)"),
    ("rank", lambda: ready().set_tensor(0, np.zeros(3, np.float32)), ValueError, "Dimension mismatch"),
    ("index", lambda: ready().set_tensor(99, np.zeros(3, np.float32)), ValueError, "99"),
    ("get index", lambda: ready().get_tensor(-1), ValueError, "-1"),
    ("subgraph", lambda: ready().get_tensor(0, 7), ValueError, "7"),
    ("details subgraph", lambda: ready().get_tensor_details(3), ValueError, "out of range"),
    ("unallocated invoke", lambda: Interpreter(model_content=add_model()).invoke(), RuntimeError, "not ready"),
    ("unallocated get", lambda: Interpreter(model_content=add_model()).get_tensor(0), ValueError, "null"),
    ("resize index", lambda: ready().resize_tensor_input(99, [1]), ValueError, "99"),
    ("resize intermediate", lambda: ready().resize_tensor_input(2, [1]), ValueError, "not an input"),
    ("resize rank", lambda: ready().resize_tensor_input(0, [[1]]), ValueError, "1D"),
    ("resize negative", lambda: ready().resize_tensor_input(0, [-1, 3]), ValueError, "negative"),
    ("resize text", lambda: ready().resize_tensor_input(0, "ab"), ValueError, "resize"),
    ("signature", lambda: ready().get_signature_runner("nope"), ValueError, "nope"),
    (
        "signature count",
        lambda: ready().get_signature_runner()(x=np.zeros((1, 3), np.float32)),
        ValueError,
        "expected 2",
    ),
    ("op index", lambda: ready()._get_op_details(9), ValueError, "9"),
    ("call", lambda: ready()(a=1, b=2), ValueError, "Invalid Input name"),
    ("tensor limit", lambda: ready(limits=Limits(tensor_bytes=4)), InvalidModelError, "limit of 4 bytes"),
]


@pytest.mark.parametrize(("call", "error", "text"), [row[1:] for row in ERRORS], ids=[row[0] for row in ERRORS])
def test_errors(call, error, text) -> None:
    with pytest.raises(error, match=text):
        call()


def test_resize() -> None:
    interpreter = Interpreter(model_content=add_model(dynamic=True))
    runner = interpreter.get_signature_runner()  # the official runtime does not resize while there is one
    for detail in interpreter.get_input_details():
        assert detail["shape_signature"].tolist() == [-1, 3]
        interpreter.resize_tensor_input(detail["index"], [4, 3], strict=True)
    with pytest.raises(RuntimeError):
        interpreter.invoke()
    interpreter.allocate_tensors()
    set_inputs(interpreter)
    interpreter.invoke()
    assert interpreter.get_output_details()[0]["shape"].tolist() == [4, 3]
    assert runner(x=np.ones((4, 3), np.float32), y=np.ones((4, 3), np.float32))["z"].tolist() == [[3] * 3] * 4
    with pytest.raises(ValueError, match="strict"):
        interpreter.resize_tensor_input(0, [4, 5], strict=True)
    interpreter.resize_tensor_input(0, [1, 4, 3])
    with pytest.raises(ValueError, match="strict"):
        interpreter.resize_tensor_input(0, [4, 3], strict=True)


@pytest.mark.parametrize("tier", [OpResolverType.BUILTIN_REF, OpResolverType.AUTO])
def test_strings_set_before_allocation_stay(tier: OpResolverType) -> None:
    """As in the official interpreter, which has no place for strings among its other tensors."""
    b = ModelBuilder()
    b.output(b.op("RESHAPE", [b.input("x", (2,), object), b.constant(np.array([2, 1], np.int32))]))
    interpreter = Interpreter(model_content=b.to_bytes(), experimental_op_resolver_type=tier)
    interpreter.set_tensor(0, np.array([b"one", b"two"]))
    interpreter.allocate_tensors()
    interpreter.invoke()
    result = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    assert result.tolist() == [[b"one"], [b"two"]]


def test_signature_runner() -> None:
    runner = ready().get_signature_runner("sum")
    assert list(runner.get_input_details()) == ["x", "y"]
    assert list(runner.get_output_details()) == ["z"]
    result = runner(x=np.ones((2, 3), np.float32), y=np.ones((2, 3), np.float32))
    np.testing.assert_array_equal(result["z"], np.full((2, 3), 3, np.float32))


def test_call_and_context_manager() -> None:
    with Interpreter(model_content=add_model()) as interpreter:
        assert interpreter(x=np.ones((1, 3), np.float32), y=np.ones((1, 3), np.float32))["z"].tolist() == [[3, 3, 3]]
    with pytest.raises(RuntimeError, match="not ready"):
        interpreter.invoke()


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda i: pickle.loads(pickle.dumps(i))], ids=["deepcopy", "pickle"]
)
def test_duplicates_continue_on_their_own(duplicate) -> None:
    interpreter = ready()
    set_inputs(interpreter, 1, 2)
    interpreter.invoke()
    other = duplicate(interpreter)
    output = interpreter.get_output_details()[0]["index"]
    np.testing.assert_array_equal(other.get_tensor(output), interpreter.get_tensor(output))
    set_inputs(other, 5, 5)
    other.invoke()
    assert interpreter.get_tensor(output)[0, 0] == 4
    assert other.get_tensor(output)[0, 0] == 15


def custom_model() -> bytes:
    b = ModelBuilder()
    x = b.input("x", (2, 3), np.float32)
    y = b.op("Twice", [x], custom=True, custom_options=b"\x02")
    b.output(b.op("ADD", [y, y]))
    return b.to_bytes()


class TwiceKernel(Kernel):
    """A custom operator as a class."""

    def prepare(self, node) -> None:
        node.output(node.input("x").dims)

    def __call__(self, x):
        return x * np.float32(2)


CUSTOM_OPS = {
    "function": lambda x: x * np.float32(2),
    "options": lambda x, options: x * np.float32(options[0]),
    "shape rule": custom_op(shape=lambda x: x.dims)(lambda x: x * np.float32(2)),
    "class": TwiceKernel,
}


@pytest.mark.parametrize("op", CUSTOM_OPS.values(), ids=CUSTOM_OPS)
def test_custom_op(op) -> None:
    interpreter = Interpreter(model_content=custom_model(), custom_ops={"Twice": op})
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, np.ones((2, 3), np.float32))
    interpreter.invoke()
    np.testing.assert_array_equal(interpreter.get_tensor(2), np.full((2, 3), 4, np.float32))


def test_custom_op_errors() -> None:
    with pytest.raises(UnsupportedError, match=r"operator 0 \(Twice\).*custom_ops"):
        Interpreter(model_content=custom_model()).allocate_tensors()
    with pytest.raises(InvalidInputError, match="expected a function"):
        Interpreter(model_content=custom_model(), custom_ops={"Twice": 3})
    wrong = custom_op(shape=lambda x: (7,))(lambda x: x)
    interpreter = Interpreter(model_content=custom_model(), custom_ops={"Twice": wrong})
    interpreter.allocate_tensors()
    with pytest.raises(InvalidModelError, match="its kernel returned"):
        interpreter.invoke()


def test_two_interpreters_in_two_threads() -> None:
    results: dict[int, float] = {}

    def work(value: int) -> None:
        interpreter = ready()
        for _ in range(50):
            set_inputs(interpreter, value, value)
            interpreter.invoke()
        results[value] = float(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0, 0])

    threads = [threading.Thread(target=work, args=(value,)) for value in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {1: 3.0, 2: 6.0}


def test_import_is_light() -> None:
    script = (
        "import sys, litejit; print([m for m in ('numba', 'llvmlite', 'PIL', 'rich', 'ml_dtypes', 'ai_edge_litert') "
        "if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
        == "[]"
    )
