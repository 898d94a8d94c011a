# SPDX-License-Identifier: MIT
"""The gateway's prefix (Green Book 10.10): requests find their meter, answers carry the prefix back; hex against it."""

from __future__ import annotations

from typing import cast

import pytest
from dlms_bench import ENERGY, ENERGY_VALUE, METER, PUBLIC, Meter, aarq, answer, get

from simulator.dlms.gateway_link import GatewayLink, meter_of, server_of
from simulator.dlms.limits import Limits
from simulator.dlms.session import Session
from simulator.wire import gateway, wrapper
from simulator.wire.gateway import Prefix

NAMES = {b"9160000001": 0, b"2": 1}


class Bench:
    def __init__(self) -> None:
        self.meters = [Meter(), Meter()]
        link = GatewayLink(wrapper.Splitter(max_frame=65_535, max_pending=262_144), NAMES.get)
        self.session = Session(self._device, framing=link, limits=Limits(max_sent=65_000))

    def _device(self, number: int) -> Meter | None:
        return self.meters[meter_of(number)] if meter_of(number) >= 0 and server_of(number) == METER else None

    def send(self, apdu: str | bytes, prefix: str = "", server: int = METER) -> str:
        octets = bytes.fromhex(prefix) + (bytes.fromhex(apdu) if isinstance(apdu, str) else apdu)
        self.session.feed(wrapper.encode(PUBLIC, server, octets), 0)
        out = b""
        while (outcome := self.session.next()) is not None:
            if isinstance(outcome, bytes):
                out += outcome
            else:
                out += self.session.respond(outcome, answer(cast(Meter, self.session.device), outcome))
        if out:
            assert out[:6] == bytes.fromhex(f"0001{server:04x}{PUBLIC:04x}")
        return out[8:].hex()


SECOND = "e6070132"  # network 7, device "2"


def test_each_meter_has_its_own_association() -> None:
    bench = Bench()
    assert bench.send(aarq(), SECOND).startswith("e707013261")
    assert bench.send(get(ENERGY), SECOND) == "e7070132c401c100" + ENERGY_VALUE
    first = "e6000a" + b"9160000001".hex()
    assert bench.send(get(ENERGY), first) == "e7" + first[2:] + "d80101"
    assert [len(meter.asked) for meter in bench.meters] == [0, 1]


@pytest.mark.parametrize("prefix", ["", "e6070133", "e60700", "e6", "e607", "e60705"])
def test_nobody_is_silent(prefix: str) -> None:
    """The gateway itself, meters that are not there, and prefixes that are cut off."""
    assert Bench().send("", prefix) == ""
    if prefix in ("", "e6070133", "e60700"):
        assert Bench().send(aarq(), prefix) == ""
    assert Bench().send(aarq(), SECOND, server=METER + 1) == ""


def test_prefixes_both_ways() -> None:
    assert gateway.split(bytes.fromhex("e6070232 33c001".replace(" ", ""))) == (Prefix(7, b"23"), b"\xc0\x01")
    assert Prefix(7, b"23").encode(gateway.RESPONSE).hex() == "e707023233"
    assert gateway.split(bytes.fromhex("c001c1")) is None
