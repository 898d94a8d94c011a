# SPDX-License-Identifier: GPL-2.0-only
"""Fleets of the fixture `meterfleet`, and a gurux client that judges what their meters then say."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from live import CLOCK, ENERGY, MESSAGE, PUBLIC, READER, Judge, eventually, framed, get_hex

from simulator.errors import StoreError, UserError
from simulator.testing.factory import Meterfleet, fleets
from simulator.testing.fleet import LiveFleet
from simulator.testing.meters import Meter
from simulator.testing.servers import Server
from simulator.testing.thread import TookTooLong
from simulator.wire.selection import EntryDescriptor

VALUE = f"{ENERGY}:2"
BLOCK, VOLTAGE, ALERT = "1.0.99.1.0.255", "1.0.12.7.0.255", "0.4.25.9.0.255"
SOON = "30s"  # at the latest, on a busy machine
START = dt.datetime.fromisoformat("2025-06-02T10:00:00+05:30")


@pytest.fixture(scope="module")
def fleet(meterfleet_server: Server) -> Iterator[LiveFleet]:
    with fleets(meterfleet_server) as meterfleet:
        yield meterfleet(count=6, history="1d", push=True)


def energy(meter: Meter) -> tuple[int, object]:
    with Judge(meter) as judge:
        got = judge.get(3, ENERGY)
        return got.result, got.value


def test_the_clock_stands_until_it_is_moved(meterfleet: Meterfleet) -> None:
    fleet = meterfleet(history="1d")
    with Judge(fleet.meters[0]) as judge:
        before = judge.get(8, CLOCK).octets
        assert judge.get(8, CLOCK).octets == before
        assert fleet.now == START
        assert fleet.step("90m") == START + dt.timedelta(minutes=90)
        assert judge.get(8, CLOCK).octets[7:9] == bytes((11, 30))
    stored = fleet.sql("SELECT count(*) FROM block_load_profile WHERE capture_time > %s", START.replace(tzinfo=None))
    assert stored == [(3,)]
    fleet.speed(3600)
    eventually(lambda: fleet.now > START + dt.timedelta(hours=2))
    fleet.speed(0)
    assert fleet.now == fleet.now


def test_events_are_logged_and_pushed(fleet: LiveFleet) -> None:
    quiet, struck = fleet.meters[:2]
    fleet.event(struck, 201, 251)
    fleet.step("1m")
    assert fleet.expect_event(201, meter=struck, within=SOON).at == START.replace(tzinfo=None)
    assert fleet.expect_event(251, within=SOON).meter == struck
    pushed = fleet.expect_push("alert", meter=struck, within=SOON)
    assert (pushed.setup, pushed.trigger, pushed.status) == (ALERT, "ALARM", "SUCCESS")
    assert pushed.payload
    assert not [row for row in fleet.events() if row.meter == quiet]
    with pytest.raises(AssertionError, match=r"expected event 201 within 50ms\n.*stands at.*\n.*\(2\):\n.* event 201"):
        fleet.expect_event(201, within="50ms")  # it is taken


def test_pushes_by_hand(fleet: LiveFleet) -> None:
    fleet.push(fleet.meters[2:4], "instant")
    seen = {fleet.expect_push("instant", within=SOON).meter.number for _ in range(2)}
    assert seen == {3, 4}
    with pytest.raises(AssertionError, match=r"expected a push of instant by meter 3 .* with the status FAILED"):
        fleet.expect_push("instant", meter=fleet.meters[2], status="FAILED", within=0)


def test_an_override_is_for_those_who_may_read_the_truth(fleet: LiveFleet) -> None:
    meter, other = fleet.meters[4:]
    true = energy(meter)
    fleet.override(meter, VALUE, 77)
    assert energy(meter) == (0, 77)
    assert energy(other) != (0, 77)
    with Judge(meter, PUBLIC) as judge:
        assert judge.get(3, ENERGY).result != 0
    fleet.override(meter, VALUE, raw=b"\x12\x01\x02")  # long-unsigned where a float32 belongs
    assert energy(meter) == (0, 258)
    fleet.override(meter, VALUE, refused="object-unavailable")
    assert energy(meter) == (11, None)
    fleet.clear(meter)
    assert energy(meter) == true


def test_the_journal_has_what_clients_got_after_faults(fleet: LiveFleet) -> None:
    meter = fleet.meters[3]
    fleet.link(meter, {"temporary_failure": 1, "times": 1})
    with Judge(meter) as judge:
        assert judge.get(3, ENERGY).result == 2
        assert judge.get(3, ENERGY).result == 0
        judge.get(7, BLOCK, 2, b"\x02\x02\x04\x06\0\0\0\1\x06\0\0\0\2\x12\0\1\x12\0\0")
        judge.set(1, MESSAGE, 2, b"\x0a\x02hi")
        judge.act(70, "0.0.96.3.10.255", 1, b"\x0f\x00")
    told = [(one.client, one.kind, one.what, one.result) for one in fleet.journal(meter)]
    assert told == [
        (READER, "login", "", "success"),
        (READER, "get", VALUE, "temporary-failure"),
        (READER, "get", VALUE, "success"),
        (READER, "get", f"{BLOCK}:2", "success"),
        (READER, "set", f"{MESSAGE}:2", "success"),
        (READER, "act", "0.0.96.3.10.255:1", "read-write-denied"),
    ]
    _, _, value, rows, write, method = fleet.journal(meter)
    assert value.octets == 5
    assert rows.selection == EntryDescriptor(1, 2, 1, 0)
    assert (write.value, method.value) == ("hi", 0)
    assert str(write).endswith(f"client 32 set {MESSAGE}:2 <- 'hi' -> success")
    assert rows.octets > 100


def test_faults_of_an_open_connection_stand_behind_the_journal(fleet: LiveFleet) -> None:
    """Set when the client is there already."""
    meter = fleet.meters[0]
    with Judge(meter) as judge:
        assert judge.get(3, ENERGY).result == 0
        fleet.link("1", "{temporary_failure: 1}")
        assert judge.get(3, ENERGY).result == 2
        fleet.clear()
    assert [one.result for one in fleet.journal(meter)[-2:]] == ["success", "temporary-failure"]


def test_a_refused_login_is_in_the_journal(fleet: LiveFleet) -> None:
    meter = fleet.meters[5]
    judge = Judge(meter)
    judge.protocol.password = b"wrong"
    with pytest.raises(Exception, match=r"[Aa]uthentication|rejected"):
        judge.__enter__()
    entry = fleet.journal(meter)[-1]
    assert (entry.kind, entry.result) == ("login", "authentication-failure")
    assert fleet.expect_event(893, meter=meter, within=SOON)


def test_a_read_is_awaited_from_another_thread(fleet: LiveFleet) -> None:
    meter = fleet.meters[1]
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(fleet.expect_read, meter, ENERGY, client=READER, within=SOON)
        energy(meter)
        assert waiting.result().what == VALUE
    with pytest.raises(AssertionError, match=r"expected a read of 1\.0\..* of meter 2 .*within 20ms\ncame so"):
        fleet.expect_read(meter, ENERGY, within="20ms")


async def test_the_loop_of_an_async_test_goes_on(fleet: LiveFleet) -> None:
    begun = asyncio.create_task(asyncio.to_thread(fleet.expect_read, fleet.meters[2], ENERGY, within=SOON))
    assert (await asyncio.to_thread(energy, fleet.meters[2]))[0] == 0
    assert (await begun).client == READER


def test_outage_voltage_and_any_other_step(meterfleet: Meterfleet) -> None:
    fleet = meterfleet(count=2)
    dark, lit = fleet.meters
    fleet.outage(dark)
    with socket.create_connection((str(dark.host), dark.port or 0), timeout=30) as line:
        line.sendall(framed(get_hex(8, CLOCK)))
        line.settimeout(0.3)
        with pytest.raises(TimeoutError):
            line.recv(1)
    with pytest.raises(UserError, match="1 x no power"):
        fleet.play("all", "billing_reset")
    with pytest.raises(UserError, match="1 x no power"):
        fleet.event("all", 201)
    assert {entry.code for entry in fleet.events() if entry.meter == dark} == {101}
    assert energy(lit)[0] == 0
    fleet.restore("all")
    fleet.step("5m")
    assert energy(dark)[0] == 0
    with Judge(lit) as judge:
        before = judge.get(3, VOLTAGE).value
        fleet.voltage(lit, 0.5)
        fleet.step("1s")
        assert judge.get(3, VOLTAGE).value == pytest.approx(before / 2, rel=0.05)
        fleet.undo(lit, "voltage", factor=0.5)
        fleet.step("1s")
        assert judge.get(3, VOLTAGE).value == pytest.approx(before, rel=0.05)
    with pytest.raises(UserError, match="1 x the model has no such client"):
        fleet.play(lit, "act", object="0.0.10.0.1.255:1", value="long-unsigned:1", client=5)
    with pytest.raises(UserError, match="1 x nobody to push to"):
        fleet.push(lit)
    fleet.play(lit, "relay", to="open")
    assert fleet.expect_event(301, meter=lit, within=SOON)


def test_keys_open_what_they_are_for(fleet: LiveFleet) -> None:
    meter = fleet.meters[0]
    utility = meter.client(48)
    assert utility.secret
    assert utility.ek
    assert len(utility.ek) == len(utility.ak or b"") == len(utility.master or b"") == 16
    assert (utility.auth, utility.password, meter.client(16).auth) == ("hls2", None, "none")
    assert str(utility.ek) not in repr(meter)
    with pytest.raises(UserError, match="has no client 5; it has 16, 32, 48"):
        meter.client(5)


def test_two_fleets_live_side_by_side(meterfleet: Meterfleet) -> None:
    one, other = meterfleet(seed=1), meterfleet(seed=2, listen=["wrapper", "udp"])
    assert one.dsn != other.dsn
    assert one.meters[0].address != other.meters[0].address
    assert [place["framing"] for place in other.meters[0].places] == ["wrapper", "udp"]
    assert energy(one.meters[0])[0] == energy(other.meters[0])[0] == 0
    assert one.journal()
    assert other.journal()[0].meter.serial == other.meters[0].serial != one.meters[0].serial


def test_a_fleet_goes_with_its_test(meterfleet_server: Server) -> None:
    with fleets(meterfleet_server) as meterfleet:
        fleet = meterfleet()
        meter = fleet.meters[0]
    with pytest.raises(ConnectionRefusedError):
        Judge(meter)
    with pytest.raises(Exception, match="now: the fleet is closed"):
        _ = fleet.now
    with pytest.raises(StoreError):
        fleet.sql("SELECT 1")
    assert not [one for one in threading.enumerate() if one.name == "meterfleet" and not one.daemon]


def test_what_takes_too_long_says_so(fleet: LiveFleet) -> None:
    with pytest.raises(TookTooLong, match=r"step 3d: not done within 0\.001 s"):
        fleet.step("3d", within="1ms")


def test_a_meter_that_is_replaced_is_another_one(meterfleet: Meterfleet) -> None:
    fleet = meterfleet(count=3, history="1d", push=True)
    old = fleet.meters[1]
    fleet.event(old, 201)
    fleet.step("7m")
    assert energy(old)[0] == 0
    (new,) = fleet.replace(old, reading=3)
    assert new == fleet.meters[1] != old
    assert (new.number, new.address) == (old.number, old.address)
    assert energy(new) == (0, 3)
    assert fleet.expect_read(new, VALUE, within=SOON).meter == new
    assert fleet.expect_read(old, VALUE, within=SOON).meter == old
    fleet.step("10m")
    assert fleet.expect_push("registration", meter=new, within=SOON).values["0.0.96.1.0.255:2"] == new.serial
    assert fleet.expect_event(201, within=SOON).meter == old
    with pytest.raises(UserError, match=f"meter 2 is {new.serial}"):
        fleet.event(old.serial, 201)
    (third,) = fleet.replace(new.serial)
    assert len({meter.serial for meter in (old, new, third)}) == 3
