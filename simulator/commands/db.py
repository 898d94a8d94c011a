# SPDX-License-Identifier: MIT
"""`meterfleet db …`: what the store is and holds; make it, open a shell on it, stop the embedded server."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from simulator.commands.migrate import EPILOG, HeadEndOption, ZoneOption, migrate
from simulator.commands.options import HesOption
from simulator.commands.place import DatabaseOption, FleetOption, HomeOption, Place, existing_place
from simulator.errors import MeterfleetError, UserError
from simulator.fleet.spec import FleetSpec
from simulator.hes.database import HES, HesDatabase
from simulator.store.binaries import find_binaries
from simulator.store.database import Store
from simulator.store.embedded import EmbeddedPostgres, default_home
from simulator.store.migrating import SIM
from simulator.values import moment_of

app = typer.Typer(no_args_is_help=True, help="The store: status, schema, shell, and the embedded server.")
app.command(epilog=EPILOG)(migrate)


@app.command(epilog="Example: meterfleet db status --json")
def status(
    database: DatabaseOption = None,
    hes: HesOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Say which server is in use, its TimescaleDB tier, its fleet, and how many rows each table holds."""
    place = existing_place(database, home, fleet)
    facts = asyncio.run(_facts(place)) | {"head_end": _head_end(hes or place.dsn)}
    if as_json:
        print(json.dumps(facts))
        return
    console = Console()
    words = facts | {"clock": _clock(facts["clock_ms"], facts["utc_offset_minutes"])}
    for key in ("dsn", "server", "tier", "schema", "fleet", "clock"):
        console.print(f"{key:>8}  {words[key]}", highlight=False, soft_wrap=True)
    table = Table("table", "rows")
    for name, rows in facts["rows"].items():
        table.add_row(f"sim.{name}", f"{rows:,}")
    console.print(table)
    for line in facts["head_end"]:
        console.print(line, highlight=False, soft_wrap=True)


def _clock(clock_ms: int | None, offset_minutes: int | None) -> str:
    """As the fleet's meters show it, or in UTC."""
    return "" if clock_ms is None else f"{moment_of(clock_ms, offset_minutes or 0):%Y-%m-%d %H:%M:%S %z}"


def _offset_minutes(kept: Mapping[str, Any]) -> int | None:
    """The fleet's; None if its models cannot be read any more, which is no reason to tell nothing of its store."""
    try:
        return FleetSpec.stored(kept).models()[0].spec.utc_offset_minutes
    except (MeterfleetError, TypeError, KeyError):
        return None


async def _facts(place: Place) -> dict[str, Any]:
    store = await Store.open(place.dsn, revive=place.revive)
    try:
        await store.find_schema()
        row = await store.fleet()
        return {
            "dsn": place.dsn,
            "server": await store.server_version(),
            "tier": await store.tier(),
            "schema": SIM.version,  # or find_schema has told which
            "fleet": row.name if row else None,
            "clock_ms": row.clock_ms if row else None,
            "utc_offset_minutes": _offset_minutes(row.spec) if row else None,
            "rows": await store.counts(),
        }
    finally:
        await store.close()


def _head_end(dsn: str) -> list[str]:
    """What the head-end's tables are promised, and whether this server's tier or `db maintain` keeps the promise."""
    with HesDatabase.open(dsn) as database:
        if not database.is_installed():
            return ["the head-end's tables are not there; `meterfleet db init --hes` makes them"]
        version = f"schema hes: version {database.migrations().version()} of {HES.version}"
        lines = [version, *(f"{one.relation}: {one.kind} ({one.kept_by})" for one in database.policies())]
        return [*lines, *([hint] if (hint := database.hint()) else [])]


@app.command(epilog="Example: meterfleet db init --database postgresql://me@server/meters")
def init(
    database: DatabaseOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Drop the schema and all its data first.")] = False,
    head_end: HeadEndOption = False,
    hes: HesOption = None,
    timezone: ZoneOption = None,
) -> None:
    """Create schema sim where it is missing, or with --hes the head-end's tables; --fresh empties what it creates."""
    if head_end:
        _init_head_end(hes or existing_place(database, home, fleet).dsn, timezone, fresh=fresh)
        return
    asyncio.run(_init(existing_place(database, home, fleet), fresh=fresh))
    print("schema sim is there" + (" and empty" if fresh else ""))


