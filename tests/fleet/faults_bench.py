# SPDX-License-Identifier: GPL-2.0-only
"""Faults given to meters of a running fleet by order, and clients that meet them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from live import READER, Spawned

from simulator.fleet.control import order
from simulator.headend.failures import NoAnswer
from simulator.headend.reader import MeterReader
from simulator.headend.way import Transport, Way
from simulator.store.database import Store

Faults = dict[str, Any] | list[dict[str, Any]]
SHORT_S = 0.3  # for what never comes
HDLC, UDP = Way(hdlc=True), Way(transport=Transport.UDP)


def tell(fleet: Spawned, **values: Any) -> list[dict[str, Any]]:
    """The order `link`; what faults there are then."""

    async def ask() -> dict[str, Any]:
        store = await Store.open(fleet.dsn)
        try:
            return await order(store, "link", **values)
        finally:
            await store.close()

    return list(asyncio.run(ask())["faults"])


@contextmanager
def faulty(fleet: Spawned, meter: int, faults: Faults) -> Iterator[None]:
    """`meter` by its number from 1; well again afterwards."""
    tell(fleet, meters=str(meter), faults=faults)
    try:
        yield
    finally:
        tell(fleet, meters=str(meter), clear=True)


def place(fleet: Spawned, meter: int, framing: str, *, shared: bool = False) -> dict[str, Any]:
    """Where a meter of that number is reached; `shared`: behind a port of all meters."""
    entry = fleet.ready["meters"][meter - 1]
    others = [one["places"] for one in fleet.ready["meters"] if one is not entry]
    taken = {(found.get("host"), found.get("port")) for places in others for found in places}
    found: list[dict[str, Any]] = [
        one
        for one in entry["places"]
        if one["framing"] == framing and ((one.get("host"), one.get("port")) in taken) is shared
    ]
    return found[0]


def reader(fleet: Spawned, meter: int = 1, way: Way | None = None, *, timeout_s: float = 30.0) -> MeterReader:
    """The product's own reader, which is gurux, as meter reader."""
    framing = "wrapper" if way is None else "hdlc" if way.hdlc else "udp"
    where = place(fleet, meter, framing)
    password = fleet.meters[meter - 1].password.encode()
    how: dict[str, Any] = {} if way is None else {"way": way}
    return MeterReader(where["host"], where["port"], client=READER, password=password, timeout_s=timeout_s, **how)


@contextmanager
def in_vain(meter: MeterReader) -> Iterator[None]:
    """No answer comes to what is asked here; for those that come there is time enough."""
    link: Any = meter._session._link
    line = getattr(link, "_line", link)  # a way of datagrams has none
    line._socket.settimeout(SHORT_S)
    try:
        with pytest.raises(NoAnswer):
            yield
    finally:
        line._socket.settimeout(line.timeout_s)


TICK_S = 0.005  # timers of an event loop count whole milliseconds, from its last look at the clock; here are several


@contextmanager
def lasting(at_least_s: float) -> Iterator[None]:
    """What is held back takes that long; how much longer is for a busy machine to say."""
    begun = time.monotonic()
    yield
    took = time.monotonic() - begun
    assert took >= at_least_s - TICK_S, f"it took {took:.3f} s"


def at_once(ask: Callable[[], object], *, within_s: float = 0.4, attempts: int = 10) -> None:
    """What nothing holds back: of some attempts one is quick, which a busy machine does not prevent."""
    took = []
    for _ in range(attempts):
        begun = time.monotonic()
        ask()
        took.append(time.monotonic() - begun)
        if took[-1] < within_s:
            return
    raise AssertionError(f"no attempt was quick, they took {took} s")
