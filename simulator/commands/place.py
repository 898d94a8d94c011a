# SPDX-License-Identifier: MIT
"""Which database a command works on: a DSN, or a fleet's own database on the embedded server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from simulator.errors import UserError
from simulator.store.embedded import EmbeddedPostgres, default_home

DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        envvar="METERFLEET_DATABASE",
        help="DSN of a PostgreSQL server (15 or newer) instead of the embedded one.",
    ),
]
HomeOption = Annotated[
    Path | None,
    typer.Option("--home", envvar="METERFLEET_HOME", help="Folder of the embedded server and its data."),
]
FleetOption = Annotated[
    str | None, typer.Option("--fleet", help="Name of a fleet on the embedded server [default: the last one started].")
]


@dataclass(frozen=True, slots=True)
class Place:
    """A database that can be reached, and how to bring its server back if it is ours."""

    dsn: str
    revive: Callable[[], None] | None = None


def place_to_spawn(database: str | None, home: Path | None, fleet: str) -> Place:
    """Where a fleet of that name lives; its database is made if the server is the embedded one."""
    if database:
        return Place(database)
    server = EmbeddedPostgres(home or default_home())
    server.start()
    server.ensure_database(fleet)
    _current(server.home).write_text(fleet + "\n", encoding="utf-8")
    return Place(server.dsn(fleet), server.start)


def existing_place(database: str | None, home: Path | None, fleet: str | None) -> Place:
    """The database of a fleet that was started before; UserError if there is none."""
    if database:
        return Place(database)
    server = EmbeddedPostgres(home or default_home())
    current = _current(server.home)
    name = fleet or (current.read_text(encoding="utf-8").strip() if current.is_file() else None)
    if name is None:
        hint = "start one with `meterfleet spawn 10`, or name a --database"
        raise UserError(f"no fleet has been started in {server.home}; {hint}")
    server.start()
    if name not in server.databases():
        raise UserError(
            f"there is no fleet {name!r} in {server.home}; known are {', '.join(server.databases()) or 'none'}"
        )
    return Place(server.dsn(name), server.start)


def _current(home: Path) -> Path:
    return home / "current"
