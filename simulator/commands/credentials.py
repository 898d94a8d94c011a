# SPDX-License-Identifier: MIT
"""How clients log in to the fleet that was started here last, for a reader that names a meter only by its place."""

from __future__ import annotations

import asyncio
from typing import Any

from simulator.commands.inventory import read_inventory
from simulator.commands.place import existing_place
from simulator.errors import UserError
from simulator.headend.options import Call, Known
from simulator.headend.way import Transport
from simulator.meter.identity import index_of


def known_credentials(call: Call) -> Known | None:
    """What the call's client needs, if the fleet has a meter there and knows that client."""
    try:
        entries = asyncio.run(read_inventory(existing_place(None, None, None)))
    except UserError:
        return None
    for entry in entries:
        if any(_reaches(call, place, entry["serial"]) for place in entry.get("places", [entry])):
            known: dict[str, str] = next((one for one in entry["clients"] if one["sap"] == call.preset.client), {})
            password = known.get("password") or known.get("secret")
            return Known(password, known.get("ek"), known.get("ak")) if password else None
    return None


def _reaches(call: Call, place: dict[str, Any], serial: str) -> bool:
    """Whether a call gets to this meter at this place; a lower address that it leaves out is the first one there."""
    way = call.way
    where = (place.get("device"), 0) if place["framing"] == "serial" else (place.get("host"), place.get("port"))
    names = ("",) if place["framing"] != "gateway" else ()
    return (
        place["framing"] == _framing(call)
        and where == (call.host, call.port)
        and place["server"] == call.server
        and way.physical in (None, place.get("physical"))
        and (way.gateway or way.device_address) in (*names, serial, str(index_of(serial) + 1))
    )


def _framing(call: Call) -> str:
    if call.way.transport is Transport.SERIAL:
        return "serial"
    if call.way.hdlc:
        return "hdlc"
    if call.way.gateway is not None:
        return "gateway"
    return "udp" if call.way.transport is Transport.UDP else "wrapper"
