# SPDX-License-Identifier: MIT
"""One root error and its leaves, sorted by who is to blame: the user's file, the peer's bytes, the store.

A meter's refusal is never an exception: it is a returned result code (wire/codes.py). Whatever else is
raised is our own bug.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_LONGEST_NAME = 80
_QUOTED = re.compile(rf"(?<!\w)('[^']{{{_LONGEST_NAME}}})[^']+'")
_LINE = re.compile(r"(.{700}).{301,}(.{300})")


class MeterfleetError(Exception):
    """The root of all errors that meterfleet raises on purpose."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong in what the user gave: where (path, line and column from 1; 0 = unknown) and what."""

    path: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.path, self.line, self.column) if part)
        return f"{where}: {shortened(self.message)}"


def brief(text: str) -> str:
    """A name of the user's, cut off after 80 letters."""
    return text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}…"


def shortened(message: str) -> str:
    """What it quotes of the user's is cut off after 80 letters, and no line is longer than a thousand."""
    return _LINE.sub(r"\1 … \2", _QUOTED.sub(r"\1…'", message))


class UserError(MeterfleetError):
    """The user's files or options are wrong: every mistake at once. The command line ends with exit code 2."""

    def __init__(self, mistakes: Sequence[Mistake] | str) -> None:
        self.mistakes = [Mistake("", 0, 0, mistakes)] if isinstance(mistakes, str) else list(mistakes)
        super().__init__("\n".join(str(mistake).removeprefix(": ") for mistake in self.mistakes))


def told(error: MeterfleetError) -> str:
    """As the command line says it; mistakes in files as they are: editors look for path:line where a line begins."""
    in_files = isinstance(error, UserError) and any(mistake.path for mistake in error.mistakes)
    return f"{error}" if in_files else f"meterfleet: {error}"


class PeerError(MeterfleetError):
    """A peer's bytes are broken; the protocol engine turns it into the answer that the standard gives."""


class StoreError(MeterfleetError):
    """The database refused or failed; the driver's error is the cause."""


class StoreUnavailable(StoreError):
    """The database cannot be reached now; the same call may succeed later."""
