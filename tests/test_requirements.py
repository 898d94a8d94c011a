# SPDX-License-Identifier: MIT
"""The ids by which tests name what they prove are explained in docs/requirements.md, and lead to their tests."""

from __future__ import annotations

import re
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_ID = re.compile(r"\b(?:S\d{3}|C)-\d\d\b")
_LINK = re.compile(r"\(\.\./(\S+)\)")


def test_every_id_that_a_test_names_is_explained_and_leads_to_it() -> None:
    rows = [line for line in (_ROOT / "docs/requirements.md").read_text().splitlines() if line.startswith("| ")]
    told = {name: set(_LINK.findall(row)) for row in rows for name in _ID.findall(row.split("|")[1])}
    paths = [path for path in _ROOT.glob("tests/**/*.py") if path != Path(__file__)]
    cited = {(name, path.relative_to(_ROOT).as_posix()) for path in paths for name in _ID.findall(path.read_text())}
    assert len(cited) > 50
    assert sorted((name, path) for name, path in cited if path not in told.get(name, ())) == []
    assert [path for paths in told.values() for path in paths if not (_ROOT / path).is_file()] == []
