# SPDX-License-Identifier: MIT
"""What commands that start a fleet share: logging, the loop, progress, and what is shown when it can be read."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from simulator.commands.place import Place
from simulator.fleet.inventory import meter_entry, place_words, read_options
from simulator.fleet.runner import Fleet, RunOptions, event_line
from simulator.fleet.spec import FleetSpec
from simulator.store.database import Store
from simulator.values import counted

_LISTED = 1000
_SHOWN = 5
Prepare = Callable[[Fleet], Awaitable[None]]


async def _nothing(fleet: Fleet) -> None: ...


def ready_console() -> Console:
    """Where people read; warnings go there too, and a port per meter may need all the files that the system allows."""
    console = Console(stderr=True)
    logging.basicConfig(
        level=logging.INFO, format="%(message)s", handlers=[RichHandler(console=console, show_path=False)]
    )
    _raise_file_limit()
    return console


async def serve_fleet(
    spec: FleetSpec, options: RunOptions, place: Place, console: Console, *, as_json: bool, prepare: Prepare = _nothing
) -> None:
    """Open a fleet, tell that it can be read, serve it; `prepare` comes before its clock runs."""
    store = await Store.open(place.dsn, revive=place.revive)
    fleet = Fleet(spec, options, store)
    try:
        with _progress(console) as progress:
            task = progress.add_task("history", total=None, visible=False)
            await fleet.open(lambda done, total: progress.update(task, completed=done, total=total, visible=True))
        await prepare(fleet)
        await fleet.listen()
    except BaseException:
        await store.close()
        raise

    def announce() -> None:
        place.remember()
        entries = [_entry(fleet, index) for index in range(min(spec.count, _LISTED))]
        if as_json:
            facts = {"seed": spec.seed, "count": spec.count, "unreached": fleet.listeners.unreached}
            print(event_line("ready", dsn=place.dsn, **facts, meters=entries), flush=True)
        else:
            _show(console, fleet, place, entries)

    try:
        await fleet.serve(announce)
    finally:
        if options.capture is not None:
            options.capture.close()
    if not as_json:
        console.print("The fleet has stopped; the same command goes on from here.", highlight=False)


def _entry(fleet: Fleet, index: int) -> dict[str, object]:
    places = [listen.place_of(index) for listen in fleet.listeners.listens]
    return meter_entry(fleet.identity(index), fleet.place(index)[0].model, places, given=fleet.given_keys(index))


def _show(console: Console, fleet: Fleet, place: Place, entries: list[dict[str, object]]) -> None:
    reached = fleet.spec.count - fleet.listeners.unreached
    table = Table("serial", "address", "logical device name", title=f"{counted(reached, 'meter')} can be read")
    for entry in entries[:_SHOWN]:
        table.add_row(str(entry["serial"]), place_words(entry), str(entry["logical_device_name"]))
    if fleet.spec.count > _SHOWN:
        table.add_row("...", "...", "...")
    console.print(table)
    first = entries[0]
    others = first.get("places")
    for other in others[1:] if isinstance(others, list) else []:
        console.print(f"also by:    {place_words(other)}", highlight=False)
    if (pushed := fleet.options.push.destination) is not None:
        console.print(f"push to:    {pushed or 'their serial lines'}", highlight=False)
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


def run_loop(main: object) -> None:
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