def _init_head_end(dsn: str, timezone: str | None, *, fresh: bool) -> None:
    with HesDatabase.open(dsn) as database:
        if fresh:
            database.renew(timezone)
        is_new = fresh or database.install(timezone)
        print(f"the head-end's tables are {'made' if is_new else 'there'}; TimescaleDB: {database.tier()}")
        if is_new and (hint := database.hint()):
            print(hint)


@app.command(epilog="Example: meterfleet db maintain --dry-run")
def maintain(
    database: DatabaseOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
    hes: HesOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
) -> None:
    """Keep the head-end's tables in order: retention and statistics, as far as the server does not do it by itself."""
    with HesDatabase.open(hes or existing_place(database, home, fleet).dsn) as tables:
        if not tables.is_installed():
            raise UserError("the head-end's tables are not there; `meterfleet db init --hes` makes them")
        for step in tables.maintain(dry_run=dry_run):
            count = f": {step.rows:,}" if step.rows else ""
            print(f"{'would: ' if dry_run else ''}{step.relation}: {step.what}{count}")


async def _init(place: Place, *, fresh: bool) -> None:
    store = await Store.open(place.dsn, revive=place.revive)
    try:
        if not await store.lock_fleet():
            raise UserError("a fleet serves this database now; stop it first")
        if fresh:
            await store.drop_schema()
        await store.ensure_schema()
    finally:
        await store.close()


@app.command(epilog="Example: meterfleet db delete-meter 9160000007")
def delete_meter(
    serials: Annotated[list[str], typer.Argument(help="Serial numbers.")],
    database: DatabaseOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
) -> None:
    """Delete meters with all their rows: profiles, events, pushes, settings. The fleet must not be running."""
    deleted = asyncio.run(_delete(existing_place(database, home, fleet), serials))
    if missing := sorted(set(serials) - set(deleted)):
        raise UserError(f"there is no meter {', '.join(missing)}; deleted: {', '.join(deleted) or 'none'}")
    print(f"deleted: {', '.join(deleted)}")


async def _delete(place: Place, serials: list[str]) -> list[str]:
    store = await Store.open(place.dsn, revive=place.revive)
    try:
        await store.find_schema()
        if not await store.lock_fleet():
            raise UserError("a fleet serves this database now; stop it first")
        return await store.delete_meters(serials)
    finally:
        await store.close()


@app.command(
    epilog="Example: meterfleet db shell -- -c 'SELECT count(*) FROM meters'",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def shell(
    context: typer.Context, database: DatabaseOption = None, home: HomeOption = None, fleet: FleetOption = None
) -> None:
    """Open psql on the store (the psql of this system, or the embedded server's own); what follows -- is psql's."""
    place = existing_place(database, home, fleet)
    program = shutil.which("psql") or str(find_binaries().folder / "psql")
    if not Path(program).exists():
        raise UserError(f"there is no psql here; connect any PostgreSQL client to {place.dsn}")
    options = f"{os.environ.get('PGOPTIONS', '')} -c search_path=sim,public".strip()  # tables need no schema name
    os.execve(program, [program, place.dsn, *context.args], {**os.environ, "PGOPTIONS": options})


@app.command(epilog="Example: meterfleet db stop")
def stop(
    home: HomeOption = None,
    force: Annotated[bool, typer.Option("--force", help="Even while fleets are served from it.")] = False,
) -> None:
    """Stop the embedded server; its data stays."""
    server = EmbeddedPostgres(home or default_home())
    was_running = server.is_running()
    if was_running and not force and (served := server.served()):
        raise UserError(f"{', '.join(served)} is being served from it; stop that first (Ctrl-C), or give --force")
    server.stop()
    print(f"the server of {server.home} {'is stopped' if was_running else 'was not running'}")
