# SPDX-License-Identifier: GPL-2.0-only
"""Outages of a running fleet: last gasps, silence on every way, the gap, staggered returns, and what the store has."""

from __future__ import annotations

import datetime as dt
import select
import signal
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live import BLOCK, ENERGY, PUBLIC, Judge, Spawned, eventually, framed, free_port, get_hex, run, spawned, start
from ways_bench import WayJudge

from simulator.values import MS_PER_HOUR, MS_PER_MINUTE

AT = "2025-06-10T10:20:30+05:30"
FAILED = dt.datetime(2025, 6, 10, 10, 20, 30)
RETURNED = FAILED + dt.timedelta(hours=2)
MANY = 1000
FAILURES, OFF_MINUTES, POWER_LOG, WORD = "0.0.96.7.0.255", "0.0.94.91.8.255", "0.0.99.98.2.255", "0.0.94.91.18.255"
LAST_GASP, FIRST_BREATH = 1 << 127 - 85, 1 << 127 - 86


def is_silent(judge: Judge) -> bool:
    """Neither octets nor an end of the connection."""
    sock = judge.wire._socket
    return not select.select([sock], [], [], 0.3)[0]


def power(fleet: Spawned, word: str, meters: str) -> None:
    fleet.order("power", meters=meters, on=word == "on")


def status_word(judge: Judge) -> int:
    return int.from_bytes(judge.get(1, WORD).octets[3:], "big")


class HeadEnd(socketserver.ThreadingTCPServer):
    """Takes pushes and counts them."""

    request_queue_size, daemon_threads = 1024, True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        self.received = 0
        self._counting = threading.Lock()

    def finish_request(self, request: Any, client_address: object) -> None:
        if request.recv(65_535):
            with self._counting:
                self.received += 1


@pytest.fixture
def headend() -> Iterator[HeadEnd]:
    with HeadEnd() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def sent(fleet: Spawned, alarm: str) -> list[tuple[str, int]]:
    """How many alarms of a name are in which state."""
    return fleet.sql("SELECT status, count(*) FROM sim.eswf_push_alarms WHERE alarm_type = %s GROUP BY 1", alarm)


def moments(fleet: Spawned, code: int) -> list[dt.datetime]:
    statement = "SELECT event_timestamp FROM sim.event_logs WHERE event_code = %s ORDER BY id"
    return [moment for (moment,) in fleet.sql(statement, code)]


def test_an_outage_of_a_thousand_meters(home: Path, headend: HeadEnd) -> None:
    place = f"127.0.0.1:{headend.server_address[1]}"
    options = ("--model", "is15959-3ph", "--history", "1d", "--start", AT, "--speed", 0, "--push", place)
    with spawned(home, MANY, *options) as fleet, Judge(fleet.meters[7]) as before, Judge(fleet.meters[0]) as lone:
        stood = before.get(3, ENERGY).value
        assert status_word(before) & FIRST_BREATH
        power(fleet, "off", f"2-{MANY}")
        assert moments(fleet, 101) == [FAILED] * (MANY - 1)
        assert eventually(lambda: sent(fleet, "Last gasp") == [("SENT", MANY - 1)])
        assert eventually(lambda: headend.received >= MANY - 1)
        at_failure = headend.received
        before.wire.send_octets(framed(get_hex(3, ENERGY), 32))
        late = Judge(fleet.meters[8], PUBLIC)
        late.wire.send_octets(b"".join(map(bytes, late.protocol.aarqRequest())))
        assert is_silent(before)
        assert is_silent(late)
        assert lone.get(3, ENERGY).result == 0
        fleet.step(2 * MS_PER_HOUR)
        assert headend.received - at_failure < 100  # of the one that has power
        power(fleet, "on", "all")
        assert is_silent(late)
        came_back(fleet)
        assert is_silent(before)  # what was open before stays dead
        with Judge(fleet.meters[7]) as judge:
            assert judge.get(3, ENERGY).value > stood
            knows_of_it(judge)
        late.wire.close()


def came_back(fleet: Spawned) -> None:
    """One after the other, each with its alarm; the blocks show the gap."""
    fleet.step(2 * MS_PER_MINUTE)
    returns = moments(fleet, 102)
    assert len(returns) == MANY - 1
    assert returns == sorted(returns)
    assert RETURNED + dt.timedelta(seconds=5) <= returns[0] < returns[-1] <= RETURNED + dt.timedelta(seconds=60)
    assert len(set(returns)) > 40
    assert eventually(lambda: sent(fleet, "First breath") == [("SENT", MANY - 1)])
    first = "SELECT min(event_timestamp) FROM sim.event_logs WHERE event_code = 102"
    pushed = "SELECT min(timestamp) FROM sim.push_history WHERE trigger = 'ALARM' AND timestamp > %s"
    assert fleet.sql(pushed, RETURNED) == fleet.sql(first)
    fleet.step(MS_PER_HOUR)
    rows = "SELECT count(*) FROM sim.block_load_profile WHERE capture_time BETWEEN %s AND %s"
    assert fleet.sql(rows, FAILED, RETURNED) == [(4,)]  # of the one that had power


def knows_of_it(judge: Judge) -> None:
    assert judge.get(1, FAILURES).value == 1
    assert judge.get(3, OFF_MINUTES).value == 120
    assert status_word(judge) & (LAST_GASP | FIRST_BREATH) == FIRST_BREATH
    assert [row[1] for row in judge.rows(POWER_LOG)] == [101, 102]
    stamps = [row[0][5:7].hex() for row in judge.rows(BLOCK)][-3:]
    assert stamps == ["0a00", "0c1e", "0d00"]


