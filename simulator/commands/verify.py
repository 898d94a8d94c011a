# SPDX-License-Identifier: MIT
"""`meterfleet verify`: what the meters said against what a head-end stored; exit code 1 if they differ, 2 if there
was nothing to compare."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from simulator.commands.options import JsonOption, span_ms
from simulator.commands.outputs import check_output, unwritten
from simulator.commands.place import DatabaseOption, FleetOption, HomeOption, Place, existing_place
from simulator.cosem.compiler import compile_model
from simulator.errors import UserError
from simulator.fleet.spec import FleetSpec
from simulator.hes.asking import Group, Limits
from simulator.hes.heat_map import changes, page
from simulator.hes.maps import read_maps, with_derived
from simulator.hes.ranges import Range, ranges
from simulator.hes.verifying import KINDS, Finding, Outcome, compare, reading
from simulator.meter.identity import index_of
from simulator.store.database import Store
from simulator.values import is_date

_SHOWN = 5  # meters of a table and kind
_PIPE_COLUMNS = 160
EPILOG = """Examples:

meterfleet verify                                          the tables that `meterfleet headend` fills

meterfleet verify --hes postgresql://me@server/mdm --map mdm.yaml --report verify.html

meterfleet verify --from 2026-11-01 --to 2026-11-07 --late 2h --json"""


def verify(
    hes: Annotated[
        str | None,
        typer.Option(
            "--hes", envvar="METERFLEET_HES", help="DSN of the head-end's database (default: the fleet's own)."
        ),
    ] = None,
    map_: Annotated[
        Path | None, typer.Option("--map", help="YAML: where that database keeps what (default: our own tables).")
    ] = None,
    tables: Annotated[str | None, typer.Option(help="Only these, separated by commas.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="Rows from this date or time on, meter-local.")] = None,
    to: Annotated[str | None, typer.Option(help="Rows up to this date or time, which is included.")] = None,
    late: Annotated[
        str | None, typer.Option(help="Report rows that were stored so much later than the meter had them, e.g. 2h.")
    ] = None,
    as_json: JsonOption = False,
    report: Annotated[
        Path | None, typer.Option(help="Write an HTML report there, with a map of meters and days.")
    ] = None,
    database: DatabaseOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
) -> None:
    """Compare a head-end's tables with what the meters really said: missing, extra, different, duplicate, late."""
    place = existing_place(database, home, fleet)
    check_output("--report", report)
    limits = _limits(from_, to, late)
    maps = read_maps(map_).tables()
    if tables is not None:
        wanted = [name.strip() for name in tables.split(",")]
        if unknown := [name for name in wanted if name not in maps]:
            raise UserError(f"--tables {unknown[0]!r}: the map has {', '.join(maps)}")
        maps = {name: maps[name] for name in wanted}
    groups = asyncio.run(read_groups(place))
    with reading(place.dsn) as sim, reading(hes or place.dsn) as theirs:
        outcomes = compare(sim, theirs, maps, groups, limits)
    serials = sorted(serial for group in groups for serial in group.serials)
    meters = len(serials)
    if report is not None:
        _write(report, page(outcomes, serials, head=f"{meters:,} meters, {from_ or 'all'} to {to or 'now'}"))
    print(json.dumps(_document(outcomes, meters))) if as_json else _show(outcomes)
    if not any(outcome.days for outcome in outcomes):
        raise UserError("nothing to compare: neither side has a row of these meters, tables and times")
    if any(outcome.findings for outcome in outcomes):
        raise typer.Exit(1)


async def read_groups(place: Place) -> list[Group]:
    """The fleet's meters by model: what these capture, and whether as float32."""
    store = await Store.open(place.dsn, revive=place.revive)
    try:
        await store.find_schema()
        fleet, meters = await store.fleet(), await store.meters()
    finally:
        await store.close()
    if fleet is None:
        raise UserError("the database holds no fleet yet; start one with `meterfleet spawn 10`")
    spec = FleetSpec.stored(fleet.spec)
    serials: dict[str, list[str]] = defaultdict(list)
    for meter in meters:
        serials[spec.group_of(index_of(meter.meter_number)).model].append(meter.meter_number)
    return [_group(model, members) for model, members in serials.items()]


def _group(model: str, serials: Sequence[str]) -> Group:
    return Group(tuple(sorted(serials)), compile_model(model).spec.registers == "float32", _told(model))


@cache
def _told(model: str) -> dict[str, frozenset[str]]:
    """Columns by table that a meter of the model captures in a profile, as the store names them."""
    profiles = [profile for profile in compile_model(model).profiles.values() if profile.table]
    return {
        profile.table: with_derived(cell.column.lower() for cell in profile.cells if cell is not None and cell.column)
        for profile in profiles
    }


def _show(outcomes: Sequence[Outcome]) -> None:
    console = Console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS, highlight=False)
    table = Table("table", "rows", "meter-days", *KINDS)
    for one in outcomes:
        counts = (one.rows, one.days, *(one.count(kind) for kind in KINDS))
        table.add_row(one.table, *(f"{count:,}" for count in counts), style="red" if one.findings else "")
    console.print(table)
    for outcome in outcomes:
        for kind in KINDS:
            _show_ranges(console, [one for one in outcome.findings if one.kind == kind])
    if any(outcome.days for outcome in outcomes) and not any(outcome.findings for outcome in outcomes):
        console.print("no difference")


def _show_ranges(console: Console, findings: Sequence[Finding]) -> None:
    """Of one table and kind, so that none is crowded out by another."""
    found = ranges(findings)
    for one in found[:_SHOWN]:
        console.print(_words(one), markup=False, soft_wrap=True)
    if more := found[_SHOWN:]:
        rows = sum(one.rows for one in more)
        console.print(f"… and {rows:,} more rows at {len(more):,} more meters: --json or --report")


def _words(one: Range) -> str:
    number = f" {one.number}" if one.number != "0" else ""
    changed = f" {changed}" if (changed := changes(one.columns)) else ""
    about = f"{one.table}: {one.kind} {one.meter}"
    if one.rows == 1:
        return f"{about} {one.first}{number}{changed}"
    return f"{about}, {one.rows:,} rows from {one.first} to {one.last}" + (f"; first{changed}" if changed else "")


def _document(outcomes: Sequence[Outcome], meters: int) -> dict[str, Any]:
    findings = [finding for outcome in outcomes for finding in outcome.findings]
    return {
        "meters": meters,
        "tables": {
            one.table: {"rows": one.rows, "meter_days": one.days, **{kind: one.count(kind) for kind in KINDS}}
            for one in outcomes
        },
        "ranges": [one._asdict() for one in ranges(findings)],
        "findings": [finding._asdict() for finding in findings],
    }


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise unwritten(path, error) from None


def _limits(from_: str | None, to: str | None, late: str | None) -> Limits:
    first, last = _moment(from_, latest=False), _moment(to, latest=True)
    if first and last and first > last:
        raise UserError(f"--from {from_} is after --to {to}")
    return Limits(first, last, _span(late))


def _moment(text: str | None, *, latest: bool) -> dt.datetime | None:
    """A date alone is its beginning, or with `latest` its last second."""
    if text is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"{text!r} is not a date; write 2026-11-01 or 2026-11-01T18:30, meter-local") from None
    if moment.tzinfo is not None:
        raise UserError(f"{text!r}: write the time as the meters' clocks show it, without an offset")
    return moment.replace(hour=23, minute=59, second=59) if latest and is_date(text) else moment


def _span(text: str | None) -> dt.timedelta | None:
    return None if text is None else dt.timedelta(milliseconds=span_ms("--late", text))
