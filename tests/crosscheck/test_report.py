"""Reports: the page in a real browser, node data for Model Explorer, and the command line."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, ModelBuilder
from litejit.cli import main
from litejit.crosscheck import Comparison, compare
from tests.crosscheck.faults import FAULTS
from tests.crosscheck.test_compare import chain, loop
from tests.crosscheck.test_findings import boom
from tests.crosscheck.test_resources import accumulator
from tests.paths import ROOT

DIGITS = ROOT / "interpreter" / "models" / "digits_int8.tflite"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "chrome-headless-shell")


@pytest.fixture(scope="session")
def browser() -> str:
    """A browser that runs without a screen. Tests skip without one, or fail if LITEJIT_NEEDS_BROWSER is set."""
    found = os.environ.get("LITEJIT_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        reason = f"no browser: install one of {', '.join(BROWSERS)}, or name one with LITEJIT_BROWSER"
        (pytest.fail if os.environ.get("LITEJIT_NEEDS_BROWSER") else pytest.skip)(reason)
    return found


@pytest.fixture(scope="module")
def broken() -> Comparison:
    return compare(DIGITS, against=Interpreter(DIGITS, kernels={1: FAULTS["rounded_once"]}))


def rendered(browser: str, page: Path, script: str = "") -> str:
    """The page's DOM after its script, and after a script of the test's."""
    if script:
        text = page.read_text().replace("</body>", f"<script>{script}</script></body>")
        page = page.with_name("scripted.html")
        page.write_text(text)
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    command += [
        f"--user-data-dir={page.parent / 'profile'}",
        "--proxy-server=127.0.0.1:9",
        "--virtual-time-budget=4000",
        "--dump-dom",
        page.as_uri(),
    ]
    return html.unescape(subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout)


def test_page_in_a_browser(browser: str, broken: Comparison, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    broken.save_html(page)
    dom = rendered(browser, page)
    assert 'data-ready="yes"' in dom, "the page's script did not get to its end"
    assert "First divergence: subgraph 0, operator 1 (DEPTHWISE_CONV_2D)" in dom
    assert "first divergence: DEPTHWISE_CONV_2D" in dom, "the plot marks it"
    assert "'single' rounding" in dom
    body = dom.partition("<tbody>")[2].partition("</tbody>")[0]
    assert re.findall(r'<tr data-position="(\d+)"', body) == [str(at) for at in range(7)]
    assert dom.count('class="column"') == 7
    assert dom.count('class="node"') == 4, "the first divergence with one operator before it and two after it"
    assert 'class="histogram"' in dom


SCRIPTS = {
    "filter by name": ('$("filter").value = "softmax"; $("filter").dispatchEvent(new Event("input"))', [6]),
    "filter by operator": ('$("op").value = "CONV_2D"; $("op").dispatchEvent(new Event("input"))', [0, 2]),
    "diverging only": ('$("only").click()', [1, 2, 3, 4]),
    "sort": ('document.querySelector("th[data-key=isolated]").click()', [1, 0, 2, 3, 4, 5, 6]),
}


@pytest.mark.parametrize("case", SCRIPTS)
def test_page_is_alive(case: str, browser: str, broken: Comparison, tmp_path: Path) -> None:
    script, expected = SCRIPTS[case]
    broken.save_html(tmp_path / "report.html")
    dom = rendered(browser, tmp_path / "report.html", script)
    body = dom.partition("<tbody>")[2].partition("</tbody>")[0]
    shown = [int(at) for at in re.findall(r'<tr data-position="(\d+)"', body)]
    assert shown[: len(expected)] == expected
    assert case != "diverging only" or set(shown) >= {1}


def test_page_needs_no_network_and_no_name_breaks_it(tmp_path: Path) -> None:
    b = ModelBuilder()
    x = b.input("x", (2,))
    b.output(b.op("ABS", [x], [{"name": "</script><b>", "shape": (2,)}]))
    compare(b.to_bytes(), against="litejit").save_html(tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text()
    assert text.count("</script>") == 1
    assert not re.search(r"(src|href)\s*=|url\(|@import|fetch\(", text)
    assert [url for url in re.findall(r"https?://[^\s\"']+", text) if "w3.org/2000/svg" not in url] == []


def not_a_number(folder: Path) -> Comparison:
    np.savez(folder / "d.npz", abs=np.full((2, 3), np.nan, np.float32), stranger=1)
    return compare(chain(), against=folder / "d.npz")


def other_shapes(folder: Path) -> Comparison:
    np.savez(folder / "d.npz", abs=np.zeros((3, 2), np.float32))
    return compare(chain(), against=folder / "d.npz")


def with_names(folder: Path) -> Comparison:
    b = ModelBuilder()
    x = b.input("größe <b>&amp;", (2,))
    b.output(b.op("ABS", [x], [{"name": "</script><img src=x onerror=alert(1)>", "shape": (2,)}]))
    return compare(b.to_bytes(), against=lambda inputs: inputs["größe <b>&amp;"] + 1)


PAGES: dict[str, tuple[Any, list[str]]] = {
    "no operators": (lambda _: compare(b"no model"), ["does not load the model"]),
    "not a number": (
        not_a_number,
        ["First divergence: subgraph 0, operator 0 (ABS)", "∞", "no tensor called stranger"],
    ),
    "other shapes": (other_shapes, ["shapes differ: [2, 3] and [3, 2]"]),
    "control flow": (lambda _: compare(loop(), against="litejit"), ["No divergence", "1:0", "2:0"]),
    "resources": (lambda _: compare(accumulator(), against="litejit"), ["a handle is no data"]),
    "one mode": (lambda _: compare(chain(), against="litejit", modes=["cascaded"]), ["0 of 3"]),
    "strange names": (with_names, ["First divergence", "</script><img src=x onerror=alert(1)>"]),
    "nothing computed": (lambda _: compare(chain(), against=boom), ["boom failed: KeyError"]),
}


@pytest.mark.parametrize("case", PAGES)
def test_pages(case: str, browser: str, tmp_path: Path) -> None:
    """Whatever a comparison is like, the page's script gets to its end, and says so."""
    make, texts = PAGES[case]
    make(tmp_path).save_html(tmp_path / "r.html")
    dom = rendered(browser, tmp_path / "r.html")
    assert 'data-ready="yes"' in dom
    for text in texts:
        assert text in dom


