# SPDX-License-Identifier: GPL-2.0-only
"""The reference head-end as the place where meters push to: every push that a meter calls sent is in its tables."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from databases_bench import change, collect, count, made, started, verify
from live import DEADLINE_S, Spawned, eventually, free_port, run, spawned, sql
from push_bench import ALERT_BODY, notification, wrapped

from simulator.store.embedded import EmbeddedPostgres
from simulator.values import MS_PER_HOUR

_METERS = 3
_AT = ("--start", "2025-06-02T10:05:00+05:30", "--speed", 0, "--seed", 63)
_SETUPS = """
SELECT m.meter_number, o.logical_name, number_of_retries, repetition_delay, randomisation_start_interval,
       string_agg(concat_ws(' ', p.class_id, p.logical_name, attribute_index, data_index), ', ' ORDER BY position)
FROM {0}.push_setups s JOIN {1}.meters m ON m.id = s.meter_id JOIN {0}.obis_codes o ON o.id = s.obis_code_id
JOIN {0}.push_objects p ON p.push_setup_id = s.id
GROUP BY 1, 2, 3, 4, 5"""
_CONFIGURED = """
SELECT m.meter_number, o.logical_name, pushed.logical_name, p.schedule_type, p.is_enabled,
       string_agg(e.time_pattern, ' ' ORDER BY e.time_pattern)
FROM {0}.push_schedules p JOIN {1}.meters m ON m.id = p.meter_id
JOIN {0}.obis_codes o ON o.id = p.obis_code_id JOIN {0}.schedule_entries e ON e.schedule_id = p.id
JOIN {0}.push_setups s ON s.id = p.push_setup_id JOIN {0}.obis_codes pushed ON pushed.id = s.obis_code_id
WHERE p.is_enabled GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2"""
_SENT = "SELECT count(*) FROM sim.push_history WHERE status = 'SUCCESS'"


@contextmanager
def hearing(
    fleet: Spawned, dsn: str, port: int, *, inventory: Path | None = None, meters: int = _METERS,
    profiles: str = "config,events",
) -> Iterator[None]:  # fmt: skip
    """The head-end's process, when it has read every meter's configuration; it ends in good order."""
    source = ("--inventory", inventory) if inventory else ("--database", fleet.dsn)
    words = (*source, "--hes-database", dsn, "--listen", f"127.0.0.1:{port}")
    process = started("headend", *words, "--profiles", profiles, home=fleet.log.parent)
    try:
        eventually(lambda: sql(dsn, "SELECT to_regclass('hes.settings') IS NOT NULL")[0][0])
        eventually(lambda: sql(dsn, "SELECT count(*) FROM public.meters WHERE status = 'CONNECTED'") == [(meters,)])
        yield
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, errors


def kept_schedule(fleet: Spawned) -> str:
    """The one that pushes every quarter of an hour."""
    statement = (
        "SELECT DISTINCT logical_name FROM sim.push_schedules p JOIN sim.obis_codes o ON o.id = p.obis_code_id"
        " WHERE schedule_type = 'FIFTEEN_MIN' AND p.is_enabled"
    )
    ((schedule,),) = fleet.sql(statement)
    return str(schedule)


def alerts_of(dsn: str, serial: str) -> int:
    """How many have come."""
    statement = (
        "SELECT count(*) FROM hes.push_history h JOIN public.meters m ON m.id = h.meter_id"
        " JOIN hes.push_setups s ON s.id = h.push_setup_id JOIN hes.obis_codes o ON o.id = s.obis_code_id"
        " WHERE meter_number = %s AND o.logical_name = '0.4.25.9.0.255'"
    )
    return int(sql(dsn, statement, serial)[0][0])


@pytest.fixture(scope="module")
def heard(postgres: EmbeddedPostgres) -> Iterator[tuple[Spawned, str]]:
    """A fleet that has pushed for an hour, and the database of the head-end that has listened meanwhile."""
    port = free_port()
    pushes = ("--push", f"127.0.0.1:{port},security=0", "--push-schedule", "FIFTEEN_MIN")
    with spawned(postgres.home, _METERS, *_AT, *pushes) as fleet, made(postgres) as database:
        with hearing(fleet, database, port):
            with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as stranger:
                stranger.sendall(wrapped(notification(ALERT_BODY)))
            fleet.step(MS_PER_HOUR)
            for _ in range(2):  # at one instant of the meters' clocks: the second is a duplicate
                run("push", "now", "2", "--database", fleet.dsn, home=fleet.log.parent)
            fleet.inject("1", 251)
            for number, code in enumerate((201, 251, 202), 1):  # of meter 3, one alert each
                fleet.inject("3", code)
                eventually(lambda number=number: alerts_of(database, fleet.meters[2].serial) == number)
            eventually(lambda: fleet.sql(f"{_SENT} AND trigger = 'SCHEDULE'")[0][0] >= 4 * _METERS)
            eventually(lambda: alerts_of(database, fleet.meters[0].serial))
            eventually(lambda: sql(database, "SELECT count(*) FROM hes.push_history") == fleet.sql(_SENT))
            eventually(lambda: count(database, "hes.event_logs WHERE event_type = 'UNKNOWN_METER'"))
        yield fleet, database


def test_every_push_that_was_sent_is_there(heard: tuple[Spawned, str]) -> None:
    """S001-07 to -10; a push of a stranger is an entry of the head-end's own log."""
    fleet, database = heard
    code, found = verify(fleet, database, "--tables", "push_history,instant_profile")
    assert (code, found["findings"]) == (0, [])
    readings = dict(sql(database, "SELECT source, count(*) FROM hes.energy_measurements GROUP BY 1"))
    assert readings["AUTO_READ"] >= 4 * _METERS
    (objects,) = sql(database, "SELECT count(*), count(DISTINCT push_history_id) FROM hes.push_history_objects")
    assert objects[1] >= 4 * _METERS


