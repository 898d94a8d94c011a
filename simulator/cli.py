# SPDX-License-Identifier: MIT
"""The command `meterfleet`: gathers the commands, and turns errors into words and exit codes.

Exit codes: 0, 1 (it went wrong while running), 2 (a mistake in the user's options or files).
"""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from simulator import __version__
from simulator.commands import alarms, db, events, hes, obis, power, push
from simulator.commands.check import EPILOG as CHECK_EPILOG
from simulator.commands.check import check
from simulator.commands.clock import EPILOG as CLOCK_EPILOG
from simulator.commands.clock import clock
from simulator.commands.credentials import known_credentials
from simulator.commands.demo import demo
from simulator.commands.headend import EPILOG as HEADEND_EPILOG
from simulator.commands.headend import headend
from simulator.commands.inventory import EPILOG as INVENTORY_EPILOG
from simulator.commands.inventory import inventory
from simulator.commands.link import EPILOG as LINK_EPILOG
from simulator.commands.link import link
from simulator.commands.listen import EPILOG as LISTEN_EPILOG
from simulator.commands.listen import listen
from simulator.commands.replace import EPILOG as REPLACE_EPILOG
from simulator.commands.replace import replace
from simulator.commands.scenario import REPLAY_EPILOG, RUN_EPILOG, replayed, run
from simulator.commands.spawn import EPILOG as SPAWN_EPILOG
from simulator.commands.spawn import spawn
from simulator.commands.verify import EPILOG as VERIFY_EPILOG
from simulator.commands.verify import verify
from simulator.cosem.registry import obis_names
from simulator.errors import MeterfleetError, UserError
from simulator.headend import changing, commands

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="A fleet of virtual DLMS/COSEM smart meters, backed by PostgreSQL.",
)
app.command(epilog=SPAWN_EPILOG)(spawn)
app.command(epilog=RUN_EPILOG)(run)
app.command("replay", epilog=REPLAY_EPILOG)(replayed)
app.command(epilog=INVENTORY_EPILOG)(inventory)
commands.register(app, credentials=known_credentials, names=obis_names)
changing.register(app, credentials=known_credentials, names=obis_names)
app.command(epilog=LISTEN_EPILOG)(listen)
app.command(epilog=HEADEND_EPILOG)(headend)
app.command(epilog=VERIFY_EPILOG)(verify)
app.command()(demo)
app.command(epilog=CHECK_EPILOG)(check)
app.command(epilog=CLOCK_EPILOG)(clock)
app.command(epilog=LINK_EPILOG)(link)
app.add_typer(power.app, name="power")
app.command(epilog=power.SUPPLY_EPILOG)(power.supply)
app.command(epilog=REPLACE_EPILOG)(replace)
app.add_typer(events.app, name="events")
app.add_typer(alarms.app, name="alarms")
app.add_typer(push.app, name="push")
app.add_typer(db.app, name="db")
app.add_typer(hes.app, name="hes")
app.add_typer(hes.profile_app, name="profile")
app.add_typer(obis.app, name="obis")


@app.callback(invoke_without_command=True)
def version(show: bool = typer.Option(False, "--version", help="Print the version and end.")) -> None:
    if show:
        print(f"meterfleet {__version__}")
        raise typer.Exit


def main() -> None:
    """Entry point of the command."""
    try:
        app()
    except UserError as error:
        _say(error)
        sys.exit(2)
    except MeterfleetError as error:
        _say(error)
        sys.exit(1)


def _say(error: MeterfleetError) -> None:
    in_files = isinstance(error, UserError) and any(mistake.path for mistake in error.mistakes)
    text = f"{error}" if in_files else f"meterfleet: {error}"  # editors look for path:line where a line begins
    Console(stderr=True).print(text, style="red", markup=False, emoji=False, highlight=False, soft_wrap=True)
