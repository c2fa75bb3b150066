"""A kernel broken on purpose is found at exactly its operator, in both modes, on many models."""

from __future__ import annotations

from pathlib import Path

import pytest

from litejit import Interpreter
from litejit.crosscheck import compare
from tests.crosscheck.faults import FAULTS
from tests.paths import ROOT, SHARED

SHIPPED = ROOT / "interpreter" / "models"
EXTRA = SHARED / "models"

SEEDED = [
    (SHIPPED / "digits_int8.tflite", 1, "rounded_once"),
    (SHIPPED / "digits_int8.tflite", 0, "zero_point_ignored"),
    (SHIPPED / "digits_int8.tflite", 1, "column_of_padding_shifted"),
    (SHIPPED / "digits_int8.tflite", 2, "bias_left_out"),
    (SHIPPED / "digits_int8.tflite", 3, "divisor_too_large"),
    (SHIPPED / "digits_int8.tflite", 5, "output_zero_point_ignored"),
    (SHIPPED / "digits_uint8.tflite", 2, "rounded_once"),
    (SHIPPED / "digits_uint8.tflite", 0, "row_of_padding_shifted"),
    (SHIPPED / "digits_uint8.tflite", 1, "one_channel_wrong"),
    (SHIPPED / "digits_uint8.tflite", 5, "last_element_off_by_one"),
    (SHIPPED / "digits_int16x8.tflite", 2, "bias_left_out"),
    (SHIPPED / "digits_int16x8.tflite", 1, "column_of_padding_shifted"),
    (SHIPPED / "digits_int16x8.tflite", 3, "transposed"),
    (SHIPPED / "digits_float32.tflite", 0, "relative_error"),
    (SHIPPED / "digits_float32.tflite", 1, "row_of_padding_shifted"),
    (SHIPPED / "digits_float32.tflite", 5, "bias_left_out"),
    (SHIPPED / "digits_dynamic.tflite", 1, "column_of_padding_shifted"),
    (SHIPPED / "digits_dynamic.tflite", 5, "one_channel_wrong"),
    (SHIPPED / "digits_float16.tflite", 10, "relative_error"),
    (SHIPPED / "digits_float16.tflite", 13, "negative_flushed"),
    (EXTRA / "imgcls" / "resnet8_cifar10_int8.tflite", 2, "rounded_once"),
    (EXTRA / "imgcls" / "resnet8_cifar10_int8.tflite", 1, "zero_point_ignored"),
    (EXTRA / "imgcls" / "mobilenet_v1_025_128_quant.tflite", 3, "rounded_once"),
    (EXTRA / "imgcls" / "mobilenet_v1_025_128_quant.tflite", 5, "column_of_padding_shifted"),
    (EXTRA / "vww" / "vww_96_int8.tflite", 4, "rounded_once"),
    (EXTRA / "vww" / "vww_96_int8.tflite", 5, "row_of_padding_shifted"),
    (EXTRA / "kws" / "kws_dscnn_int8.tflite", 2, "rounded_once"),
    (EXTRA / "kws" / "kws_dscnn_int8.tflite", 6, "bias_left_out"),
    (EXTRA / "kws" / "micro_speech_int8.tflite", 1, "last_element_off_by_one"),
    (EXTRA / "audio" / "yamnet_256_esc10_int8.tflite", 3, "rounded_in_float32"),
    (EXTRA / "anomaly" / "ad01_int8.tflite", 4, "zero_point_ignored"),
    (EXTRA / "anomaly" / "ad01_int8.tflite", 2, "output_zero_point_ignored"),
]
HINTED = {"rounded_once": ("single-rounding", "single"), "rounded_in_float32": ("xnnpack", "float32")}
"""The flavour, and its rounding, that the hint must name. One rounding is like another for most numbers."""


def _cases() -> list[tuple[Path, int, str]]:
    return [case for case in SEEDED if case[0].exists()]


@pytest.mark.parametrize(("path", "index", "name"), _cases(), ids=lambda value: getattr(value, "stem", str(value)))
def test_located(path: Path, index: int, name: str) -> None:
    broken = Interpreter(path, kernels={index: FAULTS[name]})
    result = compare(path, reference="litejit", against=broken)
    assert not result.findings
    for mode in ("cascaded", "isolated"):
        first = result.first_divergence(mode)
        assert first is not None, f"{mode}: nothing diverges"
        assert (first.subgraph, first.index) == (0, index), f"{mode}: {first.where}"
    assert [row.index for row in result.diverging("isolated")] == [index]
    hint = result.operators[result.first_divergence("isolated").position].hint
    assert "litert-ref" in hint.ours_match
    if name not in HINTED:
        assert hint.matches == []
        return
    flavour, rounding = HINTED[name]
    assert flavour in hint.matches
    assert hint.roundings[flavour] == rounding
    assert f"'{rounding}' rounding" in hint.text
    assert {hint.roundings[match] for match in hint.matches} <= {"single", "float32"}


def test_the_broken_side_may_be_the_reference() -> None:
    path = SHIPPED / "digits_int8.tflite"
    broken = Interpreter(path, kernels={1: FAULTS["rounded_once"]})
    result = compare(path, reference=broken, against="litert-ref")
    first = result.first_divergence("cascaded")
    assert first is not None
    assert first.index == 1
    assert "single-rounding" in first.hint.ours_match
    assert "litert-ref" in first.hint.matches
    assert "'single' rounding" in first.hint.text.partition("this side")[2]
    assert result.first_divergence("isolated").index == 1


def test_there_are_enough() -> None:
    shipped = [case for case in SEEDED if case[0].parent == SHIPPED]
    assert len(shipped) >= 20
    assert len({path for path, _, _ in shipped}) >= 5
