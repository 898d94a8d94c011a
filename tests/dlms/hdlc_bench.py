# SPDX-License-Identifier: MIT
"""The bench of the HDLC link: commands in, the frames of its answers out, time as an argument; a small meter behind."""

from __future__ import annotations

from typing import NamedTuple, cast

from dlms_bench import METER, PUBLIC, Meter, answer

from simulator.dlms.hdlc_link import DEFAULT_SETTINGS, HdlcLink, HdlcSettings, server_number
from simulator.dlms.limits import Limits
from simulator.dlms.session import Session
from simulator.wire import hdlc, hdlc_parameters
from simulator.wire.hdlc import Address, Control, Frame
from simulator.wire.hdlc_parameters import Parameters

PHYSICAL = 17
ONE, FOUR = Address(METER), Address(METER, PHYSICAL, 4)
SNRM, DISC, RR, AARQ = 0x93, 0x53, 0x11, 0x10
UA, DM, FRMR = 0x73, 0x1F, 0x97


class Told(NamedTuple):
    """A response: its control field, information field, and whether more segments follow."""

    control: int
    information: bytes = b""
    segmented: bool = False

    @property
    def number(self) -> int:
        return self.control >> 1 & 0x07


class Line:
    """One line with a meter at server 1, physical device 17; more meters where `others` says."""

    def __init__(self, settings: HdlcSettings = DEFAULT_SETTINGS, *others: int, **changes: int) -> None:
        self.meter = Meter(**changes)
        homes = {METER: self.meter, server_number(METER, PHYSICAL): self.meter}
        homes.update({server_number(METER, physical): Meter(**changes) for physical in others})
        self.homes = homes
        self.link = HdlcLink(lambda number: number in homes, settings)
        self.session = Session(homes.get, framing=self.link, limits=Limits(idle_ms=10**12))
        self.now_ms = 0

    def feed(self, octets: bytes | str) -> list[Told]:
        """Every frame that answers, whoever sent it."""
        self.session.feed(bytes.fromhex(octets) if isinstance(octets, str) else octets, self.now_ms)
        stream = b""
        while (outcome := self.session.next()) is not None:
            if isinstance(outcome, bytes):
                stream += outcome
            else:
                stream += self.session.respond(outcome, answer(cast(Meter, self.session.device), outcome))
        return responses(stream)

    def send(
        self,
        control: int,
        information: bytes | str = b"",
        *,
        server: Address = ONE,
        client: int = PUBLIC,
        segmented: bool = False,
    ) -> list[Told]:
        octets = bytes.fromhex(information) if isinstance(information, str) else information
        return self.feed(hdlc.encode_command(Frame(server, client, control, octets, segmented)))

    def one(self, control: int, information: bytes | str = b"", **how: object) -> Told:
        told = self.send(control, information, **how)  # type: ignore[arg-type]
        assert len(told) == 1
        return told[0]

    def connect(self, proposed: Parameters | None = None, **how: object) -> Parameters:
        """SNRM, and what the UA says was agreed."""
        told = self.one(SNRM, hdlc_parameters.encode(proposed) if proposed else b"", **how)
        assert told.control == UA
        agreed = hdlc_parameters.decode(told.information)
        assert agreed is not None
        return agreed


def responses(stream: bytes) -> list[Told]:
    """Responses, read as commands: source and destination the other way round."""
    told = []
    while stream:
        length = (stream[1] << 8 | stream[2]) & 0x07FF
        octets, stream = stream[1 : length + 1], stream[length + 2 :]
        assert octets[-2:] == hdlc.fcs(octets[:-2])
        client_end = 3
        server_end = next(at for at in range(client_end, len(octets)) if octets[at] & 1) + 1
        information = octets[server_end + 1 : -2]
        told.append(Told(octets[server_end], information[2:], bool(octets[0] & 0x08)))
    return told


def lpdu(apdu: str | bytes) -> bytes:
    return b"\xe6\xe6\x00" + (bytes.fromhex(apdu) if isinstance(apdu, str) else apdu)


def information(send: int, receive: int, *, poll: bool = True) -> int:
    return receive << 5 | (hdlc.POLL_FINAL if poll else 0) | send << 1


def ready(receive: int, *, poll: bool = True) -> int:
    return Control.RR | receive << 5 | (hdlc.POLL_FINAL if poll else 0)
