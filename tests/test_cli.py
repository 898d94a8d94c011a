# SPDX-License-Identifier: MIT
"""The command line as a whole."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from simulator.cli import app


@pytest.mark.parametrize("command", ["check", "clock"])
def test_a_command_has_no_options_but_its_own(command: str) -> None:
    told = CliRunner().invoke(app, [command, "--help"])
    assert told.exit_code == 0
    assert "completion" not in told.stdout