def test_node_data(broken: Comparison, tmp_path: Path) -> None:
    broken.save_json(tmp_path / "n.json")
    data = json.loads((tmp_path / "n.json").read_text())
    assert list(data) == [broken.graphs[0]]
    graph = data[broken.graphs[0]]
    assert set(graph) == {"name", "results"}
    assert set(graph["results"]) == {str(at) for at in range(7)}
    for result in graph["results"].values():
        assert isinstance(result["value"], (int, float))
        assert re.fullmatch("#[0-9a-f]{6}", result["bgColor"])
    assert graph["results"]["1"]["value"] == 1
    assert graph["results"]["0"]["value"] == 0


def test_node_data_in_model_explorer(tmp_path: Path) -> None:
    """Model Explorer's own adapter calls graphs and nodes so, and its classes take the data."""
    reason = "Model Explorer is not installed: pip install ai-edge-model-explorer"
    builder = pytest.importorskip("model_explorer.node_data_builder", reason=reason)
    adapter = pytest.importorskip("ai_edge_model_explorer_adapter", reason=reason)
    for model in (DIGITS.read_bytes(), loop()):
        (tmp_path / "m.tflite").write_bytes(model)
        compare(model, against="litert").save_json(tmp_path / "n.json")
        data = json.loads((tmp_path / "n.json").read_text())
        (collection,) = json.loads(
            adapter.ConvertFlatbufferDirectlyToJson(adapter.VisualizeConfig(), str(tmp_path / "m.tflite"))
        )
        nodes = {graph["id"]: {node["id"] for node in graph["nodes"]} for graph in collection["subgraphs"]}
        for graph, content in data.items():
            assert set(content["results"]) <= nodes[graph]
            results = {node: builder.NodeDataResult(**result) for node, result in content.pop("results").items()}
            builder.GraphNodeData(results=results, **content)


COMMANDS: dict[str, tuple[list[str], int, list[str]]] = {
    "compare": (["compare", "digits_int8"], 0, ["0 diverge"]),
    "compare all": (["compare", "digits_int8", "--all"], 0, ["DEPTHWISE_CONV_2D", "equal"]),
    "compare quiet": (
        ["compare", "digits_int8", "--against", "litert", "--quiet"],
        3,
        ["first at subgraph 0, operator 1"],
    ),
    "compare nothing": (["compare", "digits_int8", "--against", "nothing"], 1, []),
    "explain": (["explain", "digits_int8", "TENSOR", "0,3"], 0, ["SOFTMAX", "share of sum", "result ="]),
    "explain json": (["explain", "digits_int8", "TENSOR", "3", "--json"], 0, ['"op": "SOFTMAX"']),
    "explain no numbers": (["explain", "digits_int8", "TENSOR", "a,b"], 1, []),
    "explain a subgraph": (["explain", "digits_int8", "0:TENSOR", "3"], 0, ["SOFTMAX"]),
    "explain outside": (["explain", "digits_int8", "TENSOR", "0,10"], 1, []),
    "vectors": (["vectors", "digits_int8", "--op", "2", "-o", "DIR/v.h"], 0, ["v.h"]),
    "vectors tflite": (
        ["vectors", "digits_int8", "--op", "2", "--format", "tflite", "-o", "DIR/v.tflite"],
        0,
        ["v.tflite"],
    ),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_commands(case: str, capsys: Any, tmp_path: Path) -> None:
    arguments, code, texts = COMMANDS[case]
    tensor = str(Interpreter(DIGITS).get_output_details()[0]["index"])
    arguments = [argument.replace("DIR", str(tmp_path)) for argument in arguments]
    assert main([argument.replace("TENSOR", tensor) for argument in arguments]) == code
    printed = capsys.readouterr()
    assert all(text in printed.out for text in texts), printed.out
    assert code != 1 or printed.err.startswith("litejit: ")


def test_compare_writes_reports(tmp_path: Path) -> None:
    html_file, json_file = tmp_path / "r.html", tmp_path / "r.json"
    assert main(["compare", "digits_int8", "--html", str(html_file), "--json", str(json_file)]) == 0
    assert html_file.read_text().startswith("<!doctype html>")
    assert json.loads(json_file.read_text())
