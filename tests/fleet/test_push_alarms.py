# SPDX-License-Identifier: GPL-2.0-only
"""Alarms and pushes through outages, kills and a store that is away; every setup of the models, judged by gurux."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import psycopg
from live import Spawned, eventually, free_port, run, start
from pushing_fleet import (
    ALERT,
    BILLING,
    BLOCK,
    DAILY,
    HOUR_MS,
    INSTANT,
    MINUTE_MS,
    OWN_PORT,
    PLAIN,
    REGISTRATION,
    TAMPER,
    Pushing,
    book_of,
    heard,
    pushing,
)

from simulator.headend.listener import Listener
from simulator.headend.notifications import Notification
from simulator.headend.unsealing import Unsealer, gurux_reveal
from simulator.meter.behaviour import story
from simulator.meter.supply import power_fails, power_returns
from simulator.store.embedded import EmbeddedPostgres
from simulator.wire.axdr import decode_whole
from simulator.wire.ciphering import Envelope, Key, decode

SETUPS = [INSTANT, ALERT, BLOCK, DAILY, BILLING, TAMPER, REGISTRATION]
MODELS = ("is15959-1ph", "is15959-3ph", "is15959-ct")
LAST_GASP, FIRST_BREATH, MAGNET = 85, 86, 81


async def test_every_setup_of_every_model_says_what_the_tables_say(database: str) -> None:
    """Value by value and type by type: deciphered and decoded by gurux, against push_objects, their values and GETs."""
    async with (
        pushing(
            database, 1, None, models=MODELS, start="2025-06-01T00:10:00+05:30", history_ms=32 * 24 * HOUR_MS
        ) as meters,
        Listener(unsealer=Unsealer(book_of(meters), reveal=gurux_reveal)) as ear,
    ):
        for index in range(len(MODELS)):
            for setup in SETUPS:
                kind, value = "structure(enum,octet-string,enum)", [0, f"127.0.0.1:{ear.port}", 0]
                assert await meters.set(index, 40, setup, 3, kind, value) == 0
                cohort, row = meters.fleet.place(index)
                code = bytes(map(int, setup.split(".")))
                assert meters.fleet.pushes.push_now(cohort, np.array([row]), code, cohort.around.now_ms()) == 1
                if setup == REGISTRATION:  # begins at random within five minutes
                    await meters.step(5 * MINUTE_MS)
                await judge(meters, index, await heard(ear, setup, serial=meters.fleet.identity(index).serial))


async def judge(meters: Pushing, index: int, note: Notification) -> None:
    security = {"is15959-ct": 0x20}.get(MODELS[index], 0x30)
    assert decode(note.received.apdu).control == security
    await meters.until(lambda: meters.history(note.setup, index))
    assert meters.history(note.setup, index, "payload")[-1] == (note.received.apdu,)
    rows = meters.sql(
        """SELECT o.class_id, o.logical_name, o.attribute_index, v.value FROM sim.push_objects o
           JOIN sim.push_setups s ON s.id = o.push_setup_id JOIN sim.obis_codes c ON c.id = s.obis_code_id
           JOIN sim.push_history_objects v ON v.push_object_id = o.id
           WHERE c.logical_name = %s AND s.meter_id = %s ORDER BY o.position""",
        note.setup,
        meters.fleet.identity(index).id,
    )
    listed = decode_whole(await meters.get(index, 40, note.setup, 2)).value
    assert len(rows) == len(note.items) == len(listed)
    for item, (class_id, code, attribute, value) in zip(note.items, rows, strict=True):
        answer = decode_whole(await meters.get(index, class_id, code, attribute, 64 if class_id == 40 else 48))
        assert item.value.type == answer.tag, code
        assert as_told(item.value.raw) == value, code


def as_told(raw: Any) -> Any:
    """What gurux read, as sim.push_history_objects writes it."""
    if isinstance(raw, bytes | bytearray):
        return bytes(raw).hex()
    if isinstance(raw, str) and set(raw) <= {"0", "1"} and len(raw) == 128:
        return [128, int(raw, 2).to_bytes(16, "big").hex()]
    return list(map(as_told, raw)) if isinstance(raw, list | tuple) else raw


async def test_a_last_gasp_goes_out_and_then_nothing_until_the_first_breath(database: str) -> None:
    async with Listener() as ear, pushing(database, 2, PLAIN.format(port=ear.port)) as meters:
        cohort, now = meters.fleet.cohorts[0], meters.fleet.clock.now_ms
        await meters.step(20 * MINUTE_MS)
        await power_fails(cohort, np.array([0]), now())
        await meters.step(HOUR_MS)
        gasp = await heard(ear, ALERT)
        assert gasp.device.endswith(meters.fleet.identity(0).serial)
        assert [bit.bit for bit in gasp.alerts] == [LAST_GASP]
        assert gasp.clock.isoformat() == "2025-06-01T00:20:00+05:30"
        assert meters.alarms() == [("SENT", 0)]
        assert len(meters.history(INSTANT, 0)) == 1
        assert len(meters.history(INSTANT, 1)) == 5
        await power_returns(cohort, np.array([0]), now())
        await meters.step(10 * MINUTE_MS)
        assert [bit.bit for bit in (await heard(ear, ALERT)).alerts] == [FIRST_BREATH]
        assert meters.alarms() == [("SENT", 0), ("SENT", 0)]
        assert len(meters.history(INSTANT, 0)) == 2


async def test_codes_in_turn_are_alerts_in_turn_each_with_its_own_word(database: str) -> None:
    async with Listener() as ear, pushing(database, 1, PLAIN.format(port=ear.port)) as meters:
        await story.notice_in_turn(meters.fleet.cohorts[0], np.array([0]), [101, 102, 201])
        await meters.step(MINUTE_MS)
        words = [{bit.bit for bit in (await heard(ear, ALERT)).alerts} for _ in range(3)]
        assert sorted(words, key=sorted) == [{MAGNET, FIRST_BREATH}, {LAST_GASP}, {FIRST_BREATH}]
        assert meters.alarms() == [("SENT", 0)] * 3


async def test_a_last_gasp_that_nobody_hears_is_not_repeated_without_power(database: str) -> None:
    async with pushing(database, 1, PLAIN.format(port=free_port())) as meters:
        await power_fails(meters.fleet.cohorts[0], np.array([0]), meters.fleet.clock.now_ms())
        await meters.step(5 * MINUTE_MS)
        assert meters.history(ALERT, 0, "status, retry_count") == [("FAILED", 0)]
        assert meters.alarms() == [("FAILED", 0)]


async def test_an_alarm_that_found_no_room_goes_out_when_there_is_some(database: str) -> None:
    async with Listener() as ear, pushing(database, 1, PLAIN.format(port=ear.port)) as meters:
        pushes = meters.fleet.pushes
        await meters.step(10 * MINUTE_MS)
        pushes.outbox.room = 0
        await meters.happen([0], 201)
        await meters.step(1_000)
        assert meters.history(ALERT, 0, "status, error_message") == [("CANCELLED", "the outbox is full")]
        assert meters.alarms("a.status, a.push_setup_id") == [("PENDING", None)]
        pushes.outbox.room = 10
        pushes.make_up()
        await meters.step(1_000)
        assert meters.alarms() == [("SENT", 0)]
        assert [bit.bit for bit in (await heard(ear, ALERT)).alerts] == [MAGNET, FIRST_BREATH]


async def test_an_alarm_that_waits_when_the_power_fails_goes_out_with_the_first_breath(database: str) -> None:
    port = free_port()
    async with pushing(database, 1, PLAIN.format(port=port)) as meters:
        cohort, now = meters.fleet.cohorts[0], meters.fleet.clock.now_ms
        await meters.step(10 * MINUTE_MS)
        await meters.happen([0], 201)
        await meters.step(1_000)
        await power_fails(cohort, np.array([0]), now())
        await meters.step(2 * MINUTE_MS)
        assert meters.history(ALERT, 0, "status, error_message")[-1] == ("CANCELLED", "the meter is without power")
        async with Listener(port=port) as ear:
            await power_returns(cohort, np.array([0]), now())
            await meters.step(10 * MINUTE_MS)
            assert MAGNET in {bit.bit for bit in (await heard(ear, ALERT)).alerts}
        assert meters.alarms("a.status") == [("SENT",), ("FAILED",), ("SENT",)]  # the last gasp is not repeated


async def test_alarm_rows_point_at_their_bits_and_at_the_bytes_that_carried_them(database: str) -> None:
    """S004-18."""
    async with Listener() as ear, pushing(database, 1, PLAIN.format(port=ear.port)) as meters:
        await meters.happen([0], 201, 67)
        await meters.step(MINUTE_MS)
        columns = "byte_position, bit_position, eswf_status_id, push_history_id"
        rows = meters.sql(f"SELECT {columns} FROM sim.eswf_push_alarms")
        for byte, bit, status, history in rows:
            (esw,) = meters.sql(f"SELECT esw_byte_{byte} FROM sim.eswf_status WHERE id = %s", status)
            assert esw[0] & (1 << bit)
            (carried,) = meters.sql("SELECT status, trigger, payload FROM sim.push_history WHERE id = %s", history)
            assert carried[:2] == ("SUCCESS", "ALARM")
        assert len(rows) == 2
        assert {bit.bit for bit in (await heard(ear, ALERT)).alerts} == {11, MAGNET, FIRST_BREATH}
        counted, *codes = (item.value.value for item in (await heard(ear, TAMPER)).values[1:])
        assert (counted, codes) == (2, [0, 67, 201, 0])


async def test_a_bill_is_pushed_when_its_period_closes(database: str) -> None:
    late = "2025-06-30T23:50:00+05:30"
    async with Listener() as ear, pushing(database, 1, PLAIN.format(port=ear.port), start=late) as m:
        await m.step(20 * MINUTE_MS)
        bill = await heard(ear, BILLING)
        assert bill.clock.isoformat() == "2025-07-01T00:00:00+05:30"
        assert m.history(BILLING, 0, "status, trigger, schedule_id") == [("SUCCESS", "ALARM", None)]


async def test_registration_goes_on_until_it_was_heard_once(database: str) -> None:
    port = free_port()
    for attempts in (1, 2):
        async with pushing(database, 1, PLAIN.format(port=port)) as meters:
            await meters.step(15 * MINUTE_MS)
            states = [row[0] for row in meters.history(REGISTRATION, 0, "status")]
            assert states == ["RETRY", "RETRY", "RETRY", "FAILED"] * attempts
    async with Listener(port=port) as ear:
        for _ in range(2):
            async with pushing(database, 1, PLAIN.format(port=port)) as meters:
                await meters.step(10 * MINUTE_MS)
                assert meters.history(REGISTRATION, 0, "status")[8:] == [("SUCCESS",)]
        note = await heard(ear, REGISTRATION)
        assert note.values[0].value.value == meters.fleet.identity(0).serial
        assert int(ipaddress.IPv4Address(OWN_PORT)) in [item.value.value for item in note.values]  # where it is reached


async def test_open_alarms_of_a_fleet_that_stopped_are_sent_at_its_next_start(database: str) -> None:
    port = free_port()
    async with pushing(database, 2, PLAIN.format(port=port)) as meters:
        await meters.happen([0, 1], 201)
        await meters.step(90_000)
    assert meters.alarms("a.status, a.push_setup_id") == [("PENDING", None)] * 2
    assert meters.history(ALERT, 0, "status, error_message")[-1] == ("CANCELLED", "the fleet was stopped")
    async with Listener(port=port), pushing(database, 2, PLAIN.format(port=port)) as meters:
        await meters.step(MINUTE_MS)
        assert meters.alarms() == [("SENT", 0)] * 2


# --------------------------------------------------------------------------------------------------------- a real kill


class Sink:
    """A head-end that takes every call and keeps what came, slowly."""

    def __init__(self, port: int) -> None:
        self.frames: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", port), backlog=1024)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                meter, _ = self._socket.accept()
            except OSError:
                return
            with meter, suppress(OSError):  # one that fails costs no other
                meter.settimeout(30)
                octets = b""
                while piece := meter.recv(4096):
                    octets += piece
                if octets:
                    self.frames.append(octets)

    def close(self) -> None:
        self._socket.close()


@contextmanager
def sink(port: int) -> Iterator[Sink]:
    found = Sink(port)
    try:
        yield found
    finally:
        found.close()


def alerting(fleet: Spawned, envelope: Envelope) -> str | None:
    """Whose alert it is; None for other pushes."""
    (entry,) = (one for one in fleet.ready["meters"] if bytes.fromhex(one["system_title"]) == envelope.title)
    (push,) = (client for client in entry["clients"] if client["sap"] == 64)
    key = Key(bytes.fromhex(push["ek"]), bytes.fromhex(push["ak"]))
    plain = key.reveal(envelope.control, envelope.title or b"", envelope.counter, envelope.text)
    assert plain is not None
    return str(entry["serial"]) if bytes(map(int, ALERT.split("."))) in plain else None


_OTHERS = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
             AND backend_type = 'client backend'"""


