"""Compiling in several processes: what they share out, and what happens where they are not to be had."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from litejit.kernels.jit import ahead, library
from litejit.schema.errors import InvalidInputError

NAMES = [f"family.kernel_{number}" for number in range(8)]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what this process is asked to compile."""
    asked: list[str] = []
    monkeypatch.setattr(library, "address", asked.append)
    monkeypatch.setattr(library, "cache_directory", lambda: "somewhere")
    return asked


def test_other_processes_take_kernels_from_the_end(
    here: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    taken = tmp_path / "taken"
    serve = "import sys\nfor line in sys.stdin: open({!r}, 'a').write(line); print(line, end='', flush=True)"
    monkeypatch.setattr(ahead, "_SERVE", serve.format(str(taken)))

    def address(name: str) -> None:
        here.append(name)
        started = time.monotonic()
        while len(here) == 1 and not (taken.exists() and len(taken.read_text().split()) == len(NAMES) - 1):
            assert time.monotonic() < started + 60, "nobody else compiles anything"

    monkeypatch.setattr(library, "address", address)
    ahead.compile_together(NAMES, jobs=2)
    assert taken.read_text().split() == NAMES[:0:-1]
    assert here == [NAMES[0], *NAMES]  # at last, all are loaded here


def test_few_kernels_are_compiled_here(here: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []
    monkeypatch.setattr(ahead, "_have_compiled", started.append)
    ahead.compile_together(NAMES[: ahead.FEW], jobs=2)
    assert not started
    ahead.compile_together(NAMES[: ahead.FEW + 1], jobs=2)
    assert len(started) == 1


@pytest.mark.parametrize("script", ["raise SystemExit(1)", "print('', flush=True)", "import sys; sys.stdin.readline()"])
def test_what_other_processes_leave_is_compiled_here(
    here: list[str], monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr(ahead, "_SERVE", script)
    ahead.compile_together(NAMES, jobs=3)
    assert sorted(set(here)) == NAMES


def test_without_another_python_all_is_compiled_here(here: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []
    monkeypatch.setattr(ahead, "_have_compiled", started.append)
    for executable in ("", "/usr/bin/blender", "/nowhere/application"):
        monkeypatch.setattr(sys, "executable", executable)
        ahead.compile_together(NAMES, jobs=2)
    monkeypatch.setattr(sys, "executable", "/nowhere/python3")
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    ahead.compile_together(NAMES, jobs=2)
    assert not started
    assert sorted(set(here)) == NAMES


def test_a_python_that_cannot_be_started(here: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python3")
    ahead.compile_together(NAMES, jobs=2)
    assert sorted(set(here)) == NAMES


@pytest.mark.parametrize("chosen", ["0", "-1", "many", "1.5"])
def test_a_number_of_processes_that_is_none(here: list[str], monkeypatch: pytest.MonkeyPatch, chosen: str) -> None:
    monkeypatch.setenv("LITEJIT_JOBS", chosen)
    with pytest.raises(InvalidInputError, match="LITEJIT_JOBS"):
        ahead.compile_together(NAMES)
    assert not here
