# SPDX-License-Identifier: GPL-2.0-only
"""The commands `meterfleet write` and `meterfleet act`: one SET, one ACTION; exit codes as `meterfleet read`.

They import gurux only when they run. A mistake in a value is told before a meter is called.
"""

from __future__ import annotations

from typing import Annotated

import typer

from simulator.errors import UserError
from simulator.headend.options import Credentials
from simulator.headend.orders import parse_order
from simulator.headend.reach import Ended, Fleet, Names, Reach, with_reach

_WHERE = "The meter (not with --serial), "
_VALUES = """
[bold]Values[/bold] have their type before them, as in model files; collections are written in JSON.

visible-string:hello  octet-string:hex:0102  long-unsigned:900  enum:1  boolean:true  null-data

bit-string:10100000  bit-string[128]:[83, 86] [dim]# the bits that are set; 0 is the first[/dim]

"stamp:2025-06-01 00:00:00"  'array(structure(octet-string,long-unsigned)):[["hex:0a", 1]]'
"""

WRITE_EPILOG = f"""
[bold]Examples[/bold]

meterfleet write 127.1.0.7 0.0.96.13.1.255:2 "visible-string:Pay by Friday" --client mr

meterfleet write 127.1.0.7 1.0.0.8.0.255:2 long-unsigned:900 --client us [dim]# ciphered, keys as for read[/dim]

meterfleet write --serial /dev/ttyUSB0 clock:2 "stamp:2025-06-01 00:00:00" --client us
{_VALUES}"""

ACT_EPILOG = f"""
[bold]Examples[/bold]

meterfleet act 7 relay:1 --client us [dim]# open the load switch; method 2 closes it[/dim]

meterfleet act 127.1.0.7 0.0.10.0.1.255:1 long-unsigned:1 --client mr [dim]# end the billing period[/dim]

Without a parameter the method gets integer:0, as COSEM has it.
{_VALUES}"""


def register(
    app: typer.Typer,
    *,
    credentials: Credentials | None = None,
    names: Names | None = None,
    fleet: Fleet | None = None,
    ended: Ended | None = None,
) -> None:
    """Add `write` and `act` to an application; the arguments are those of `commands.register`."""

    def write(
        reach: Reach,
        words: Annotated[
            list[str],
            typer.Argument(
                metavar="METER|HOST:PORT OBIS:ATTRIBUTE TYPE:VALUE", help=f"{_WHERE}what to write, and the value."
            ),
        ],
    ) -> None:
        """Write an attribute of a meter (SET)."""
        call, rest = reach.call(words, fleet)
        if len(rest) != 2:
            raise UserError("say what to write and the value, for example 0.0.96.13.1.255:2 visible-string:hello")
        order = parse_order(*rest, kind="attribute")
        from simulator.headend.running import write as run  # gurux: only now

        run(call.checked(credentials), order, names() if names else {})

    def act(
        reach: Reach,
        words: Annotated[
            list[str],
            typer.Argument(
                metavar="METER|HOST:PORT OBIS:METHOD [TYPE:VALUE]", help=f"{_WHERE}the method, its parameter."
            ),
        ],
    ) -> None:
        """Call a method of a meter (ACTION)."""
        call, rest = reach.call(words, fleet)
        if len(rest) not in (1, 2):
            raise UserError("say which method, and its parameter if it has one, for example relay:1 integer:0")
        order = parse_order(rest[0], rest[1] if rest[1:] else None, kind="method")
        from simulator.headend.running import act as run  # gurux: only now

        run(call.checked(credentials), order, names() if names else {})

    app.command("write", epilog=WRITE_EPILOG)(with_reach(write, ended))
    app.command("act", epilog=ACT_EPILOG)(with_reach(act, ended))