def test_kill_9_in_a_storm_of_alarms_loses_none_and_uses_no_counter_twice(home: Any) -> None:
    count, port = 200, free_port()
    options = ("--start", "2025-06-01T00:01:00+05:30", "--speed", 1, "--push", f"127.0.0.1:{port}", "--seed", 91)

    def spawn() -> Spawned:
        return start(home, count, *options)

    with sink(port) as ear:
        fleet = spawn()
        assert run("events", "inject", "all", 201, "--database", fleet.dsn, home=home).returncode == 0
        eventually(lambda: len(ear.frames) > count // 4)
        os.kill(fleet.process.pid, signal.SIGKILL)
        fleet.process.wait()
        eventually(lambda: fleet.sql(_OTHERS) == [(0,)])  # the last COMMIT that it sent is through
        before = dict(fleet.sql("SELECT status, count(*) FROM sim.eswf_push_alarms GROUP BY 1"))
        assert sum(before.values()) == count
        carried = fleet.sql(
            "SELECT meter_number FROM sim.eswf_push_alarms a JOIN sim.eswf_status s ON s.id = eswf_status_id"
            " JOIN sim.meters m ON m.id = s.meter_id WHERE a.status = 'PENDING' AND push_setup_id IS NOT NULL"
        )
        heard_before = len(ear.frames)
        fleet = spawn()
        try:
            pending = "SELECT count(*) FROM sim.eswf_push_alarms WHERE status = 'PENDING'"
            eventually(lambda: fleet.sql(pending) == [(0,)])
            told = dict(fleet.sql("SELECT status, count(*) FROM sim.eswf_push_alarms GROUP BY 1"))
            assert told == {"SENT": count}
            repeated = fleet.sql(
                "SELECT meter_number FROM sim.push_history h JOIN sim.push_setups s ON s.id = push_setup_id"
                " JOIN sim.meters m ON m.id = s.meter_id WHERE trigger = 'ALARM' AND h.retry_count = 1"
                " AND h.status = 'SUCCESS' AND error_message = 'repeated after a restart'"
            )
            assert sorted(repeated) == sorted(carried)
        finally:
            fleet.end()
        envelopes = [decode(frame[8:]) for frame in ear.frames]
        counters = [(envelope.title, envelope.counter) for envelope in envelopes]
        assert len(set(counters)) == len(counters)
        heard = [alerting(fleet, envelope) for envelope in envelopes]
        twice = set(heard[:heard_before]) & set(heard[heard_before:]) - {None}
        assert twice <= {serial for (serial,) in carried}


async def test_history_that_the_store_refuses_waits_until_it_takes_it(database: str) -> None:
    """A meter's rows are refused, then everybody's; nothing is lost, and who is not concerned does not wait."""
    refuse = "ALTER TABLE sim.push_history ADD CONSTRAINT refused CHECK (push_setup_id <> {}) NOT VALID"
    async with Listener() as ear, pushing(database, 3, PLAIN.format(port=ear.port)) as meters:
        await meters.step(16 * MINUTE_MS)
        setup = "SELECT s.id FROM sim.push_setups s JOIN sim.obis_codes o ON o.id = s.obis_code_id"
        ((number,),) = meters.sql(f"{setup} WHERE logical_name = %s AND meter_id = %s", INSTANT,
                                  meters.fleet.identity(0).id)  # fmt: skip
        change(database, refuse.format(number))
        await meters.step(15 * MINUTE_MS)
        assert [len(meters.history(INSTANT, index)) for index in range(3)] == [1, 2, 2]
        change(database, "ALTER TABLE sim.push_history DROP CONSTRAINT refused")
        await meters.until(lambda: len(meters.history(INSTANT, 0)) == 2)
        change(database, "ALTER TABLE sim.push_history RENAME TO gone")
        await meters.step(30 * MINUTE_MS)
        change(database, "ALTER TABLE sim.gone RENAME TO push_history")
        await meters.until(lambda: [len(meters.history(INSTANT, index)) for index in range(3)] == [4, 4, 4])


def change(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement.encode())


async def test_an_alert_that_the_store_refuses_to_note_waits_until_it_takes_it(database: str) -> None:
    async with Listener() as ear, pushing(database, 1, PLAIN.format(port=ear.port)) as meters:
        await meters.step(10 * MINUTE_MS)
        refuse = "ADD CONSTRAINT refused CHECK (status <> 'PENDING' OR push_setup_id IS NULL) NOT VALID"
        change(database, f"ALTER TABLE sim.eswf_push_alarms {refuse}")
        await meters.happen([0], 201)
        await meters.step(MINUTE_MS)
        assert meters.alarms()[-1] == ("PENDING", 0)
        change(database, "ALTER TABLE sim.eswf_push_alarms DROP CONSTRAINT refused")
        meters.fleet.pushes.make_up()
        await meters.step(MINUTE_MS)
        assert meters.alarms()[-1] == ("SENT", 0)
        assert MAGNET in {bit.bit for bit in (await heard(ear, ALERT)).alerts}


async def test_the_history_waits_for_a_store_that_is_away(server: EmbeddedPostgres) -> None:
    server.ensure_database("pushes_away")
    async with (
        Listener() as ear,
        pushing(server.dsn("pushes_away"), 2, PLAIN.format(port=ear.port), start="2025-06-01T00:10:00+05:30") as meters,
    ):
        server.stop()
        await meters.fleet.clock.turn(step_ms=10 * MINUTE_MS)
        assert (await heard(ear, INSTANT)).clock.isoformat() == "2025-06-01T00:15:00+05:30"
        server.start()
        told = await meters.until(lambda: meters.history(INSTANT, 0, "status, payload IS NOT NULL"))
        assert told == [("SUCCESS", True)]
