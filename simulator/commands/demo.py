# SPDX-License-Identifier: MIT
"""`meterfleet demo`: a small fleet from nothing, read by a real DLMS client, and the same rows asked of SQL.

Everything in it is what a user would type; it starts the command `spawn` as a process and ends it again.
"""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from rich.console import Console
from rich.table import Table

from simulator.commands.outputs import check_output
from simulator.cosem.registry import obis_names
from simulator.errors import MeterfleetError
from simulator.headend.reader import MeterReader
from simulator.headend.tables import profile_tables
from simulator.store.embedded import EmbeddedPostgres

EPILOG = "Example: meterfleet demo --picture demo.svg"
_METERS = 10
_ROWS = 8
_BLOCK = "1.0.99.1.0.255"
_COLUMNS = ("0.0.1.0.0.255", "1.0.12.27.0.255", "1.0.1.29.0.255", "1.0.9.29.0.255", "1.0.11.27.0.255")
_SQL = """SELECT b.capture_time, b.average_voltage_r, b.kwh_import, b.kvah_import, b.average_current_r
  FROM sim.block_load_profile b JOIN sim.meters m ON m.id = b.meter_id
 WHERE m.meter_number = %s ORDER BY b.capture_time DESC LIMIT 8"""


def demo(
    home: Annotated[
        Path | None,
        typer.Option("--home", envvar="METERFLEET_HOME", help="Folder of the embedded server (default: its own)."),
    ] = None,
    picture: Annotated[Path | None, typer.Option(help="Also write what is shown as an SVG picture.")] = None,
) -> None:
    """Start ten meters with a week of history, read one with a real client, show the same rows from SQL, and stop."""
    check_output("--picture", picture)
    wide = None if sys.stdout.isatty() and not picture else 100
    console = Console(record=picture is not None, width=wide)
    with _folder(home) as folder:
        server = EmbeddedPostgres(folder)
        was_running = server.is_running()
        try:
            with _fleet(console, server.home) as ready:
                _show(console, ready)
        finally:
            if not was_running:
                server.stop()
    if picture:
        console.save_svg(str(picture), title="meterfleet demo")


@contextmanager
def _folder(home: Path | None) -> Iterator[Path]:
    """The given home, or one of the demo's own that is gone afterwards, so that it never meets other fleets' data."""
    if home is not None:
        yield home
        return
    with tempfile.TemporaryDirectory(prefix="meterfleet-demo-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # as root the server runs as another user
        yield Path(folder)


@contextmanager
def _fleet(console: Console, home: Path) -> Iterator[dict[str, Any]]:
    arguments = ["spawn", str(_METERS), "--history", "7d", "--home", str(home)]
    arguments += ["--listen", f"wrapper,address=127.77.0.1,port={_free_port()}"]
    console.print(f"[bold]$ meterfleet {' '.join([*arguments[:4], *arguments[-2:]])}[/bold]")
    process = subprocess.Popen([sys.executable, "-m", "simulator", *arguments, "--json"], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise MeterfleetError(f"the fleet did not start; it ended with exit code {process.wait()}")
        yield json.loads(line)
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    """Below those that systems give to callers, who might take it before the fleet does."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("0.0.0.0", port))
            return port


def _show(console: Console, ready: dict[str, Any]) -> None:
    meter = ready["meters"][6]
    mr = next(client for client in meter["clients"] if client["sap"] == 32)
    address = f"{meter['host']}:{meter['port']}"
    console.print(
        f"{ready['count']} meters can be read, seed {ready['seed']}; the seventh is {meter['serial']} at {address}\n"
    )
    console.print(f"[bold]$ meterfleet read {address} block --client mr[/bold]   (gurux, over TCP, LLS)")
    with MeterReader(
        meter["host"], meter["port"], client=32, password=mr["password"].encode(), names=obis_names()
    ) as reader:
        profile = reader.profile(_BLOCK, columns=_COLUMNS)
    table = replace(profile, rows=profile.rows[-_ROWS:], clock_status=profile.clock_status[-_ROWS:])
    console.print(*profile_tables(table, f"Block load profile: the last {_ROWS} of {len(profile.rows)} rows"))
    console.print(f"[bold]$ psql '{ready['dsn'].split('?')[0]}…'[/bold]", soft_wrap=True)
    console.print(_sql_table(ready["dsn"], meter["serial"]))


def _sql_table(dsn: str, serial: str) -> Table:
    with psycopg.connect(dsn) as connection:
        cursor = connection.execute(_SQL, [serial])
        names = [column.name for column in cursor.description or ()]
        rows = cursor.fetchall()
    table = Table(*names, title="The same rows in PostgreSQL: sim.block_load_profile", title_justify="left")
    for row in reversed(rows):
        table.add_row(*(str(cell) for cell in row))
    return table
