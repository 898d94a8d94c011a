# SPDX-License-Identifier: MIT
"""Meters of the fleets of this machine, for readers that name one by its number or its place: where it is, and how
clients log in."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simulator.commands.inventory import read_inventory
from simulator.commands.place import Place, ended, existing_place
from simulator.errors import MeterfleetError, UserError
from simulator.headend.keyring import login_for
from simulator.headend.options import Call, Known
from simulator.store.embedded import EmbeddedPostgres


def fleet_meters(home: Path | None, name: str | None) -> list[dict[str, Any]]:
    """Of the fleet of that name, or of the last one that was started there; UserError if there is none."""
    return asyncio.run(read_inventory(_place(home, name)))


def fleet_ended(home: Path | None, name: str | None) -> str:
    """If that fleet, or the last one that was started there, does not run: that, and which do."""
    try:
        return ended(_place(home, name))
    except MeterfleetError:
        return ""


def known_credentials(call: Call) -> Known | None:
    """What the call's client needs, if a fleet has a meter there and knows that client: the last one that was started,
    else one of those that run. UserError if there is a meter, and no such client of it."""
    unknown: UserError | None = None
    for place in _places():
        try:
            entries = asyncio.run(read_inventory(place))
        except UserError:
            continue
        try:
            known = login_for(entries, call)
        except UserError as error:
            unknown = unknown or error
            continue
        if known is not None:
            return known
    if unknown:
        raise unknown
    return None


def _places() -> Iterator[Place]:
    try:
        last = _place(None, None)
    except UserError:
        return
    yield last
    if last.revive is not None:
        for name in EmbeddedPostgres(last.home).served():
            if name != last.name:
                yield existing_place(None, last.home, name)


def _place(home: Path | None, name: str | None) -> Place:
    return existing_place(None if home or name else os.environ.get("METERFLEET_DATABASE"), home, name)
