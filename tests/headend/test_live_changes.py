# SPDX-License-Identifier: GPL-2.0-only
"""`meterfleet write` and `meterfleet act` on a running fleet; what they changed is read back by another process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from live import MESSAGE, Spawned, run, spawned

from simulator.store.embedded import EmbeddedPostgres

RELAY, PERIOD = "0.0.96.3.10.255", "1.0.0.8.0.255"
AT = "2025-06-10T10:00:00+05:30"


@pytest.fixture(scope="module")
def fleet(postgres: EmbeddedPostgres) -> Iterator[Spawned]:
    with spawned(postgres.home, 1, "--start", AT, "--speed", 0, "--seed", 72) as fleet:
        yield fleet


@pytest.fixture
def meterfleet(fleet: Spawned, postgres: EmbeddedPostgres) -> Any:
    """`meterfleet COMMAND` on the meter: exit code, stdout, stderr; passwords and keys are found in the fleet."""
    meter = fleet.meters[0]

    def call(command: str, *words: str) -> tuple[int, str, str]:
        done = run(command, f"{meter.host}:{meter.port}", *words, home=postgres.home)
        return done.returncode, done.stdout, done.stderr

    return call


def test_the_meter_reader_writes_the_consumer_message(fleet: Spawned, meterfleet: Any) -> None:
    written = meterfleet("write", f"{MESSAGE}:2", "visible-string:Pay by Friday", "--client", "mr")
    assert written == (0, f"{MESSAGE}:2 Consumer message: written\n", "")
    _, shown, _ = meterfleet("read", MESSAGE, "--client", "mr", "--json")
    assert json.loads(shown)["objects"][0]["attributes"]["2"]["value"] == "Pay by Friday"
    assert fleet.sql("SELECT value FROM sim.attribute_values WHERE logical_name = %s", MESSAGE) == [("Pay by Friday",)]


def test_the_utility_opens_and_closes_the_load_switch_ciphered(meterfleet: Any) -> None:
    """Disconnect control (Blue Book 4.5.8): method 1 disconnects, 2 reconnects; attribute 2 is output_state."""
    for method, closed in ((1, False), (2, True)):
        code, told, _ = meterfleet("act", f"relay:{method}", "--client", "us")
        assert (code, told.startswith(f"{RELAY}:{method}"), told.endswith(": done\n")) == (0, True, True)
        _, shown, _ = meterfleet("read", "relay:2", "--client", "us", "--json")
        assert json.loads(shown)["objects"][0]["attributes"]["2"]["value"] is closed


def test_the_utility_sets_the_demand_period_and_the_clock(meterfleet: Any) -> None:
    for target, value, read_back in (
        (f"{PERIOD}:2", "long-unsigned:900", 900),
        ("clock:2", "stamp:2025-06-10 10:01:00", "2025-06-10T10:01:00+05:30"),
    ):
        assert meterfleet("write", target, value, "--client", "us")[0] == 0
        _, shown, _ = meterfleet("read", target, "--client", "us", "--json")
        assert json.loads(shown)["objects"][0]["attributes"]["2"]["value"] == read_back


def test_a_meter_that_refuses_ends_with_1(meterfleet: Any) -> None:
    for command, words, told in (
        ("write", (f"{PERIOD}:2", "long-unsigned:900", "--client", "mr"), "read-write-denied"),
        ("write", (f"{PERIOD}:2", "visible-string:900", "--client", "us"), "type-unmatched"),
        ("act", ("relay:1", "--client", "mr"), "read-write-denied"),
    ):
        code, out, error = meterfleet(command, *words)
        assert (code, out) == (1, "")
        assert told in error
