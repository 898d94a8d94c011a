# SPDX-License-Identifier: MIT
"""Which database a command works on: a DSN, or a fleet's own database on the embedded server."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from simulator.commands.outputs import write_whole
from simulator.errors import StoreError, UserError
from simulator.store.embedded import EmbeddedPostgres, default_home

_CURRENT = "current"
_NAMED = 8
_NONE_RUNS = "none runs now"
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
    str | None, typer.Option("--fleet", help="Name of a fleet on the embedded server (default: the last one started).")
]


@dataclass(frozen=True, slots=True)
class Place:
    """A database that can be reached, and how to bring its server back if it is ours."""

    dsn: str
    revive: Callable[[], None] | None = None
    name: str = ""  # how it is found again: a fleet on the embedded server, or the DSN itself
    home: Path = Path()

    def remember(self) -> None:
        """From now on this is the fleet that was started last. The file may hold a DSN's password: it is private."""
        with contextlib.suppress(OSError):  # then the next command has to be told
            self.home.mkdir(parents=True, exist_ok=True)
            write_whole(self.home / _CURRENT, f"{self.name}\n".encode(), mode=0o600)

    def remember_unless_served(self) -> None:
        """The same for a fleet that runs no more; one that is being served stays the last one."""
        last = _last(self.home)
        if last is None or "=" in last or "://" in last or last not in EmbeddedPostgres(self.home).served():
            self.remember()


def place_to_spawn(database: str | None, home: Path | None, fleet: str) -> Place:
    """Where a fleet of that name lives; its database is made if the server is the embedded one."""
    if database:
        return Place(database, name=database, home=home or default_home())
    server = EmbeddedPostgres(home or default_home())
    server.start()
    server.ensure_database(fleet)
    return Place(server.dsn(fleet), server.start, fleet, server.home)


@contextmanager
def place_to_replay(database: str | None, home: Path | None, fleet: str) -> Iterator[tuple[Place, int]]:
    """The same for a fleet that comes in place of those whose names differ in their last word, the digest, and how many
    of them are dropped for it: all that nobody uses."""
    place = place_to_spawn(database, home, fleet)
    if database:
        yield place, 0
        return
    name = fleet.rpartition("_")[0]
    older = re.compile(rf"{re.escape(name)}_[0-9a-f]{{12}}")
    with EmbeddedPostgres(place.home).database_instead(fleet, lambda one: bool(older.fullmatch(one))) as dropped:
        yield place, len(dropped)


def existing_place(database: str | None, home: Path | None, fleet: str | None) -> Place:
    """The database of a fleet that was started before; UserError if there is none."""
    if database:
        return Place(database, name=database)
    home = home or default_home()
    name = fleet or _last(home)
    if name is None:
        hint = "start one with `meterfleet spawn 10`, or name a --database"
        raise UserError(f"no fleet has been started in {home}; {hint}")
    if "=" in name or "://" in name:
        return Place(name, name=name, home=home)
    server = EmbeddedPostgres(home)
    server.start()
    if name not in server.databases():
        raise UserError(f"there is no fleet {name!r} in {home}; {_others(server, name)}")
    return Place(server.dsn(name), server.start, name, server.home)


def not_running(place: Place) -> UserError:
    """For orders to a fleet that is not there to take them; names those that are."""
    if place.revive is None:
        return UserError("no fleet runs on this database now")
    others = _others(EmbeddedPostgres(place.home), place.name)
    hint = "start one again by its command" if _NONE_RUNS in others else "name one with --fleet"
    return UserError(f"the fleet {place.name} does not run now; {others}; {hint}")


def ended(place: Place) -> str:
    """The same words, if it is so and can be known."""
    with contextlib.suppress(StoreError):
        if place.revive is not None and place.name not in EmbeddedPostgres(place.home).served():
            return str(not_running(place))
    return ""


def _others(server: EmbeddedPostgres, name: str) -> str:
    """Which fleets run, and which have ended."""
    served = [one for one in server.served() if one != name]
    ended = [one for one in server.fleets() if one not in (name, *served)]
    running = f"running now: {_listed(served)}" if served else _NONE_RUNS
    return f"{running}; ended: {_listed(ended)}"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more or "none"


def _last(home: Path) -> str | None:
    try:
        return (home / _CURRENT).read_text(encoding="utf-8").strip() or None
    except OSError:
        return None
