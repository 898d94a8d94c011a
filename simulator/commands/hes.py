# SPDX-License-Identifier: MIT
"""`meterfleet hes …` and `meterfleet profile export`: readings by hand, reviews, profiles of the head-end's tables."""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table

from simulator.commands.options import HesOption, JsonOption
from simulator.commands.place import FleetOption, HomeOption, existing_place
from simulator.errors import UserError
from simulator.hes import review
from simulator.hes.copying import jsonable
from simulator.hes.database import HesDatabase
from simulator.values import is_date, parse_duration_ms

_PIPE_COLUMNS = 160
_FIRST_YEAR, _LAST_YEAR = 1970, 2099  # of readings; Python reads no times of others, and then shows none of the audit
app = typer.Typer(
    no_args_is_help=True, help="The head-end's readings: enter some by hand, review their quality and audit."
)
profile_app = typer.Typer(no_args_is_help=True, help="Profiles of the head-end's tables.")
SinceOption = Annotated[str, typer.Option(help="A span back from now, e.g. 24h, or a date.")]


@contextmanager
def _opened(hes: str | None, home: Path | None, fleet: str | None) -> Iterator[HesDatabase]:
    with HesDatabase.open(hes or existing_place(None, home, fleet).dsn) as database:
        if not database.is_installed():
            raise UserError("the head-end's tables are not there; `meterfleet db init --hes` makes them")
        yield database


@app.command(
    epilog="Example: meterfleet hes put 9160000007 ACTIVE_ENERGY_IMPORT 12832601 --at 2026-11-01T00:00:00+05:30"
)
def put(
    meter: Annotated[str, typer.Argument(help="Serial number.")],
    reading_type: Annotated[str, typer.Argument(help="For example ACTIVE_ENERGY_IMPORT.")],
    value: Annotated[float, typer.Argument(help="In the reading's own unit, e.g. Wh, or in that of --unit.")],
    at: Annotated[str, typer.Option(help="The instant, with offset.")],
    unit: Annotated[
        str | None, typer.Option(help="For example kWh (default: the reading type's own, in which it is kept).")
    ] = None,
    new_type: Annotated[
        bool, typer.Option("--new-type", help="The reading type is one that the head-end itself does not make.")
    ] = False,
    manual: Annotated[bool, typer.Option("--manual", help="Read by a person (the default).")] = False,
    estimated: Annotated[bool, typer.Option("--estimated", help="Reckoned, not read.")] = False,
    validated: Annotated[bool, typer.Option("--validated", help="Checked by a person, and good.")] = False,
    simulated: Annotated[bool, typer.Option("--simulated", help="Said by a simulator instead of a meter.")] = False,
    hes: HesOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
) -> None:
    """Enter one reading by hand; one that is there already is replaced, and the audit says by whom."""
    if manual + estimated + validated + simulated > 1:
        raise UserError("give one of --manual, --estimated, --validated and --simulated")
    kinds = ((estimated, review.ESTIMATE), (validated, review.VALIDATED), (simulated, review.SIMULATED))
    verdict = next((verdict for is_meant, verdict in kinds if is_meant), review.MANUAL)
    if not math.isfinite(value):
        raise UserError(f"{value} is no reading; write a number")
    kind = review.checked_type(reading_type, is_new=new_type)
    moment = _instant(at, "--at")
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise UserError(f"--at {at}: a reading is of the years {_FIRST_YEAR} to {_LAST_YEAR}")
    entry = review.Entry(meter, moment, kind, value, unit)
    with _opened(hes, home, fleet) as database:
        print("stored" if review.put(database.connection, entry, verdict) else "it is there already")


@app.command(epilog="Example: meterfleet hes quality --since 24h --json")
def quality(
    since: SinceOption = "24h",
    until: Annotated[str | None, typer.Option(help="A date, or an instant with offset.")] = None,
    as_json: JsonOption = False,
    hes: HesOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
) -> None:
    """Count readings by validation status, quality, flag, source and communication."""
    first, end = _since(since), _instant(until, "--until") if until else None
    if end and first > end:
        raise UserError(f"--since {since} is after --until {until}")
    with _opened(hes, home, fleet) as database:
        found = asdict(review.quality(database.connection, first, end))
    if as_json:
        print(json.dumps(found))
        return
    table = Table("", "", "readings", title=f"{found.pop('total'):,} readings", title_justify="left")
    for what, counts in found.items():
        for name, count in sorted(counts.items()):
            table.add_row(what, name, f"{count:,}")
    _console().print(table)