def test_a_push_that_repeats_another_is_flagged(heard: tuple[Spawned, str]) -> None:
    fleet, database = heard
    flagged = (
        "SELECT DISTINCT meter_number, e.timestamp AT TIME ZONE 'Asia/Kolkata' FROM hes.{} e"
        " JOIN public.meters m ON m.id = e.meter_id WHERE 8 = ANY (validation_flags)"
    )
    for relation in ("energy_measurements", "voltage_measurements"):
        assert [(meter, str(at)) for meter, at in sql(database, flagged.format(relation))] == [
            (fleet.meters[1].serial, "2025-06-02 11:05:00")
        ]


def test_alerts_are_events_of_what_they_tell_anew(heard: tuple[Spawned, str]) -> None:
    """S001-04, S001-19; logs tell of the same."""
    fleet, database = heard
    collect(fleet, database, "--profiles", "events")
    alarms = sql(
        database,
        "SELECT event_code, e.source FROM public.meter_events e JOIN public.meters m ON m.id = e.meter_id"
        " WHERE meter_number = %s AND e.source <> 'EVENT_LOG' ORDER BY 2 DESC, 1",
        fleet.meters[2].serial,
    )  # the supply never failed, and the magnet came once
    assert alarms == [(201, "PUSH_ALARM"), (251, "PUSH_ALARM"), (202, "ESW_DIFF"), (251, "ESW_DIFF")]
    both = sql(database, "SELECT array_agg(DISTINCT source ORDER BY source) FROM public.meter_events"
                         " WHERE event_code = 251")  # fmt: skip
    assert both == [(["ESW_DIFF", "EVENT_LOG", "PUSH_ALARM"],)]
    severities = {
        one for (one,) in sql(database, "SELECT severity FROM public.meter_events WHERE source = 'PUSH_ALARM'")
    }
    assert severities
    assert severities <= {"WARNING", "CRITICAL"}


def test_what_meters_are_set_to_push_is_read_back_and_changes_on_both_sides(heard: tuple[Spawned, str]) -> None:
    """S001-06, S001-20."""
    fleet, database = heard
    for told, number in ((_CONFIGURED, 3), (_SETUPS, 7)):  # the rows of whom it asked are made behind the answers
        read = set(sql(database, told.format("hes", "public")))
        assert len(read) == number * _METERS
        eventually(lambda read=read, told=told: set(fleet.sql(told.format("sim", "sim"))) == read)
    schedule = kept_schedule(fleet)
    hourly = 'array(structure(octet-string,octet-string)):[["hex:ff0000ff", "hex:ffffffffff"]]'
    meter = f"{fleet.meters[0].host}:{fleet.meters[0].port}"
    done = run("write", meter, f"{schedule}:4", hourly, "--client", "us", home=fleet.log.parent)
    assert done.returncode == 0, done.stderr
    collect(fleet, database, "--profiles", "config")
    kept = fleet.sql(_CONFIGURED.format("sim", "sim"))
    types = {serial: kind for serial, obis, _, kind, *_ in kept if obis == schedule}
    assert list(types.values()).count("ONE_HOUR") == 1
    assert types[fleet.meters[0].serial] == "ONE_HOUR"
    read = sql(database, _CONFIGURED.format("hes", "public"))
    assert set(kept) <= set(read)
    assert {serial: kind for serial, obis, _, kind, *_ in read if obis == schedule} == types


def test_without_the_fleets_database_a_push_is_filed_by_what_its_meter_has_told(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    """Lists and scalers are read from the meters; here of a plain push, which only its device id names."""
    port, inventory, blocks = free_port(), tmp_path / "meters.csv", "hes.block_load_profile WHERE source = 'AUTO_READ'"
    pushes = ("--push", f"127.0.0.1:{port},security=0", "--push-schedule", "FIFTEEN_MIN", "--model", "is15959-3ph")
    with spawned(postgres.home, 1, *_AT, *pushes) as fleet, made(postgres) as database:
        inventory.write_text(run("inventory", "--csv", "--database", fleet.dsn, home=fleet.log.parent).stdout)
        with hearing(fleet, database, port, inventory=inventory, meters=1):
            fleet.step(MS_PER_HOUR)
            eventually(lambda: count(database, blocks) == 2)
        change(database, "UPDATE public.meters SET status = 'DISCONNECTED'")
        with hearing(fleet, database, port, inventory=inventory, meters=1, profiles="events"):  # the list is known now
            fleet.step(MS_PER_HOUR)
            eventually(lambda: count(database, blocks) == 4)
            eventually(lambda: sql(database, "SELECT count(*) FROM hes.push_history") == fleet.sql(_SENT))
        assert count(database, "hes.event_logs WHERE event_type = 'PUSH_LIST_UNKNOWN'") == 0
        code, found = verify(fleet, database, "--tables", "push_history,instant_profile,block_load_profile")
        assert (code, found["findings"]) == (0, [])
