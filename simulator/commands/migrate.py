# SPDX-License-Identifier: MIT
"""`meterfleet db migrate`: the store's schema, or the head-end's, brought to another version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from simulator.commands.options import HesOption
from simulator.commands.place import DatabaseOption, FleetOption, HomeOption, existing_place
from simulator.errors import UserError
from simulator.hes.database import HES, HesDatabase
from simulator.store.connections import connected
from simulator.store.migrating import SIM, Migrations
from simulator.store.queries import query

EPILOG = """Examples:

meterfleet db migrate                          schema sim, to the newest version

meterfleet db migrate --hes --to 07-policies

meterfleet db migrate --hes --revert 08-hypertables"""
HeadEndOption = Annotated[bool, typer.Option("--hes", help="The head-end's tables (schemas public and hes).")]
ZoneOption = Annotated[
    str | None, typer.Option(help="With --hes: the meters' time zone; their days are its (default: Asia/Kolkata).")
]


def migrate(
    to: Annotated[str | None, typer.Option(help="Up to this one, which is included (default: all).")] = None,
    revert: Annotated[
        str | None, typer.Option(help="Take back this one and all after it, with the data in what they made.")
    ] = None,
    head_end: HeadEndOption = False,
    database: DatabaseOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
    hes: HesOption = None,
    timezone: ZoneOption = None,
) -> None:
    """Bring schema sim, or with --hes the head-end's tables, to the newest version or to a given one."""
    if to is not None and revert is not None:
        raise UserError("--to goes ahead and --revert goes back; give one of them")
    plan = HES if head_end else SIM
    first = None if revert is None else plan.number(revert)
    last = None if to is None else plan.number(to)
    dsn = hes if head_end and hes else existing_place(database, home, fleet).dsn
    with _of_head_end(dsn, timezone) if head_end else _of_store(dsn) as migrations:
        if first is not None:
            for name in migrations.revert(first):
                print(f"reverted {name}")
        else:
            for name in migrations.deploy(last):
                print(f"deployed {name}")
        print(f"schema {plan.schema} has version {migrations.version()}; the newest is {plan.version}")
        if last is not None and last < migrations.version():
            print("--to never goes back; --revert takes back a version and all after it, with their data")


@contextmanager
def _of_head_end(dsn: str, timezone: str | None) -> Iterator[Migrations]:
    with HesDatabase.open(dsn) as database:
        migrations = database.migrations()
        database.use_timezone(database.agreed_zone(timezone))
        yield migrations


@contextmanager
def _of_store(dsn: str) -> Iterator[Migrations]:
    with connected(dsn) as connection:
        if connection.execute(query("lock_fleet")).fetchone() != (True,):
            raise UserError("a fleet serves this database now; stop it first")
        yield Migrations(connection, SIM)
