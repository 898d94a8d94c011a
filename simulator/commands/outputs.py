# SPDX-License-Identifier: MIT
"""Files that commands write: whether there is a place for them is asked before the work, not after it."""

from __future__ import annotations

import os
from pathlib import Path

from simulator.errors import MeterfleetError, UserError


def check_output(option: str, path: Path | None) -> None:
    """UserError if nothing can be written there."""
    if path is None:
        return
    if path.is_dir():
        raise UserError(f"{option} {path}: this is a folder; name a file in it")
    if not path.parent.is_dir():
        raise UserError(f"{option} {path}: there is no folder {path.parent}; make it first")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UserError(f"{option} {path}: you may not write there")


def unwritten(path: Path, error: OSError) -> MeterfleetError:
    return MeterfleetError(f"{path} cannot be written: {error.strerror or error}")
