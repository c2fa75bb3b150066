"""The choice among algorithms: estimates, what forces one, what was measured, and what is shown of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from litejit.cli import main
from litejit.cli_tune import measured
from litejit.kernels.jit import library, tuning
from litejit.kernels.jit.algorithms import ALGORITHMS
from litejit.kernels.jit.choosing import Algorithm, Illegal, choose, listed
from litejit.kernels.jit.forced import forcing
from litejit.kernels.jit.lowering import Lowering
from litejit.kernels.reference.convolution import Conv2D
from litejit.profiler import profile
from tests.jit.blocks import Shape, quantized_block
from tests.jit.equal import native_calls, prepared
from tests.jit.test_machinery import DIGITS, chain


@pytest.fixture(autouse=True)
def nothing_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No measurements but those of the test."""
    monkeypatch.delenv("LITEJIT_CONVOLUTION", raising=False)
    monkeypatch.setattr(library, "_tuned", lambda: str(tmp_path / "tuned"))
    as_another_process()
    yield
    as_another_process()


def as_another_process() -> None:
    """What has been measured is read again."""
    library.measured.cache_clear()
    tuning.known.cache_clear()


def convolution() -> Lowering:
    """Of 48 x 48 pixels and 32 channels, 3 x 3."""
    native = prepared(chain(layers=1, size=48, channels=32))._session.plans[0].native
    lowering = native.tasks[0].lowering if native is not None else None
    assert lowering is not None
    return lowering


def algorithm(name: str, cost: float, reason: str | None = None) -> Algorithm:
    return Algorithm(name, lambda lowering: [] if reason is None else Illegal(reason), lambda lowering: cost)


FEW = [algorithm("slow", 9.0), algorithm("quick", 1.0, "sums reach 7"), algorithm("middling", 3.0)]


def standing(lowering: Lowering) -> list[tuple[str, str | None, str]]:
    return [(option.algorithm, option.illegal, option.because) for option in listed(lowering, FEW)]


def test_the_cheapest_legal_one_is_taken() -> None:
    rows = [("quick", "sums reach 7", ""), ("middling", None, "estimated"), ("slow", None, "")]
    assert standing(convolution()) == rows


def test_one_that_is_asked_for_is_taken_where_it_is_legal(monkeypatch: pytest.MonkeyPatch) -> None:
    lowering = convolution()
    with forcing("slow"):
        assert standing(lowering)[0] == ("slow", None, "asked for")
    monkeypatch.setenv("LITEJIT_CONVOLUTION", "quick")
    assert standing(lowering)[1] == ("middling", None, "estimated")


def test_measurements_come_before_estimates() -> None:
    lowering = convolution()
    assert tuning.remember({tuning.signature(lowering): "slow"}) is not None
    assert standing(lowering)[0] == ("slow", None, "measured here")
    as_another_process()
    assert standing(lowering)[0] == ("slow", None, "measured here")


def test_damaged_measurements_count_as_none(tmp_path: Path) -> None:
    (tmp_path / "tuned").write_bytes(b"{")
    assert tuning.known() == {}


def test_nothing_is_chosen_where_nothing_is_legal() -> None:
    assert choose(convolution(), [algorithm("quick", 1.0, "sums reach 7")]) is None


def test_large_convolutions_of_3_by_3_are_transformed() -> None:
    assert native_calls(prepared(chain(layers=1, size=48, channels=32)))[0].startswith("winograd")


def test_reasons_name_what_is_wrong() -> None:
    rows = profile(prepared(chain(layers=1, size=48, channels=32, stride=2)), 1, explain=True)
    reasons = {option.algorithm: option.illegal for option in rows[0].options}
    assert reasons["winograd4"] == "the filter is not 3 x 3 with stride 1"
    assert reasons["direct"] is None


def test_profile_explains() -> None:
    rows = profile(prepared(chain(layers=1, size=48, channels=32)), 1, explain=True)
    names = {option.algorithm for option in rows[0].options}
    assert names == {algorithm.name for algorithm in ALGORITHMS[Conv2D]}
    assert [option.is_chosen for option in rows[0].options].count(True) == 1


def test_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", str(DIGITS), "--repeat", "1"]) == 0
    assert "kept in" in capsys.readouterr().out
    assert "Conv2D" in json.dumps(dict(tuning.known()))
    assert main(["profile", str(DIGITS), "--repeat", "1", "--explain"]) == 0
    assert "winograd4" in capsys.readouterr().out
    assert main(["profile", str(DIGITS), "--repeat", "1", "--explain", "--json"]) == 0
    options = [option for row in json.loads(capsys.readouterr().out) for option in row["options"]]
    assert "measured here" in {option["because"] for option in options}


def test_tuning_without_a_cache(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(library, "_tuned", lambda: None)
    assert main(["tune", str(DIGITS), "--repeat", "1"]) == 0
    assert "not kept" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("asked", "because"), [((), "estimated"), (("fused",), "asked for"), (("apart",), "asked for")]
)
def test_whether_blocks_are_fused_is_explained(asked: Sequence[str], because: str) -> None:
    with forcing(*asked):
        rows = profile(prepared(quantized_block(Shape((14, 14), 16, 48, 24), np.int8)), 1, explain=True)
    options = {option.algorithm: option for row in rows for option in row.options}
    chosen = "apart" if "apart" in asked else "fused"
    assert options[chosen].is_chosen
    assert options[chosen].because == because
    assert ("proved" in options) == (chosen == "apart")


def test_blocks_are_as_they_have_been_measured(tmp_path: Path) -> None:
    problem = quantized_block(Shape((14, 14), 16, 48, 24), np.int8)
    (tmp_path / "block.tflite").write_bytes(problem.model)
    times = measured(tmp_path / "block.tflite", threads=1, repeat=1)
    [signature] = [each for each, row in times.items() if row.keys() == {"fused", "apart"}]
    assert min(times[signature].values()) > 0
    for quickest in ("apart", "fused"):
        tuning.remember({signature: quickest})
        rows = profile(prepared(problem), 1, explain=True)
        because = {option.algorithm: option.because for row in rows for option in row.options if option.is_chosen}
        assert because[quickest] == "measured here"
        assert not {"fused", "apart"} - {quickest} & because.keys()


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        (Shape((14, 14), 16, 32, 24), "channels become at most twice as many"),
        (Shape((14, 14), 32, 0, 24), "nothing is expanded, and images are at most 20 wide"),
        (Shape((14, 14), 16, 48, 24, filter=(7, 7)), "no kernels for these filters, strides or small images"),
        (Shape((14, 14), 16, 48, 24, activations=("NONE", "NONE", "NONE")), "expansion: results are clamped to -128"),
    ],
)
def test_why_blocks_are_apart_is_explained(shape: Shape, reason: str) -> None:
    rows = profile(prepared(quantized_block(shape, np.int8)), 1, explain=True)
    fused, apart = (option for row in rows for option in row.options if option.algorithm in ("fused", "apart"))
    assert apart.is_chosen
    assert (fused.illegal or apart.because).startswith(reason)
