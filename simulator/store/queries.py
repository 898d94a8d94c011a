# SPDX-License-Identifier: MIT
"""The named statements of a package's queries.sql, read once. It runs none of them."""

from __future__ import annotations

import re
from importlib.resources import files

from psycopg import sql

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_COMMENT = re.compile(r"^--.*\n", re.MULTILINE)


def statements(package: str) -> dict[str, str]:
    """By name, without comments."""
    _, *parts = _NAME.split(files(package).joinpath("queries.sql").read_text("utf-8"))
    return {name: _COMMENT.sub("", text).strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}


_STATEMENTS = statements("simulator.store")


def query(name: str) -> bytes:
    return _STATEMENTS[name].encode()


def template(name: str) -> sql.SQL:
    """A statement with `{…}` for identifiers and literals."""
    return sql.SQL(_STATEMENTS[name])
