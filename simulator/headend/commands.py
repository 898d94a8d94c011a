# SPDX-License-Identifier: GPL-2.0-only
"""The command `meterfleet read`: options in, tables or JSON out, exit code 0, 1 (not reachable, refused), 2 (mistake).

It imports gurux only when it runs, so that other commands start fast, and never shows a password.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from simulator.errors import MeterfleetError, UserError
from simulator.headend.options import (
    DEFAULT_PORT,
    Call,
    Credentials,
    parse_address,
    parse_client,
    parse_rows,
    parse_wish,
)
from simulator.headend.way import Transport, Way

Names = Callable[[], Mapping[str, str]]

HdlcOption = Annotated[bool, typer.Option("--hdlc", help="HDLC frames over TCP; port 4062 if none is given.")]
UdpOption = Annotated[bool, typer.Option("--udp", help="The wrapper over UDP.")]
SerialOption = Annotated[str | None, typer.Option(metavar="DEVICE", help="HDLC on a serial line, without HOST:PORT.")]
PhysicalOption = Annotated[int | None, typer.Option(min=1, max=0x3FFD, help="HDLC: address of the device.")]
OctetsOption = Annotated[int, typer.Option(help="HDLC: octets of the address, 1, 2 or 4; 0: as few as it takes.")]
InfoOption = Annotated[int, typer.Option(min=32, max=2030, help="HDLC: the largest information field.")]
GatewayOption = Annotated[
    str | None, typer.Option(metavar="METER", help="The meter behind a gateway; port 4063 if none is given.")
]
ModeEOption = Annotated[bool, typer.Option("--mode-e", help="Sign on as IEC 62056-21 says, at 300 baud.")]
DeviceAddressOption = Annotated[str, typer.Option(help="In the sign-on, where several meters are on the line.")]
BaudOption = Annotated[int, typer.Option(help="Speed of the serial line, without a sign-on.")]

READ_EPILOG = """
[bold]Examples[/bold]

meterfleet read 127.0.0.1:4059 [dim]identity, clock, registers[/dim]

meterfleet read 127.0.0.1:4059 clock 1.0.1.8.0.255:3 [dim]by name, by code[/dim]

meterfleet read 127.0.0.1:4059 block --client mr --from 2025-06-01

meterfleet read 127.0.0.1:4059 daily --client mr --entries 1-10 --json

meterfleet read 127.0.0.1:4059 clock --client us [dim]ciphered, keys from the fleet or --ek, --ak[/dim]

meterfleet read 127.0.0.1:4059 --client mr --all [dim]all that it may read[/dim]

meterfleet read 127.0.0.1:4062 --hdlc --physical 17 [dim]by HDLC, the device 17 behind the port[/dim]

meterfleet read --serial /dev/ttyUSB0 --mode-e clock [dim]on a serial line[/dim]
"""


def register(app: typer.Typer, *, credentials: Credentials | None = None, names: Names | None = None) -> None:
    """Add `read` to an application.

    `credentials` is asked for a password that the user did not give; `names` gives objects' names by OBIS code, and
    is called when they are needed.
    """

    def read(
        address: Annotated[
            str | None, typer.Argument(metavar="HOST:PORT", help="The meter; port 4059 if none is given.")
        ] = None,
        what: Annotated[
            list[str] | None,
            typer.Argument(metavar="[WHAT]...", help="OBIS codes, with :attribute if wanted, or names such as block."),
        ] = None,
        client: Annotated[str, typer.Option(help="public, mr, us, push, fu or a number.")] = "public",
        password: Annotated[
            str | None,
            typer.Option(
                envvar="METERFLEET_PASSWORD", show_default=False, help="Of a client that has one; HLS in hex."
            ),
        ] = None,
        ek: Annotated[
            str | None, typer.Option(envvar="METERFLEET_EK", show_default=False, help="Encryption key, hexadecimal.")
        ] = None,
        ak: Annotated[
            str | None,
            typer.Option(envvar="METERFLEET_AK", show_default=False, help="Authentication key, hexadecimal."),
        ] = None,
        from_: Annotated[
            str | None, typer.Option("--from", help="Profile rows from this date or time, meter-local.")
        ] = None,
        to: Annotated[str | None, typer.Option(help="Profile rows up to this date or time, which is included.")] = None,
        entries: Annotated[str | None, typer.Option(help="Profile rows by number, 1-10; 1 is the oldest.")] = None,
        columns: Annotated[str | None, typer.Option(help="Profile columns: OBIS codes, separated by commas.")] = None,
        pdu: Annotated[int, typer.Option(min=64, max=65535, help="The largest APDU to receive, octets.")] = 65535,
        server: Annotated[int, typer.Option(min=1, max=65535, help="Logical device behind the address.")] = 1,
        hdlc: HdlcOption = False,
        udp: UdpOption = False,
        serial: SerialOption = None,
        physical: PhysicalOption = None,
        address_octets: OctetsOption = 0,
        info: InfoOption = 128,
        gateway: GatewayOption = None,
        mode_e: ModeEOption = False,
        device_address: DeviceAddressOption = "",
        baud: BaudOption = 9600,
        timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for an answer.")] = 10.0,
        as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of tables.")] = False,
        everything: Annotated[bool, typer.Option("--all", help="Every readable attribute of every object.")] = False,
    ) -> None:
        """Read a meter: registers, clock, profiles, or all that it shows."""
        with _exit_codes():
            way = Way(
                _transport(serial, udp=udp), hdlc or serial is not None, physical, address_octets, info, gateway,
                mode_e, device_address, baud,
            ).checked()  # fmt: skip
            (host, port), words = _place(address, list(what or ()), way, serial)
            call = Call(
                host, port, parse_client(client), server, password, timeout, pdu, way=way,
                wishes=tuple(parse_wish(text) for text in words),
                rows=parse_rows(from_, to, entries, columns),
                everything=everything, ek=ek, ak=ak,
            )  # fmt: skip
            _run(call.checked(credentials), names, as_json=as_json)

    app.command("read", epilog=READ_EPILOG)(read)


def _transport(serial: str | None, *, udp: bool) -> Transport:
    if serial is not None and udp:
        raise UserError("give --serial DEVICE or --udp, not both")
    return Transport.SERIAL if serial is not None else Transport.UDP if udp else Transport.TCP


def _place(address: str | None, words: list[str], way: Way, serial: str | None) -> tuple[tuple[str, int], list[str]]:
    """Where the meter is, and what to read; on a serial line the first word is already one of these."""
    if serial is not None:
        return (serial, 0), [address, *words] if address is not None else words
    if address is None:
        raise UserError("say which meter: HOST:PORT, or --serial DEVICE")
    return parse_address(address, default_port=_default_port(way)), words


def _default_port(way: Way) -> int:
    return 4062 if way.hdlc else 4063 if way.gateway is not None else DEFAULT_PORT


def _run(call: Call, names: Names | None, *, as_json: bool) -> None:
    from simulator.headend.running import run  # gurux: only now

    run(call, names() if names else {}, as_json=as_json)


@contextmanager
def _exit_codes() -> Iterator[None]:
    try:
        yield
    except MeterfleetError as error:
        Console(stderr=True, soft_wrap=True).print(f"[bold red]error:[/bold red] {escape(str(error))}", highlight=False)
        raise typer.Exit(2 if isinstance(error, UserError) else 1) from error
