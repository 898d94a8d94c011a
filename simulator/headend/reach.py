# SPDX-License-Identifier: GPL-2.0-only
"""The options that say how a meter is reached, declared once for every command that talks to one.

It opens nothing and imports no gurux, so that commands start fast; it never shows a password.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from rich.console import Console

from simulator.errors import MeterfleetError, UserError, told
from simulator.headend.failures import NoAnswer, NotReachable
from simulator.headend.keyring import Entry, is_called, login_for, named, read_meters
from simulator.headend.options import DEFAULT_PORT, Call, parse_address, parse_client
from simulator.headend.way import Transport, Way

Names = Callable[[], Mapping[str, str]]
Fleet = Callable[[Path | None, str | None], Sequence[Entry]]
"""The meters of a fleet on this machine, by the folder of its server and its name; None: the usual one, and the last
one that was started there."""
Ended = Callable[[Path | None, str | None], str]
"""If that fleet does not run: that, and which do; else nothing."""


def _number(value: float) -> float:
    if math.isnan(value):  # it is neither below the least nor above the most
        raise typer.BadParameter("nan is not a number of seconds")
    return value


TimeoutOption = Annotated[
    float, typer.Option(min=0.1, max=3600, callback=_number, help="Seconds to wait for an answer.")
]


@dataclass(frozen=True, slots=True)
class Reach:
    """Each field is an option of the command line."""

    client: Annotated[str, typer.Option(help="public, mr, us, push, fu, ihd or a number.")] = "public"
    password: Annotated[
        str | None,
        typer.Option(envvar="METERFLEET_PASSWORD", show_default=False, help="Of a client that has one; HLS in hex."),
    ] = field(default=None, repr=False)
    ek: Annotated[
        str | None, typer.Option(envvar="METERFLEET_EK", show_default=False, help="Encryption key, hexadecimal.")
    ] = field(default=None, repr=False)
    ak: Annotated[
        str | None, typer.Option(envvar="METERFLEET_AK", show_default=False, help="Authentication key, hexadecimal.")
    ] = field(default=None, repr=False)
    keys: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="`meterfleet inventory` as CSV or JSON (-: from a pipe), of a fleet that is on another machine.",
        ),
    ] = None
    fleet: Annotated[
        str | None, typer.Option(help="Name of the fleet on this machine (default: the last one started).")
    ] = None
    home: Annotated[
        Path | None, typer.Option(help="Folder of the embedded server with that fleet (default: METERFLEET_HOME).")
    ] = None
    pdu: Annotated[int, typer.Option(min=64, max=65535, help="The largest APDU to receive, octets.")] = 65535
    server: Annotated[int, typer.Option(min=1, max=65535, help="Logical device behind the address.")] = 1
    hdlc: Annotated[bool, typer.Option("--hdlc", help="HDLC frames over TCP; port 4062 if none is given.")] = False
    udp: Annotated[bool, typer.Option("--udp", help="The wrapper over UDP.")] = False
    serial: Annotated[str | None, typer.Option(metavar="DEVICE", help="HDLC on a serial line, without HOST:PORT.")] = (
        None
    )
    physical: Annotated[int | None, typer.Option(min=1, max=0x3FFD, help="HDLC: address of the device.")] = None
    address_octets: Annotated[
        int, typer.Option(help="HDLC: octets of the address, 1, 2 or 4; 0: as few as it takes.")
    ] = 0
    info: Annotated[int, typer.Option(min=32, max=2030, help="HDLC: the largest information field.")] = 128
    gateway: Annotated[
        str | None, typer.Option(metavar="METER", help="The meter behind a gateway; port 4063 if none is given.")
    ] = None
    mode_e: Annotated[bool, typer.Option("--mode-e", help="Sign on as IEC 62056-21 says, at 300 baud.")] = False
    device_address: Annotated[str, typer.Option(help="In the sign-on, where several meters are on the line.")] = ""
    baud: Annotated[int, typer.Option(min=300, help="Speed of the serial line, without a sign-on.")] = 9600
    timeout: TimeoutOption = 10.0

    @property
    def names_fleet(self) -> bool:
        return self.fleet is not None or self.home is not None

    def call(self, words: list[str], fleet: Fleet | None = None) -> tuple[Call, list[str]]:
        """Whom to call, and the words that are left; on a serial line the first word is no address."""
        way = Way(
            self._transport(), self.hdlc or self.serial is not None, self.physical, self.address_octets, self.info,
            self.gateway, self.mode_e, self.device_address, self.baud,
        ).checked()  # fmt: skip
        meters = self._meters(words, fleet)
        if words and (found := named(meters, words[0], way)):
            host, port, server, way = found
            rest = words[1:]
        else:
            ((host, port), rest), server = self._place(words, way), self.server
        call = Call(
            host, port, parse_client(self.client), server, self.password, self.timeout, self.pdu,
            ek=self.ek, ak=self.ak, way=way,
        )  # fmt: skip
        return self._with_keys(call, meters), rest

    def _meters(self, words: list[str], fleet: Fleet | None) -> Sequence[Entry]:
        """Those of the file, or of the fleet if it is named, or one of its meters is: by number or serial number."""
        if self.keys is not None:
            if self.names_fleet:
                raise UserError("give --keys, or --fleet and --home, not both")
            return read_meters(self.keys)
        is_named = self.serial is None and bool(words) and words[0].isdecimal()
        if fleet is None or not (is_named or self.names_fleet):
            return []
        meters = fleet(self.home, self.fleet)
        if is_named and not any(is_called(entry, words[0]) for entry in meters):
            hint = f"write a number from 1 to {len(meters)}, a serial number, or HOST:PORT"
            raise UserError(f"the fleet has no meter {words[0]}; {hint}")
        return meters

    def _with_keys(self, call: Call, meters: Sequence[Entry]) -> Call:
        if not meters or self.password is not None or not call.preset.mechanism:
            return call
        known = login_for(meters, call)
        if known is None and self.keys is None:
            return call
        if known is None:
            hint = "write a serial number or a place that is listed there"
            raise UserError(f"--keys {self.keys}: no client {call.preset.client} of {call.host}; {hint}")
        given = (call.ek, known.ek), (call.ak, known.ak)
        ek, ak = (known if own is None else own for own, known in given)  # what is given wins
        return replace(call, password=known.password, ek=ek, ak=ak)

    def _transport(self) -> Transport:
        if self.serial is not None and self.udp:
            raise UserError("give --serial DEVICE or --udp, not both")
        return Transport.SERIAL if self.serial is not None else Transport.UDP if self.udp else Transport.TCP

    def _place(self, words: list[str], way: Way) -> tuple[tuple[str, int], list[str]]:
        if self.serial is not None:
            return (self.serial, 0), words
        if not words:
            raise UserError("say which meter: its number or serial number, HOST:PORT, or --serial DEVICE")
        return parse_address(words[0], default_port=_default_port(way)), words[1:]


def _default_port(way: Way) -> int:
    return 4062 if way.hdlc else 4063 if way.gateway is not None else DEFAULT_PORT


def with_reach(command: Callable[..., None], ended: Ended | None = None) -> Callable[..., None]:
    """The command as typer is to see it: its parameter `reach` replaced by the options of Reach."""

    def called(**given: Any) -> None:
        reach = Reach(**{option.name: given.pop(option.name) for option in fields(Reach)})
        meter = given.get("address") or (given.get("words") or [""])[0]
        is_ours = reach.keys is None and (reach.names_fleet or meter.isdecimal() or meter.startswith("127."))
        with _exit_codes(lambda: ended(reach.home, reach.fleet) if ended and is_ours else ""):
            command(reach=reach, **given)

    own = [one for one in inspect.signature(command, eval_str=True).parameters.values() if one.name != "reach"]
    hints = get_type_hints(Reach, include_extras=True)
    shared = [
        inspect.Parameter(
            option.name, inspect.Parameter.KEYWORD_ONLY, default=option.default, annotation=hints[option.name]
        )
        for option in fields(Reach)
    ]
    parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own] + shared
    called.__doc__ = command.__doc__
    called.__annotations__ = {one.name: one.annotation for one in parameters}
    vars(called)["__signature__"] = inspect.Signature(parameters)
    return called


@contextmanager
def _exit_codes(ended: Callable[[], str]) -> Iterator[None]:
    try:
        yield
    except MeterfleetError as error:
        hint = ended() if isinstance(error, NotReachable | NoAnswer) else ""
        text = f"{told(error)}\n  {hint}" if hint else told(error)
        Console(stderr=True, soft_wrap=True).print(text, style="red", markup=False, emoji=False, highlight=False)
        raise typer.Exit(2 if isinstance(error, UserError) else 1) from error
