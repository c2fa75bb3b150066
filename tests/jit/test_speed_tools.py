"""bench, profile and precompile: what they print and write. Nothing here asserts how long anything takes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from litejit import Interpreter
from litejit.benchmark import measure
from litejit.cli import main
from litejit.interpreter import OpResolverType
from litejit.kernels.jit.target import is_checked
from litejit.profiler import REFERENCE, memory, profile, trace
from tests.jit.test_machinery import DIGITS, chain, prepared


def test_profile_has_every_operator() -> None:
    interpreter = Interpreter(DIGITS)
    interpreter.allocate_tensors()
    rows = profile(interpreter, repeat=2)
    assert [row.operator for row in rows] == [operator["op_name"] for operator in interpreter._get_ops_details()]
    convolution = next(row for row in rows if row.operator == "CONV_2D")
    assert convolution.kernels.startswith(("convolution.", "winograd."))
    assert convolution.macs > 0
    assert all(row.seconds >= 0 and row.bytes > 0 for row in rows)


def test_profile_of_the_reference_tier() -> None:
    interpreter = Interpreter(DIGITS, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    assert {row.kernels for row in profile(interpreter, repeat=1)} == {REFERENCE}


def test_counts_multiply_adds() -> None:
    rows = profile(prepared(chain(layers=2, size=48, channels=32)), repeat=1)
    assert [row.macs for row in rows] == [48 * 48 * 32 * 9 * 32] * 2


@pytest.mark.parametrize("threads", [1, 2])
def test_trace_has_a_row_for_each_thread(threads: int) -> None:
    interpreter = prepared(chain(), num_threads=threads)
    if is_checked():
        threads = 1  # one call at a time, so that its memory can be watched
    # Helpers may be late, or kept from running by other processes.
    for _ in range(300):
        events = trace(interpreter)["traceEvents"]
        assert [event["tid"] for event in events].count(0) == 6
        assert all(event["dur"] >= 0 and event["name"] == "CONV_2D" for event in events)
        if {event["tid"] for event in events} == set(range(threads)):
            break
    else:
        raise AssertionError("no helper has ever come")


def test_memory_names_who_holds_what() -> None:
    use = memory(prepared(chain()))
    image = 48 * 48 * 32 * 4
    assert use.bound <= use.arena <= 1.1 * use.bound
    tensors = [row for row in use.tensors if row.tensors]
    assert [row.size for row in tensors] == [image] * 7
    assert [(row.first, row.last) for row in tensors][1:-1] == [(at, at + 1) for at in range(5)]
    scratch = [row for row in use.tensors if not row.tensors]
    assert [(row.first, row.last) for row in scratch] == [(at, at) for at in range(6)]
    assert all(row.size > 0 for row in scratch)


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(DIGITS), "--seconds", "0.01"]) == 0
    assert "ratio" in capsys.readouterr().out
    out = tmp_path / "trace.json"
    assert main(["profile", str(DIGITS), "--repeat", "1", "--json", "--trace", str(out)]) == 0
    assert json.loads(capsys.readouterr().out)[0]["operator"]
    assert json.loads(out.read_text())["traceEvents"]
    assert main(["profile", str(DIGITS), "--memory"]) == 0
    assert "of the least possible" in capsys.readouterr().out
    assert main(["bench", "no_such_model"]) == 1


@pytest.mark.parametrize(
    ("peer", "module", "extra"),
    [("official", "ai_edge_litert.interpreter", "crosscheck"), ("openvino", "openvino", "openvino")],
)
def test_peers_that_are_not_installed(
    peer: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["bench", str(DIGITS), "--against", peer, "--seconds", "0.01"]) == 1
    assert f"litejit[{extra}]" in capsys.readouterr().err


def test_peer_openvino() -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    result = measure(DIGITS, "openvino", seconds=0.01)
    assert min(result.theirs) > 0
