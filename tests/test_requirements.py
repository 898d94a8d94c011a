# SPDX-License-Identifier: MIT
"""The ids by which tests name what they prove are explained in docs/requirements.md, with where they are tested."""

from __future__ import annotations

import re
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_ID = re.compile(r"\b(?:S\d{3}|C)-\d\d\b")
_LINK = re.compile(r"\(\.\./(\S+)\)")


def test_every_id_that_a_test_names_is_explained() -> None:
    rows = [line for line in (_ROOT / "docs/requirements.md").read_text().splitlines() if line.startswith("| ")]
    told = {name: _LINK.findall(row) for row in rows for name in _ID.findall(row.split("|")[1])}
    tests = [path.read_text() for path in _ROOT.glob("tests/**/*.py")]
    cited = {name for text in tests for name in _ID.findall(text)}
    assert len(cited) > 50
    assert sorted(cited - told.keys()) == []
    assert [name for name, paths in told.items() if not paths] == []
    assert [path for paths in told.values() for path in paths if not (_ROOT / path).is_file()] == []
