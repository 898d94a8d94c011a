# SPDX-License-Identifier: MIT
"""`meterfleet listen`: options in, pushes out; where keys and the names of what is pushed come from.

gurux is imported only when it runs.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from simulator.commands.options import span_ms
from simulator.commands.place import DatabaseOption, FleetOption, HomeOption, Place, existing_place
from simulator.cosem.compiler import compile_model
from simulator.cosem.registry import obis_names
from simulator.errors import UserError
from simulator.fleet.push_options import LISTEN_PORT
from simulator.headend.keybook import KeyPair
from simulator.headend.options import parse_address
from simulator.values import MS_PER_SECOND

if TYPE_CHECKING:
    from simulator.headend.listening import Known, Plan

EPILOG = f"""Examples:

meterfleet listen                                  on 127.0.0.1:{LISTEN_PORT}, with the keys of the fleet started last

meterfleet listen 0.0.0.0:4061 --store pushes.jsonl

meterfleet listen --json --count 10 --for 1m       ten pushes as JSON, exit code 1 if they do not come in time

meterfleet listen --keys meters.csv                keys as `meterfleet inventory --csv` lists them

meterfleet listen --fail 3                         the first three pushes are not confirmed: watch meters repeat"""


def listen(
    address: Annotated[
        str, typer.Argument(metavar="HOST:PORT", help="Where meters push to, TCP and UDP.")
    ] = f"127.0.0.1:{LISTEN_PORT}",
    keys: Annotated[
        Path | None, typer.Option(help="Keys by system title: `inventory` as CSV or JSON, or a key file.")
    ] = None,
    ek: Annotated[
        str | None, typer.Option(envvar="METERFLEET_EK", show_default=False, help="Encryption key of all, hexadecimal.")
    ] = None,
    ak: Annotated[
        str | None, typer.Option(envvar="METERFLEET_AK", show_default=False, help="Authentication key of all.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model whose push setups name what is pushed.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    lines: Annotated[bool, typer.Option("--lines", help="One line a push, without its values.")] = False,
    store: Annotated[Path | None, typer.Option(help="Append all pushes to a file, one JSON object a line.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many pushes.")] = None,
    for_: Annotated[str | None, typer.Option("--for", help="End after so long, e.g. 30s or 2h.")] = None,
    confirm: Annotated[bool, typer.Option("--confirm/--no-confirm", help="Answer confirmed pushes.")] = True,
    fail: Annotated[
        str | None, typer.Option(help="Do not confirm the first N, or a share (0.25, 25%), and reset their connection.")
    ] = None,
    delay: Annotated[str | None, typer.Option(help="Confirm so much later, e.g. 2s.")] = None,
    title: Annotated[str | None, typer.Option(help="The head-end's system title, hexadecimal.")] = None,
    gurux_ciphering: Annotated[
        bool, typer.Option("--gurux-ciphering", help="Let gurux decipher too: slow, and independent of this program.")
    ] = False,
    database: DatabaseOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
) -> None:
    """Receive what meters push: decipher, decode, show, store, confirm."""
    from simulator.headend.confirming import Trouble, parse_failures  # gurux: only now
    from simulator.headend.listening import Plan

    if model is not None:
        compile_model(model)  # its mistakes are told now, not at the first push
    host, port = parse_address(address, default_port=LISTEN_PORT)
    first, share = parse_failures(fail)
    trouble = Trouble(confirm, first, share, _seconds("--delay", delay) or 0.0)
    plan = Plan(
        host, port, count, _seconds("--for", for_), as_json, lines, store, trouble, _title(title), gurux_ciphering
    )
    everyone = _everyone(ek, ak)
    place = _place(database, home, fleet, needed=keys is None and not everyone)
    _run(_listen(plan, _Sources(keys, everyone, model, place, is_named=bool(database or home or fleet))))


class _Sources:
    """What the user has named as knowing the meters."""

    def __init__(
        self,
        keys: Path | None,
        everyone: tuple[KeyPair, ...],
        model: str | None,
        place: Place | None,
        *,
        is_named: bool = True,
    ) -> None:
        self.keys, self.everyone, self.model, self.place = keys, everyone, model, place
        self._is_named = is_named

    async def known(self) -> Known:
        from simulator.commands import pushers
        from simulator.commands.pushed import labels
        from simulator.headend.keybook import KeyBook
        from simulator.headend.listening import Known

        owners = pushers.owners_in_file(self.keys) if self.keys else {}
        if self.place is None:
            return Known(KeyBook(owners, self.everyone), labels(lambda _serial: self.model, {}))
        found = await pushers.read_fleet(self.place)
        book = KeyBook({**found.owners, **owners}, self.everyone)
        return Known(book, labels(lambda serial: self.model or found.model_of(serial), found.objects))

    async def known_now(self) -> Known:
        """Another fleet may have become the last one."""
        if not self._is_named:
            self.place = await asyncio.to_thread(existing_place, None, None, None)
        return await self.known()


async def _listen(plan: Plan, sources: _Sources) -> None:
    from simulator.headend.listening import listen as run

    await run(plan, await sources.known(), obis_names(), refresh=sources.known_now if sources.place else None)


def _place(database: str | None, home: Path | None, fleet: str | None, *, needed: bool) -> Place | None:
    """The fleet that is named; without other keys the last one, if there is one."""
    if database or fleet or home:
        return existing_place(database, home, fleet)
    if not needed:
        return None
    try:
        return existing_place(None, None, None)
    except UserError as error:
        hint = "ciphered pushes cannot be read without --keys, or --ek and --ak"
        Console(stderr=True).print(f"{error}; {hint}", style="yellow", markup=False, highlight=False, soft_wrap=True)
        return None


def _everyone(ek: str | None, ak: str | None) -> tuple[KeyPair, ...]:
    if ek is None:
        if ak is not None:
            raise UserError("--ak alone deciphers nothing; give --ek too")
        return ()
    return (KeyPair(_hex("--ek", ek), _hex("--ak", ak or "")),)


def _title(text: str | None) -> bytes | None:
    octets = _hex("--title", text) if text is not None else None
    if octets is not None and len(octets) != 8:
        raise UserError("--title: a system title has eight octets, 16 hexadecimal digits")
    return octets


def _hex(option: str, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise UserError(f"{option}: octets in hexadecimal were expected") from None


def _seconds(option: str, text: str | None) -> float | None:
    return span_ms(option, text) / MS_PER_SECOND if text is not None else None


def _run(main: Coroutine[Any, Any, None]) -> None:
    if sys.platform == "win32":
        asyncio.run(main)
        return
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
