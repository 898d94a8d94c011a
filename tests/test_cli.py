# SPDX-License-Identifier: MIT
"""The command line as a whole."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from live import command as command_line
from typer.testing import CliRunner

from simulator.cli import app


@pytest.mark.parametrize("command", ["check", "clock"])
def test_a_command_has_no_options_but_its_own(command: str) -> None:
    told = CliRunner().invoke(app, [command, "--help"])
    assert told.exit_code == 0
    assert "completion" not in told.stdout


@pytest.mark.parametrize(("word", "code", "told"), [("--version", 0, "meterfleet 0."), ("spwan", 2, "spwan")])
def test_the_module_is_the_command(tmp_path: Path, word: str, code: int, told: str) -> None:
    """Most other tests start it from `forked`."""
    line, environment = command_line(word, home=tmp_path)
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code
    assert told in done.stdout + done.stderr
