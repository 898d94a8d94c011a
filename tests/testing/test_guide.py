# SPDX-License-Identifier: MIT
"""docs/testing.md: every example of it, run by pytest as a reader would."""

from __future__ import annotations

import re

import pytest
from plugged import LIMIT_S, OPTIONS

from simulator.resources import data_root
from simulator.store.embedded import EmbeddedPostgres
from simulator.testing.fleet import LiveFleet
from simulator.testing.meters import Client, Meter

GUIDE = data_root() / "docs" / "testing.md"


def test_its_examples_pass(
    pytester: pytest.Pytester, postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = GUIDE.read_text()
    files = re.findall(r"```python\n# (\w+)\.py\n(.*?)```", text, re.DOTALL)
    assert len(files) == text.count("```python")
    pytester.makepyfile(**dict(files))
    monkeypatch.setenv("PYTHONPATH", str(data_root()))
    dsn = f"--meterfleet-database={postgres.dsn('postgres')}"
    expected = sum(body.count("\ndef test_") + body.startswith("def test_") for _, body in files)
    pytester.runpytest_subprocess(*OPTIONS, dsn, timeout=LIMIT_S).assert_outcomes(passed=expected)


def test_it_names_what_a_fleet_can_do() -> None:
    text = GUIDE.read_text()
    public = [name for name in vars(LiveFleet) if not name.startswith("_")]
    missing = [name for name in public if f"fleet.{name}" not in text and f"`{name}" not in text]
    assert not missing
    fields = {*Meter.__slots__, *Client.__slots__} - {"sap"}
    assert not [name for name in fields if f"`{name}`" not in text]
