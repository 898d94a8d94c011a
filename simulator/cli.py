# SPDX-License-Identifier: MIT
"""The command `meterfleet`: gathers the commands, and turns errors into words and exit codes.

Exit codes: 0, 1 (it went wrong while running), 2 (a mistake in the user's options or files).
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections import UserDict
from importlib import import_module
from typing import Any, NamedTuple

import typer
from rich.console import Console
from typer.core import TyperGroup

from simulator import __version__
from simulator.commands.usage import in_our_words, is_usage, refuse_empty
from simulator.errors import MeterfleetError, UserError, told

_CUT = 128 + 13  # as the shell tells of a program that SIGPIPE has ended
_FULL = (errno.ENOSPC, errno.EDQUOT)
_MACHINE = (*_FULL, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)


class _Place(NamedTuple):
    """Where a command is, in `simulator.commands`: a function with its epilog, or an application, or a part of one."""

    module: str
    name: str
    epilog: str = ""


_PLACES = {
    "spawn": _Place("spawn", "spawn", "EPILOG"),
    "run": _Place("scenario", "run", "RUN_EPILOG"),
    "replay": _Place("scenario", "replayed", "REPLAY_EPILOG"),
    "inventory": _Place("inventory", "inventory", "EPILOG"),
    "read": _Place("speaking", "app"),
    "write": _Place("speaking", "app"),
    "act": _Place("speaking", "app"),
    "listen": _Place("listen", "listen", "EPILOG"),
    "headend": _Place("headend", "headend", "EPILOG"),
    "verify": _Place("verify", "verify", "EPILOG"),
    "demo": _Place("demo", "demo", "EPILOG"),
    "check": _Place("check", "check", "EPILOG"),
    "clock": _Place("clock", "clock", "EPILOG"),
    "link": _Place("link", "link", "EPILOG"),
    "power": _Place("power", "app"),
    "supply": _Place("power", "supply", "SUPPLY_EPILOG"),
    "replace": _Place("replace", "replace", "EPILOG"),
    "events": _Place("events", "app"),
    "alarms": _Place("alarms", "app"),
    "push": _Place("push", "app"),
    "db": _Place("db", "app"),
    "hes": _Place("hes", "app"),
    "profile": _Place("hes", "profile_app"),
    "obis": _Place("obis", "app"),
}


class _Lazy(UserDict[str, Any]):
    """Commands by their names. Each is imported when it is asked for: numpy, gurux and pydantic take their time."""

    def __getitem__(self, name: str) -> Any:
        place: _Place = self.data[name]
        module = import_module(f"simulator.commands.{place.module}")
        found = getattr(module, place.name)
        if isinstance(found, typer.Typer):
            group = typer.main.get_group(found)
            return refuse_empty(group.commands.get(name, group))
        one = typer.Typer(add_completion=False, rich_markup_mode="rich")
        one.command(name, epilog=getattr(module, place.epilog, None))(found)
        return refuse_empty(typer.main.get_command(one))


class _Commands(TyperGroup):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Lazy(_PLACES)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="A fleet of virtual DLMS/COSEM smart meters, backed by PostgreSQL.",
)


@app.callback(invoke_without_command=True)
def version(show: bool = typer.Option(False, "--version", help="Print the version and end.")) -> None:
    if show:
        print(f"meterfleet {__version__}")
        raise typer.Exit


def main() -> None:
    """Entry point of the command."""
    code: int | str | None
    _keep_streams()
    if not _takes_output():
        sys.exit(_tell(MeterfleetError("the output is closed; send it to /dev/null if nobody is to read it")))
    try:
        code = _run()
        sys.stdout.flush()
    except SystemExit as error:  # the parser ends so when the reader of a pipe has gone
        code = _CUT if _is_cut(error.__context__) else error.code
    except OSError as error:
        code = _CUT if _is_cut(error) else _tell(_of_the_machine(error))
    if code == _CUT:
        _forget_output()
    sys.exit(code)


def _keep_streams() -> None:
    """A closed one would lend its number to the next file or socket, which then got our words. No word ends a command
    because a terminal cannot show it."""
    for number in range(3):
        with contextlib.suppress(OSError):
            os.fstat(number)
            continue
        os.open(os.devnull, os.O_RDONLY if number == 1 else os.O_RDWR)  # takes the lowest number that is free
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _takes_output() -> bool:
    """Asked before anything is done; whether there is room is seen when it is written."""
    try:
        return sys.stdout is not None and os.write(sys.stdout.fileno(), b"") == 0
    except OSError as error:
        return error.errno != errno.EBADF


def _run() -> int:
    try:
        return int(app(prog_name="meterfleet", standalone_mode=False) or 0)
    except MeterfleetError as error:
        return _tell(error)
    except Exception as error:
        if not is_usage(error):
            raise
        return _tell(UserError(words)) if (words := in_our_words(error)) else 2


def _tell(error: MeterfleetError) -> int:
    """Its exit code."""
    Console(stderr=True).print(told(error), style="red", markup=False, emoji=False, highlight=False, soft_wrap=True)
    return 2 if isinstance(error, UserError) else 1


def _is_cut(error: BaseException | None) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EPIPE


def _of_the_machine(error: OSError) -> MeterfleetError:
    """A full disk, a folder in which nothing may be written: nobody's bug. Raises what is one."""
    if error.errno not in (_MACHINE if error.filename else _FULL):
        raise error
    _forget_output()
    what = f"{error.filename} cannot be used" if error.filename else "the output cannot be written"
    return MeterfleetError(f"{what}: {error.strerror}")


def _forget_output() -> None:
    """What is still to be written goes nowhere, without a word when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
