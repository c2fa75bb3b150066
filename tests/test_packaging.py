"""What an installed litejit has: every folder with Python files is one of the packages that are named."""

from __future__ import annotations

import tomllib

from tests.paths import ROOT

SOURCES = {"interpreter": "litejit", "kernels": "litejit.kernels", "schema": "litejit.schema"}


def test_every_folder_of_sources_is_a_package() -> None:
    named = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = set()
    for folder, package in SOURCES.items():
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.parent.relative_to(ROOT / folder).parts
            found.add(".".join((package, *parts)))
    assert found == named