@pytest.fixture(scope="module")
def house(home: Path) -> Iterator[Spawned]:
    address = "127.47.0.1"
    listens = [f"hdlc,address={address},port={free_port()}", f"udp,address={address},port={free_port()}"]
    listens += [f"wrapper,shared=1,port={free_port()}", f"gateway,port={free_port()}", "serial,pty=1"]
    options = [word for listen in listens for word in ("--listen", listen)]
    place = f"wrapper,address={address},port={free_port()}"
    with spawned(home, 3, "--start", AT, "--speed", 0, *options, listen=place) as fleet:
        yield fleet


@pytest.mark.parametrize("way", range(6), ids=["wrapper", "hdlc", "udp", "shared wrapper", "gateway", "serial line"])
def test_silence_and_return_on_every_way(house: Spawned, way: int) -> None:
    where, meter = house.ready["meters"][1]["places"][way], house.meters[1]
    how = {"gateway": meter.serial} if way == 4 else {}
    judge = WayJudge(where, meter.password, **how).__enter__()
    assert judge.get(3, ENERGY).result == 0
    power(house, "off", meter.serial)
    for frame in judge.protocol._read(ENERGY, 3, 2, None):
        judge.wire.send_octets(bytes(frame))
    assert is_quiet(judge)
    judge.wire.close()
    power(house, "on", "2")
    house.step(MS_PER_MINUTE)
    with WayJudge(where, meter.password, **how) as judge:
        assert judge.get(3, ENERGY).result == 0


def is_quiet(judge: WayJudge) -> bool:
    wire = judge.wire
    file = wire._file if hasattr(wire, "_file") else wire._socket
    return not select.select([file], [], [], 0.3)[0]


def test_a_fleet_that_is_killed_in_an_outage_resumes_in_it(home: Path) -> None:
    options = ("--history", "1d", "--start", AT, "--speed", 0, "--seed", 4711)
    place = f"wrapper,address=127.48.0.1,port={free_port()}"
    fleet = start(home, 3, *options, listen=place)
    power(fleet, "off", "1")
    assert run("power", "off", "2", "--for", "30m", "--database", fleet.dsn, home=home).returncode == 0
    fleet.end(signal.SIGKILL)
    with spawned(home, 3, *options, listen=place) as again:
        dark = Judge(again.meters[0], PUBLIC)
        dark.wire.send_octets(b"".join(map(bytes, dark.protocol.aarqRequest())))
        assert is_silent(dark)
        again.step(MS_PER_HOUR)
        power(again, "on", "1")
        again.step(MS_PER_MINUTE)
        with Judge(again.meters[0]) as judge:
            assert [row[1] for row in judge.rows(POWER_LOG)] == [101, 102]
        ended, by_hand = moments(again, 102)  # the one by itself, when the fleet of before had promised it
        assert dt.timedelta(minutes=30) < ended - FAILED < dt.timedelta(minutes=32)
        assert by_hand - FAILED > dt.timedelta(hours=1)
        assert again.sql("SELECT count(*) FROM sim.supply_ends") == [(0,)]
        with Judge(again.meters[1]) as judge:
            assert [row[1] for row in judge.rows(POWER_LOG)] == [101, 102]
        dark.wire.close()


def test_a_power_cut_and_a_swell_that_end_by_themselves(house: Spawned, home: Path) -> None:
    begun = house.clock()["now_ms"]
    for words in (("power", "off", "3", "--for", "20m"), ("supply", "1", "--voltage", 1.25, "--for", "30m")):
        done = run(*words, "--database", house.dsn, home=home)
        assert done.returncode == 0, done.stderr
    with Judge(house.meters[0]) as judge:
        volts = judge.get(3, "1.0.12.7.0.255").value
        assert volts > 260
        house.step(31 * MS_PER_MINUTE)
        assert judge.get(3, "1.0.12.7.0.255").value == pytest.approx(volts / 1.25, rel=0.03)
        house.step(10 * MS_PER_MINUTE)
    logged = house.sql(
        "SELECT event_code, extract(epoch FROM event_timestamp AT TIME ZONE 'Asia/Kolkata')::bigint * 1000"
        " FROM sim.event_logs e JOIN sim.meters m ON m.id = e.meter_id WHERE meter_number = %s ORDER BY e.id",
        house.meters[0].serial,
    )
    over = [(code, at - begun // 1000 * 1000) for code, at in logged if code in (7, 8)]
    assert over == [(7, 5 * MS_PER_MINUTE), (8, 32 * MS_PER_MINUTE)]
    assert eventually(lambda: Judge(house.meters[2]).__enter__().get(3, ENERGY).result == 0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("supply", "1"), "nothing to change"),
        (("supply", "1", "--voltage", 0, "--phase", "y"), "have no phase 'y'"),
        (("power", "off", "9"), "'9' is no meter"),
        (("power", "off", "1", "--for", "soon"), "--for: 'soon' is not a duration"),
    ],
)
def test_orders_that_make_no_sense_are_told(house: Spawned, home: Path, words: tuple[object, ...], said: str) -> None:
    done = run(*words, "--database", house.dsn, home=home)
    assert done.returncode == 2
    assert said in done.stderr
