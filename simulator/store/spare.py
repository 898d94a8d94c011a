# SPDX-License-Identifier: MIT
"""Databases by the dozen on one server: copies of a template that has the schema, made in a moment and dropped again.

The template is named after the schema's text, so that a newer program makes one of its own.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from simulator.errors import UserError
from simulator.resources import data_root
from simulator.store.connections import store_errors
from simulator.store.queries import query, template

_Connection = psycopg.Connection[tuple[Any, ...]]


class SpareDatabases:
    """On the server of a DSN, by a user who may create databases there."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._schema = (data_root() / "schema.sql").read_bytes()
        self.template = f"meterfleet_template_{hashlib.sha256(self._schema).hexdigest()[:12]}"

    def dsn(self, name: str) -> str:
        return make_conninfo(self._dsn, dbname=name)

    def create(self, name: str) -> str:
        """Its DSN; the schema is applied. UserError if this user may create none."""
        with self._administered() as connection:
            connection.execute(query("lock_templates"))  # two copies of one database disturb each other
            try:
                if self.template not in _names(connection):
                    self._make_template(connection)
                _run(connection, "copy_database", database=name, template=self.template)
            except psycopg.errors.InsufficientPrivilege as error:
                who = connection.info.user
                raise UserError(
                    f"the user {who} may not create databases; name another one, or ALTER USER {who} CREATEDB"
                ) from error
            finally:
                connection.execute(query("unlock_templates"))
            _run(connection, "make_hasty", database=name)
        return self.dsn(name)

    def drop(self, *names: str) -> None:
        """Whoever is still connected."""
        with self._administered() as connection:
            for name in names:
                _run(connection, "drop_database", database=name)

    def named(self, prefix: str) -> list[str]:
        with self._administered() as connection:
            return [name for name in _names(connection) if name.startswith(prefix)]

    def _make_template(self, connection: _Connection) -> None:
        """Under another name first, so that a half-made one is never copied."""
        unfinished = f"meterfleet_unfinished_{uuid.uuid4().hex[:12]}"
        _run(connection, "create_database", database=unfinished)
        try:
            with psycopg.connect(self.dsn(unfinished)) as fresh:
                fresh.execute(self._schema)
            _run(connection, "rename_database", database=unfinished, new_name=self.template)
        except psycopg.Error:
            _run(connection, "drop_database", database=unfinished)
            raise

    @contextmanager
    def _administered(self) -> Iterator[_Connection]:
        with store_errors(), psycopg.connect(self._dsn, autocommit=True) as connection:
            yield connection


def _names(connection: _Connection) -> list[str]:
    return [name for (name,) in connection.execute(query("databases"))]


def _run(connection: _Connection, name: str, **identifiers: str) -> None:
    connection.execute(template(name).format(**{key: sql.Identifier(word) for key, word in identifiers.items()}))