@app.command(epilog="Example: meterfleet hes audit --meter 9160000007 --since 7d --changed")
def audit(
    meter: Annotated[str | None, typer.Option(help="Serial number.")] = None,
    since: SinceOption = "24h",
    changed: Annotated[bool, typer.Option("--changed", help="Only where a value became another one.")] = False,
    as_json: JsonOption = False,
    hes: HesOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
) -> None:
    """Show who changed which reading: inserted (I), updated (U), deleted (D); times are of the tables' zone."""
    with _opened(hes, home, fleet) as database:
        changes = review.audit(database.connection, _since(since), meter, changed=changed)
        zone = ZoneInfo(database.timezone())
    if as_json:
        print(json.dumps([jsonable(one._asdict()) for one in changes], allow_nan=False))
        return
    table = Table("when", "who", "", "meter", "reading", "time", "value", "quality")
    for one in changes:
        value, grade = _pair(one.old_value, one.new_value), _pair(one.old_quality, one.new_quality)
        when = f"{one.modified_at.astimezone(zone):%Y-%m-%d %H:%M:%S %z}"
        time = f"{one.timestamp.astimezone(zone):%Y-%m-%d %H:%M:%S %z}"
        table.add_row(when, one.modified_by, one.operation, one.meter, one.reading_type, time, value, grade)
    _console().print(table)


@profile_app.command(
    epilog="Example: meterfleet profile export --meter 9160000007 --from 2026-11-01 --to 2026-11-04 --csv"
)
def export(
    meter: Annotated[str, typer.Option(help="Serial number.")],
    from_: Annotated[str, typer.Option("--from", help="Intervals that begin at this date or time, or later.")],
    to: Annotated[str, typer.Option(help="Intervals that end by this time, or by the end of this date.")],
    profile: Annotated[str, typer.Option(help=f"{', '.join(review.PROFILES)}.")] = "block",
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV (the default).")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    hes: HesOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
) -> None:
    """Print a meter's profile from the head-end's tables; times without an offset are the meters' own."""
    if profile not in review.PROFILES or (as_csv and as_json):
        raise UserError(f"--profile is one of {', '.join(review.PROFILES)}; give --csv or --json, not both")
    first, last = _local(from_, "--from"), _end(to, "--to")
    if (first.tzinfo is None) == (last.tzinfo is None) and first > last:
        raise UserError(f"--from {from_} is after --to {to}")
    with _opened(hes, home, fleet) as database:
        names, rows = review.export(database.connection, profile, meter, first, last, database.timezone())
        writer = csv.writer(sys.stdout, lineterminator="\n")
        if not as_json:
            writer.writerow(names)
        for row in rows:
            print(json.dumps(dict(zip(names, row, strict=True)), default=str)) if as_json else writer.writerow(row)


def _pair(old: Any, new: Any) -> str:
    return " → ".join(str(value) for value in (old, new) if value is not None)


def _since(text: str) -> dt.datetime:
    try:
        return dt.datetime.now(dt.UTC) - dt.timedelta(milliseconds=parse_duration_ms(text))
    except ValueError:
        return _instant(text, "--since")


def _instant(text: str, option: str) -> dt.datetime:
    moment = _local(text, option)
    if moment.tzinfo is None and not is_date(text):
        raise UserError(f"{option} {text!r}: add an offset, for example 2026-11-01T00:00:00+05:30")
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _local(text: str, option: str) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"{option} {text!r}: write for example 2026-11-01 or 2026-11-01T18:30:00+05:30") from None


def _end(text: str, option: str) -> dt.datetime:
    """A date alone means that the day is part of it: its last interval ends with the midnight after it."""
    moment = _local(text, option)
    return moment + min(dt.timedelta(days=1), dt.datetime.max - moment) if is_date(text) else moment


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS, highlight=False, markup=False, emoji=False)
