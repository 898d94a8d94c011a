# SPDX-License-Identifier: MIT
"""The named statements of queries.sql, read once. It runs none of them."""

from __future__ import annotations

import re
from importlib.resources import files

from psycopg import sql

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_COMMENT = re.compile(r"^--.*\n", re.MULTILINE)


def _statements() -> dict[str, str]:
    _, *parts = _NAME.split(files(__package__).joinpath("queries.sql").read_text("utf-8"))
    return {name: _COMMENT.sub("", text).strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}


_STATEMENTS = _statements()


def query(name: str) -> bytes:
    return _STATEMENTS[name].encode()


def template(name: str) -> sql.SQL:
    """A statement with `{…}` for identifiers and literals."""
    return sql.SQL(_STATEMENTS[name])
