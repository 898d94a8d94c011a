# SPDX-License-Identifier: GPL-2.0-only
"""A witness stands before the right meter, whatever way a client comes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from live import ENERGY
from ways_bench import WayJudge

from simulator.testing.factory import fleets
from simulator.testing.fleet import LiveFleet
from simulator.testing.servers import Server

WAYS = ["wrapper", "udp", "hdlc", "wrapper,shared=1", "hdlc,shared=1", "gateway", "serial,pty=1"]
LAST = 1  # of two meters


@pytest.fixture(scope="module")
def fleet(meterfleet_server: Server) -> Iterator[LiveFleet]:
    with fleets(meterfleet_server) as meterfleet:
        yield meterfleet(count=2, listen=WAYS)


@pytest.mark.parametrize("way", range(len(WAYS)), ids=WAYS)
def test_journal_and_override(way: int, fleet: LiveFleet) -> None:
    meter = fleet.meters[LAST]
    before = len(fleet.journal())
    fleet.override(meter, f"{ENERGY}:2", 1000 + way)
    gateway = meter.serial if WAYS[way] == "gateway" else None
    with WayJudge(dict(meter.places[way]), meter.password, gateway=gateway) as judge:
        assert judge.get(3, ENERGY).value == 1000 + way
    told = [(entry.meter.number, entry.kind) for entry in fleet.journal()[before:]]
    assert told == [(LAST + 1, "login"), (LAST + 1, "get")]
