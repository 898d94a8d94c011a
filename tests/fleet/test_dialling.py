# SPDX-License-Identifier: GPL-2.0-only
"""Meters that call the head-end and serve it on that connection, read by a gurux client that accepts their calls."""

from __future__ import annotations

import csv
import io
import json
import select
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faults_bench import faulty
from live import CLOCK, DEADLINE_S, ENERGY, Judge, Meter, Spawned, eventually, free_port, run, spawned
from ways_bench import WayJudge

from simulator.errors import UserError
from simulator.fleet.listen import Place, parse_listen

SERIAL_NAME = "0.0.96.1.0.255"
METERS, BASE = 3, "127.44.0."


class Exchange:
    """A head-end's socket. Each call that is closed soon makes the meter's next one later, so calls are `held`."""

    def __init__(self) -> None:
        self.port = free_port()
        self.held: dict[int, socket.socket] = {}
        self._socket: socket.socket | None = None

    def open(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", self.port))
        self._socket.settimeout(DEADLINE_S)

    def accept(self) -> tuple[socket.socket, int]:
        """The next call, and the number of the meter by the address that it comes from."""
        assert self._socket is not None
        opened, (host, _) = self._socket.accept()
        opened.settimeout(DEADLINE_S)
        assert host.startswith(BASE)
        return opened, int(host.rpartition(".")[2]) - 1

    def take(self, count: int = METERS) -> list[int]:
        """The meters of the next calls, which are held."""
        calls = {number: opened for opened, number in (self.accept() for _ in range(count))}
        self.held |= calls
        return sorted(calls)

    def close(self) -> None:
        for opened in (*self.held.values(), *([self._socket] if self._socket else [])):
            opened.close()


@pytest.fixture(scope="module")
def exchanges() -> Iterator[tuple[Exchange, Exchange]]:
    """When the meters first call, only the second one takes calls."""
    pair = Exchange(), Exchange()
    pair[1].open()
    yield pair
    for one in pair:
        one.close()


@pytest.fixture(scope="module")
def fleet(home: Path, exchanges: tuple[Exchange, Exchange]) -> Iterator[Spawned]:
    plain, hdlc = (f"dial,address=127.0.0.1:{one.port}" for one in exchanges)
    listens = ("--listen", plain, "--listen", f"{hdlc},hdlc=1,info=512")
    place = f"wrapper,address={BASE}1,port={free_port()}"
    with spawned(home, METERS, "--start", "2025-06-10T10:00:00+05:30", "--speed", 0, *listens, listen=place) as fleet:
        yield fleet


def read(fleet: Spawned, number: int, opened: socket.socket, **place: Any) -> tuple[bytes, ...]:
    """The call goes on."""
    there = {"framing": "wrapper", "server": 1, "opened": opened.dup(), **place}
    with WayJudge(there, fleet.meters[number].password) as judge:
        return tuple(judge.get(*what).octets for what in ((1, SERIAL_NAME), (8, CLOCK), (3, ENERGY)))


def at_home(meter: Meter) -> tuple[bytes, ...]:
    with Judge(meter) as judge:
        return tuple(judge.get(*what).octets for what in ((1, SERIAL_NAME), (8, CLOCK), (3, ENERGY)))


def test_meters_that_were_refused_call_again_and_serve(fleet: Spawned, exchanges: tuple[Exchange, Exchange]) -> None:
    eventually(lambda: "does not take calls" in fleet.log.read_text())
    exchanges[0].open()
    assert exchanges[0].take() == [0, 1, 2]
    for number, opened in exchanges[0].held.items():
        assert read(fleet, number, opened) == at_home(fleet.meters[number])


def test_hdlc_on_a_call(fleet: Spawned, exchanges: tuple[Exchange, Exchange]) -> None:
    opened, number = exchanges[1].accept()
    assert read(fleet, number, opened, framing="hdlc", physical=16) == at_home(fleet.meters[number])


def test_faults_of_a_meter_strike_on_its_call(fleet: Spawned, exchanges: tuple[Exchange, Exchange]) -> None:
    opened, number = exchanges[1].accept()
    there = {"framing": "hdlc", "server": 1, "physical": 16, "opened": opened}
    with WayJudge(there, fleet.meters[number].password) as judge, faulty(fleet, number + 1, {"temporary_failure": 1}):
        assert judge.get(8, CLOCK).result == 2


def test_a_meter_that_was_without_power_calls_anew(fleet: Spawned, exchanges: tuple[Exchange, Exchange]) -> None:
    old = exchanges[0].held[0]
    fleet.order("power", meters="1", on=False)
    old.sendall(bytes.fromhex("0001001000010002 6200"))
    assert not select.select([old], [], [], 0.3)[0]
    fleet.order("power", meters="1", on=True)
    fleet.step(60_000)
    assert exchanges[0].take(1) == [0]
    assert read(fleet, 0, exchanges[0].held[0]) == at_home(fleet.meters[0])


def test_a_call_that_was_closed_is_made_again(fleet: Spawned, exchanges: tuple[Exchange, Exchange]) -> None:
    for number in (1, 2):
        exchanges[0].held.pop(number).close()
    assert exchanges[0].take(2) == [1, 2]
    for number in (1, 2):
        assert read(fleet, number, exchanges[0].held[number]) == at_home(fleet.meters[number])


def test_calls_are_told(fleet: Spawned, home: Path, exchanges: tuple[Exchange, Exchange]) -> None:
    ports = [one.port for one in exchanges]
    expected = [{"host": "127.0.0.1", "port": port, "framing": "dial", "server": 1} for port in ports]
    expected[1]["physical"] = 16
    entries = json.loads(run("inventory", "--json", "--database", fleet.dsn, home=home).stdout)
    assert all(entry["places"][1:] == expected for entry in (*fleet.ready["meters"], *entries))


def test_a_fleet_that_only_calls(home: Path) -> None:
    """It has no place of its own, and an address of the system's choice."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(DEADLINE_S)
        with spawned(home, 1, "--seed", 44, listen=f"dial,address=127.0.0.1:{server.getsockname()[1]}") as fleet:
            opened, _ = server.accept()
            with WayJudge({"framing": "wrapper", "server": 1, "opened": opened}, fleet.meters[0].password) as judge:
                assert judge.get(1, "0.0.42.0.0.255").result == 0
            assert fleet.sql("SELECT DISTINCT host, port FROM sim.meters") == [(None, None)]
            rows = csv.DictReader(io.StringIO(run("inventory", "--csv", "--database", fleet.dsn, home=home).stdout))
            assert [row["framing"] for row in rows] == ["dial"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("dial", "say whom the meters call"),
        ("dial,address=127.0.0.1", "say whom the meters call"),
        ("dial,address=127.0.0.1:0", "say whom the meters call"),
        ("dial,address=127.0.0.1:1,window=3", "'window' is of HDLC; add hdlc=1"),
        ("dial,address=127.0.0.1:1,ports=3", "'ports' is not known"),
    ],
)
def test_mistakes_are_told(text: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        parse_listen(text, 3)


def test_names_and_addresses_of_version_6() -> None:
    assert parse_listen("dial,address=hes.example:4064", 3).place_of(2) == Place("dial", "hes.example", 4064)
    assert parse_listen("dial,address=[::1]:4064,hdlc=1", 3).place_of(2) == Place("dial", "::1", 4064, physical=16)
