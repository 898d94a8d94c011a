# SPDX-License-Identifier: MIT
"""`meterfleet spawn N`: meters that can be read, until Ctrl-C."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from simulator import __version__
from simulator.commands.place import DatabaseOption, HomeOption, Place, place_to_spawn
from simulator.cosem.compiler import compile_model
from simulator.errors import UserError
from simulator.fleet.capture import open_capture
from simulator.fleet.inventory import meter_entry, place_words, read_options
from simulator.fleet.keyfile import read_keys
from simulator.fleet.listen import parse_listen
from simulator.fleet.pace import MAX_SPEED
from simulator.fleet.runner import Fleet, RunOptions, event_line
from simulator.fleet.spec import FleetSpec
from simulator.store.database import Store
from simulator.values import instant_of, parse_duration_ms
from simulator.world.shapes import load_world

_LISTED = 1000
_SHOWN = 5
EPILOG = """Examples:

meterfleet spawn 10                                  ten single-phase meters at 127.1.0.1 to 127.1.0.10, port 4059

meterfleet spawn 100 --history 60d --load household  with sixty days of load profile in their memory

meterfleet spawn 1000 --speed 60 --start 2025-06-01T00:00:00+05:30

meterfleet spawn 20 --listen wrapper,address=127.0.0.1,ports=40000     one port per meter

meterfleet spawn 20 --listen hdlc,info=512,window=3 --listen udp       HDLC over TCP and the wrapper over UDP

meterfleet spawn 20 --listen hdlc,shared=1 --listen gateway            all behind one port each

meterfleet spawn 20 --listen dial,address=127.0.0.1:4064               every meter calls the head-end

meterfleet spawn 4 --listen serial,pty=1,mode_e=1                      four meters on one pseudo-terminal

meterfleet spawn 10 --json                           addresses, passwords and the database as one line of JSON"""


def spawn(
    count: Annotated[int, typer.Argument(metavar="N", help="How many meters.", min=1)],
    model: Annotated[str, typer.Option(help="A model of profiles/meters, or a path to one.")] = "is15959-1ph",
    load: Annotated[str, typer.Option(help="household, shop, workshop, streetlight, solar or mixed.")] = "mixed",
    listen: Annotated[
        list[str] | None,
        typer.Option(help="wrapper, hdlc, udp, gateway, serial or dial, with key=value after commas; may be repeated."),
    ] = None,
    history: Annotated[
        str | None, typer.Option(help="Fill the profiles for that long before the start, e.g. 60d.")
    ] = None,
    speed: Annotated[
        float, typer.Option(help="Simulated seconds per second; 0 stands still.", min=0, max=MAX_SPEED)
    ] = 1.0,
    start: Annotated[
        str | None, typer.Option(help="Simulated start, with offset (default: now, following the real clock).")
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Decides every number of the fleet.", min=-(1 << 63), max=(1 << 63) - 1)
    ] = 1,
    block_minutes: Annotated[
        int | None, typer.Option(help="Block load interval: 15, 30 or 60 (default: the model's).")
    ] = None,
    keys: Annotated[
        Path | None, typer.Option(help="CSV of keys, secrets and system titles by serial (default: from the seed).")
    ] = None,
    capture: Annotated[
        Path | None, typer.Option(help="Keep what goes over TCP as a pcapng file, and keys in FILE.keys.")
    ] = None,
    database: DatabaseOption = None,
    home: HomeOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a ready event as one line of JSON.")] = False,
) -> None:
    """Start N meters and serve them until Ctrl-C; the same command again goes on where this one stopped."""
    compiled = compile_model(model)
    key_file = read_keys(keys) if keys else None
    spec = FleetSpec.single(
        count,
        model,
        load,
        seed=seed,
        block_minutes=block_minutes or compiled.spec.block_minutes,
        history_ms=_duration(history) if history else 0,
        start_ms=_instant(start) if start else None,
        keys=key_file.digest if key_file else None,
    )
    spec.check(load_world(seed))  # before a server is started, a database made and the last fleet forgotten
    listens = [parse_listen(text, count) for text in listen or ["wrapper"]]
    options = RunOptions(listens, speed, key_file, open_capture(capture) if capture else None)
    console = Console(stderr=True)
    logging.basicConfig(
        level=logging.INFO, format="%(message)s", handlers=[RichHandler(console=console, show_path=False)]
    )
    _raise_file_limit()
    console.print(f"meterfleet {__version__}  seed {seed}  {count} x {model}, load {load}", highlight=False)
    place = place_to_spawn(database, home, spec.name)
    _run(_main(spec, options, place, console, as_json=as_json))


async def _main(spec: FleetSpec, options: RunOptions, place: Place, console: Console, *, as_json: bool) -> None:
    store = await Store.open(place.dsn, revive=place.revive)
    fleet = Fleet(spec, options, store)
    try:
        with _progress(console) as progress:
            task = progress.add_task("history", total=None, visible=False)
            await fleet.open(lambda done, total: progress.update(task, completed=done, total=total, visible=True))
        await fleet.listen()
    except BaseException:
        await store.close()
        raise

    def announce() -> None:
        place.remember()
        entries = [_entry(fleet, index) for index in range(min(spec.count, _LISTED))]
        if as_json:
            print(event_line("ready", dsn=place.dsn, seed=spec.seed, count=spec.count, meters=entries), flush=True)
        else:
            _show(console, fleet, place, entries)

    if options.capture is not None:
        options.capture.write_keys(_entry(fleet, index) for index in range(spec.count))
    try:
        await fleet.serve(announce)
    finally:
        if options.capture is not None:
            options.capture.close()


def _entry(fleet: Fleet, index: int) -> dict[str, object]:
    places = [listen.place_of(index) for listen in fleet.listeners.listens]
    return meter_entry(fleet.identity(index), fleet.place(index)[0].model, places, given=fleet.given_keys(index))


def _show(console: Console, fleet: Fleet, place: Place, entries: list[dict[str, object]]) -> None:
    table = Table("serial", "address", "logical device name", title=f"{fleet.spec.count} meters can be read")
    for entry in entries[:_SHOWN]:
        table.add_row(str(entry["serial"]), place_words(entry), str(entry["logical_device_name"]))
    if fleet.spec.count > _SHOWN:
        table.add_row("...", "...", "...")
    console.print(table)
    first = entries[0]
    others = first.get("places")
    for other in others[1:] if isinstance(others, list) else []:
        console.print(f"also by:    {place_words(other)}", highlight=False)
    if words := read_options(first):
        console.print(f"read one:   meterfleet read {words} --client mr block", highlight=False, soft_wrap=True)
    console.print("list all:   meterfleet inventory --csv", highlight=False)
    console.print(f"ask SQL:    psql '{place.dsn}'", highlight=False, soft_wrap=True)
    console.print("Ctrl-C ends the fleet; its data stays.", highlight=False)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("blocks"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def _run(main: object) -> None:
    if sys.platform == "win32":
        asyncio.run(main)  # type: ignore[arg-type]
        return
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)  # type: ignore[arg-type]


def _raise_file_limit() -> None:
    """A port per meter needs a file per meter: use all that the system allows."""
    if sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _duration(text: str) -> int:
    try:
        return parse_duration_ms(text)
    except ValueError as error:
        raise UserError(f"--history: {error}") from None


def _instant(text: str) -> int:
    try:
        return instant_of(dt.datetime.fromisoformat(text))
    except ValueError as error:
        raise UserError(f"--start {text}: {error}; write for example 2025-06-01T00:00:00+05:30") from None
