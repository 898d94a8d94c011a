# SPDX-License-Identifier: GPL-2.0-only
"""The command `meterfleet read`: options in, tables or JSON out, exit code 0, 1 (not reachable, refused), 2 (mistake).

It imports gurux only when it runs, so that other commands start fast, and never shows a password.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from simulator.headend.options import Call, Credentials, parse_rows, parse_wish
from simulator.headend.reach import Ended, Fleet, Names, Reach, with_reach

READ_EPILOG = """
[bold]Examples[/bold]

meterfleet read 7 [dim]# meter 7 of the fleet started last: identity, clock, registers[/dim]

meterfleet read 9160000007 block --client mr [dim]# by serial number[/dim]

meterfleet read 127.0.0.1:4059 [dim]# by its place[/dim]

meterfleet read 127.0.0.1:4059 clock 1.0.1.8.0.255:3 [dim]# by name, by code[/dim]

meterfleet read 127.0.0.1:4059 block --client mr --from 2025-06-01

meterfleet read 127.0.0.1:4059 daily --client mr --entries 1-10 --json

meterfleet read 127.0.0.1:4059 clock --client us [dim]# ciphered, keys from the fleet or --ek, --ak[/dim]

meterfleet read 9160000007 --client us --keys meters.csv [dim]# the inventory, on another machine[/dim]

meterfleet read 127.0.0.1:4059 --client mr --all [dim]# all that it may read[/dim]

meterfleet read 127.0.0.1:4062 --hdlc --physical 17 [dim]# by HDLC, the device 17 behind the port[/dim]

meterfleet read --serial /dev/ttyUSB0 --mode-e clock [dim]# on a serial line[/dim]
"""


def register(
    app: typer.Typer,
    *,
    credentials: Credentials | None = None,
    names: Names | None = None,
    fleet: Fleet | None = None,
    ended: Ended | None = None,
) -> None:
    """Add `read` to an application.

    `credentials` is asked for a password that the user did not give; `names` gives objects' names by OBIS code, and
    is called when they are needed; `fleet` gives the meters of a fleet, for users who name a meter and not its place;
    `ended` says so if a meter cannot be reached because its fleet does not run.
    """

    def read(
        reach: Reach,
        address: Annotated[
            str | None,
            typer.Argument(
                metavar="METER|HOST:PORT", help="Number or serial number in the fleet, or a place; port 4059."
            ),
        ] = None,
        what: Annotated[
            list[str] | None,
            typer.Argument(metavar="[WHAT]...", help="OBIS codes, with :attribute if wanted, or names such as block."),
        ] = None,
        from_: Annotated[
            str | None, typer.Option("--from", help="Profile rows from this date or time, meter-local.")
        ] = None,
        to: Annotated[str | None, typer.Option(help="Profile rows up to this date or time, which is included.")] = None,
        entries: Annotated[str | None, typer.Option(help="Profile rows by number, 1-10; 1 is the oldest.")] = None,
        columns: Annotated[str | None, typer.Option(help="Profile columns: OBIS codes, separated by commas.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of tables.")] = False,
        everything: Annotated[bool, typer.Option("--all", help="Every readable attribute of every object.")] = False,
    ) -> None:
        """Read a meter: registers, clock, profiles, or all that it shows."""
        call, words = reach.call([*([address] if address is not None else []), *(what or ())], fleet)
        wishes = tuple(parse_wish(text) for text in words)
        call = replace(call, wishes=wishes, rows=parse_rows(from_, to, entries, columns), everything=everything)
        _run(call.checked(credentials), names, as_json=as_json)

    app.command("read", epilog=READ_EPILOG)(with_reach(read, ended))


def _run(call: Call, names: Names | None, *, as_json: bool) -> None:
    from simulator.headend.running import run  # gurux: only now

    run(call, names() if names else {}, as_json=as_json)
