# SPDX-License-Identifier: MIT
"""`meterfleet spawn N`: meters that can be read, until Ctrl-C."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from simulator import __version__
from simulator.commands.options import SpeedOption, span_ms
from simulator.commands.place import DatabaseOption, HomeOption, place_to_spawn
from simulator.commands.starting import ready_console, run_loop, serve_fleet
from simulator.cosem.compiler import compile_model
from simulator.errors import UserError
from simulator.fleet.capture import open_capture
from simulator.fleet.keyfile import read_keys
from simulator.fleet.listen import parse_listens
from simulator.fleet.push_options import parse_push
from simulator.fleet.runner import RunOptions
from simulator.fleet.spec import FleetSpec
from simulator.values import instant_of
from simulator.world.shapes import load_world

EPILOG = """Examples:

meterfleet spawn 10                                  ten single-phase meters at 127.1.0.1 to 127.1.0.10, port 4059

meterfleet spawn 100 --history 60d --load household  with sixty days of load profile in their memory

meterfleet spawn 1000 --speed 60 --start 2025-06-01T00:00:00+05:30

meterfleet spawn 20 --listen wrapper,address=127.0.0.1,ports=40000     one port per meter

meterfleet spawn 20 --listen hdlc,info=512,window=3 --listen udp       HDLC over TCP and the wrapper over UDP

meterfleet spawn 20 --listen hdlc,shared=1 --listen gateway            all behind one port each

meterfleet spawn 100 --link nb-iot                   slow answers, some of them lost

meterfleet spawn 20 --listen dial,address=127.0.0.1:4064               every meter calls the head-end

meterfleet spawn 4 --listen serial,pty=1,mode_e=1                      four meters on one pseudo-terminal

meterfleet spawn 10 --push 127.0.0.1:4070,udp                          with pushes to a head-end, over UDP

meterfleet spawn 10 --json                           addresses, passwords and the database as one line of JSON"""

ListenOption = Annotated[
    list[str] | None,
    typer.Option(help="wrapper, hdlc, udp, gateway, serial or dial, with key=value after commas; may be repeated."),
]
HistoryOption = Annotated[str | None, typer.Option(help="Fill the profiles for that long before the start, e.g. 60d.")]
LinkOption = Annotated[
    str | None, typer.Option(help="How the network behaves: a profile of profiles/links, or a path to one.")
]
StartOption = Annotated[
    str | None, typer.Option(help="Simulated start, with offset (default: now, following the real clock).")
]
SeedOption = Annotated[int, typer.Option(help="Decides every number of the fleet.", min=-(1 << 63), max=(1 << 63) - 1)]
BlockOption = Annotated[int | None, typer.Option(help="Block load interval: 15, 30 or 60 (default: the model's).")]
KeysOption = Annotated[
    Path | None, typer.Option(help="CSV of keys, secrets and system titles by serial (default: from the seed).")
]
CaptureOption = Annotated[
    Path | None, typer.Option(help="Keep what goes over the wire as a pcapng file, and keys in FILE.keys.")
]
PushOption = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="Where meters push by default (port 4061 if none is given, that of `meterfleet listen`); "
        "with udp, hdlc, confirmed, security=20 after commas.",
    ),
]
ScheduleOption = Annotated[
    str | None, typer.Option(help="Of instant pushes: FIFTEEN_MIN to TWENTY_FOUR_HOUR (default: the model's).")
]


def spawn(
    count: Annotated[int, typer.Argument(metavar="N", help="How many meters.", min=1)],
    model: Annotated[str, typer.Option(help="A model of profiles/meters, or a path to one.")] = "is15959-1ph",
    load: Annotated[str, typer.Option(help="household, shop, workshop, streetlight, solar or mixed.")] = "mixed",
    listen: ListenOption = None,
    history: HistoryOption = None,
    link: LinkOption = None,
    speed: SpeedOption = None,
    start: StartOption = None,
    seed: SeedOption = 1,
    block_minutes: BlockOption = None,
    keys: KeysOption = None,
    capture: CaptureOption = None,
    push: PushOption = None,
    push_schedule: ScheduleOption = None,
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
        block_minutes=compiled.spec.block_minutes if block_minutes is None else block_minutes,
        history_ms=span_ms("--history", history),
        start_ms=_instant(start) if start else None,
        keys=key_file.digest if key_file else None,
    )
    spec.check(load_world(seed))  # before a server is started, a database made and the last fleet forgotten
    listens = parse_listens(listen or ["wrapper"], count)
    listens = [one.with_link(link) if link and not one.link else one for one in listens]
    pushes = parse_push(push, push_schedule)
    rate = 1.0 if speed is None else speed
    options = RunOptions(listens, rate, key_file, open_capture(capture) if capture else None, pushes)
    console = ready_console()
    console.print(f"meterfleet {__version__}  seed {seed}  {count} x {model}, load {load}", highlight=False)
    run_loop(serve_fleet(spec, options, place_to_spawn(database, home, spec.name), console, as_json=as_json))


def _instant(text: str) -> int:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"--start {text}: this is not a moment; write for example 2025-06-01T00:00:00+05:30") from None
    try:
        return instant_of(moment)
    except ValueError as error:
        raise UserError(f"--start {text}: {error}; write for example 2025-06-01T00:00:00+05:30") from None
