# SPDX-License-Identifier: GPL-2.0-only
"""A meter of a running fleet is replaced: what a client of the old one sees, the command, restarts, the inventory."""

from __future__ import annotations

import csv
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live import BLOCK, CLOCK, ENERGY, MESSAGE, READER, Judge, Meter, Spawned, free_port, run, spawned, start
from secure import SecureJudge, login_of

from simulator.meter.identity import serial_of

OPTIONS = ("--history", "2d", "--start", "2025-06-10T10:00:00+05:30", "--load", "shop", "--speed", 0, "--seed", 77)
SERIAL, LDN = "0.0.96.1.0.255", "0.0.42.0.0.255"
MINUTE_MS = 60_000


def inventory(home: Path, fleet: Spawned) -> list[dict[str, Any]]:
    told = run("inventory", "--json", "--database", fleet.dsn, home=home)
    assert told.returncode == 0, told.stderr
    entries: list[dict[str, Any]] = json.loads(told.stdout)
    return entries


def meter_of(entry: dict[str, Any]) -> Meter:
    password = next(client["password"] for client in entry["clients"] if client["sap"] == READER)
    return Meter(entry["serial"], entry["host"], entry["port"], password)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("replaced") / "all.pcapng"


@pytest.fixture(scope="module")
def listen() -> str:
    return f"wrapper,address=127.47.0.1,port={free_port()}"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the meter that comes after the third one."""
    path = tmp_path_factory.mktemp("keys") / "keys.csv"
    path.write_text(
        "serial,system_title,client_48_ek,client_48_ak,client_48_secret,client_32_password\n"
        f"{serial_of(77, 2, 1)},4142430000000001,{'11' * 16},{'22' * 16},{'33' * 16},letmein1\n"
    )
    return path


@pytest.fixture(scope="module")
def fleet(home: Path, capture: Path, listen: str, keys: Path) -> Iterator[Spawned]:
    with spawned(home, 3, *OPTIONS, "--keys", keys, "--capture", capture, listen=listen) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def swapped(home: Path, fleet: Spawned) -> tuple[Meter, Meter, Judge]:
    """The second meter before and after, within a block, and a client that was connected to the old one."""
    old = fleet.meters[1]
    fleet.step(7 * MINUTE_MS)
    client = Judge(old).__enter__()
    assert client.set(1, MESSAGE, 2, b"\x0a\x05hello") == 0
    told = run("replace", old.serial, "--reading", "12.5", "--database", fleet.dsn, home=home)
    assert told.returncode == 0, told.stderr
    new = meter_of(inventory(home, fleet)[1])
    assert f"{old.serial} is replaced by {new.serial}" in told.stdout
    return old, new, client


def test_the_new_one_is_read_at_the_same_place(fleet: Spawned, swapped: tuple[Meter, Meter, Judge]) -> None:
    old, new, _ = swapped
    assert (new.host, new.port) == (old.host, old.port)
    assert new.password != old.password
    with Judge(new) as judge:
        assert judge.get(1, SERIAL).octets[2:] == new.serial.encode()
        assert judge.get(1, LDN).octets.decode().endswith(new.serial)
        assert judge.get(3, ENERGY).value == pytest.approx(12.5)
        assert judge.rows(BLOCK) == []
        assert b"hello" not in judge.get(1, MESSAGE).octets
        assert judge.get(8, CLOCK).octets[7:9] == bytes((10, 7))


def test_the_old_password_opens_nothing(swapped: tuple[Meter, Meter, Judge]) -> None:
    old, _, _ = swapped
    with pytest.raises(Exception, match=r"(?i)auth|reject|permanent"), Judge(old):
        pass


def test_who_was_connected_to_the_old_one_gets_no_answer(swapped: tuple[Meter, Meter, Judge]) -> None:
    client = swapped[2]
    client.wire._socket.settimeout(0.5)
    with pytest.raises(TimeoutError):
        client.get(3, ENERGY)


def test_a_ciphered_client_gets_in_with_the_new_keys(
    home: Path, fleet: Spawned, swapped: tuple[Meter, Meter, Judge]
) -> None:
    entry = inventory(home, fleet)[1]
    with SecureJudge(swapped[1], login_of(entry, 48)) as judge:
        assert judge.get(1, SERIAL).octets[2:] == swapped[1].serial.encode()


def test_serial_numbers_name_the_meter_that_is_there(
    home: Path, fleet: Spawned, swapped: tuple[Meter, Meter, Judge]
) -> None:
    old, new, _ = swapped
    assert fleet.inject(new.serial, 201)["meters"] == 1
    told = run("events", "inject", old.serial, 201, "--database", fleet.dsn, home=home)
    assert told.returncode == 2
    assert f"meter 2 is {new.serial}" in " ".join(told.stderr.split())
    listed = run("events", "list", "--meter", 2, "--json", "--database", fleet.dsn, home=home)
    assert {one["meter"] for one in json.loads(listed.stdout)} >= {new.serial}


def test_the_keys_beside_the_capture_have_the_new_ones(capture: Path, swapped: tuple[Meter, Meter, Judge]) -> None:
    with Path(f"{capture}.keys").open(newline="") as file:
        told = [(row["serial"], row["password"]) for row in csv.DictReader(file) if row["client"] == "32"]
    assert told[-1] == (swapped[1].serial, swapped[1].password)


@pytest.fixture(scope="module")
def given(home: Path, fleet: Spawned, swapped: tuple[Meter, Meter, Judge]) -> dict[str, Any]:
    """The third meter's successor, as the inventory has it."""
    fleet.order("replace", meters="3")
    return inventory(home, fleet)[2]


def test_a_key_file_gives_title_and_keys_of_meters_that_come_later(given: dict[str, Any]) -> None:
    login = login_of(given, 48)
    assert (login.ek, login.ak, login.secret) == (b"\x11" * 16, b"\x22" * 16, b"\x33" * 16)
    assert given["system_title"] == "4142430000000001"
    assert meter_of(given).password == "letmein1"
    with SecureJudge(meter_of(given), login) as judge:
        assert judge.get(1, SERIAL).octets[2:] == given["serial"].encode()


def test_after_kill_9_it_is_there_again(
    home: Path, fleet: Spawned, listen: str, keys: Path, swapped: tuple[Meter, Meter, Judge], given: dict[str, Any]
) -> None:
    """The last one: it ends the fleet."""
    old, new, _ = swapped
    fleet.step(60 * MINUTE_MS)
    assert fleet.end(signal.SIGKILL) != 0
    again = start(home, 3, *OPTIONS, "--keys", keys, listen=listen)
    try:
        assert again.meters == [fleet.meters[0], new, meter_of(given)]
        assert again.ready["meters"][2] == given
        again.step(MINUTE_MS)
        with Judge(new) as judge:
            shown, rows = judge.get(3, ENERGY).value, judge.rows(BLOCK)
        assert len(rows) >= 2
        sums = """SELECT m.meter_number, m.status, sum(kwh_import)::float, count(*)::int FROM sim.block_load_profile b
                  JOIN sim.meters m ON m.id = b.meter_id WHERE m.place = 2 GROUP BY 1, 2 ORDER BY 2"""
        removed, running = again.sql(sums)
        assert (removed[0], removed[1], removed[3]) == (old.serial, "REMOVED", 2 * 48 + 20)
        assert (running[0], running[1], running[3]) == (new.serial, "RUNNING", len(rows))
        assert 12.5 + running[2] <= shown + 0.001
    finally:
        again.end()
    assert again.sql("SELECT status FROM sim.meters ORDER BY meter_number = %s, 1", old.serial)[-1] == ("REMOVED",)
