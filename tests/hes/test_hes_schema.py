# SPDX-License-Identifier: MIT
"""The head-end's database promises what the seed documents 000 and 001 say, on each tier (S000-01 to -25)."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hes_bench import METER

from simulator.errors import UserError
from simulator.hes.database import HesDatabase

NOWHERE = "00000000-0000-4000-8000-00000000dead"
MEASUREMENTS = ("public.meter_readings", "hes.power_readings", "hes.energy_measurements", "hes.voltage_measurements",
                "hes.current_measurements")  # fmt: skip
PROFILES = ("hes.instant_profile", "hes.block_load_profile", "hes.daily_load_profile", "hes.billing_profile")
READING_TYPES = dict(
    zip(MEASUREMENTS, ("VOLTAGE", "ACTIVE_POWER_IMPORT", "KWH_IMPORT", "VOLTAGE", "CURRENT"), strict=True)
)
TIMES = {"hes.instant_profile": "timestamp", "hes.block_load_profile": "capture_time",
         "hes.daily_load_profile": "capture_date", "hes.billing_profile": "billing_date"}  # fmt: skip


def values(hes: HesDatabase, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    return hes.connection.execute(statement.encode(), parameters or None).fetchall()


def insert(
    hes: HesDatabase, relation: str, *, meter: str = METER, at: str = "2026-03-01T00:00Z", **columns: object
) -> None:
    """One row of a table of measurements or of a profile."""
    if relation in TIMES:
        row = {"meter_id": meter, TIMES[relation]: at, **columns}
    else:
        row = {"meter_id": meter, "timestamp": at, "reading_type": READING_TYPES[relation], **columns}
        if relation.rsplit(".", 1)[1] in ("voltage_measurements", "current_measurements"):
            row.setdefault("phase", "R")
    names, marks = ", ".join(row), ", ".join(["%s"] * len(row))
    hes.connection.execute(f"INSERT INTO {relation} ({names}) VALUES ({marks})".encode(), list(row.values()))


def test_columns_are_those_of_the_seeds_in_their_order(hes: HesDatabase) -> None:
    wanted: dict[str, list[tuple[str, ...]]] = {}
    for line in (Path(__file__).parent / "columns.tsv").read_text().splitlines():
        relation, *column = line.split("\t")
        wanted.setdefault(relation, []).append(tuple(column))
    assert len(wanted) == 20
    for relation, columns in wanted.items():
        found = values(
            hes,
            "SELECT attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'NN' ELSE '' END"
            " FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            relation,
        )
        assert found == columns, relation


def test_all_of_it_can_be_made_anew(hes: HesDatabase) -> None:
    """`db init --hes --fresh`, on each tier, with chunks in the hypertables."""
    for relation in (*MEASUREMENTS, *PROFILES):
        insert(hes, relation)
    hes.renew("UTC")
    assert values(hes, "SELECT count(*) FROM public.meters") == [(0,)]
    assert (hes.timezone(), len(hes.policies())) == ("UTC", 28)
    insert_meter = "INSERT INTO public.meters (id, meter_number, meter_type) VALUES (%s, 'M17', 'D1')"
    hes.connection.execute(insert_meter.encode(), [METER])
    insert(hes, PROFILES[1])


def test_nothing_of_ours_lies_in_a_schema_of_timescale(hes: HesDatabase) -> None:
    """S001-13, -14: three tables in public, all others in hes."""
    assert values(
        hes,
        "SELECT string_agg(table_name, ',' ORDER BY table_name) FROM information_schema.tables"
        " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'",
    ) == [("meter_events,meter_readings,meters",)]
    assert (
        values(
            hes,
            "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE nspname ~ '^_timescaledb_'"
            " AND relname IN (SELECT relname FROM pg_class WHERE relnamespace = 'hes'::regnamespace)",
        )
        == []
    )


@pytest.mark.parametrize("relation", [*MEASUREMENTS, *PROFILES])
def test_a_reading_belongs_to_a_meter_and_comes_once(hes: HesDatabase, relation: str) -> None:
    """S001-03: unknown meter 23503. The unique key holds the time column (S000-02)."""
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        insert(hes, relation, meter=NOWHERE)
    insert(hes, relation)
    with pytest.raises(psycopg.errors.UniqueViolation):
        insert(hes, relation)
    time = TIMES.get(relation, "timestamp")
    assert values(
        hes,
        "SELECT count(*) FROM pg_constraint k"
            " JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)"
        " WHERE k.conrelid = %s::regclass AND k.contype = 'p' AND a.attname = %s",
        relation, time,
    ) == [(1,)]  # fmt: skip


def test_what_refers_to_meters_and_to_pushes(hes: HesDatabase) -> None:
    """S001-01, S001-03, S001-11."""
    keys = (
        "SELECT conrelid::regclass::text, string_agg(a.attname, ',' ORDER BY a.attname) FROM pg_constraint k"
        " JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)"
        " JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE k.contype = 'f' AND nspname IN ('hes', 'public') AND confrelid = ANY (%s::regclass[]) GROUP BY 1"
    )
    to_meters = dict(values(hes, keys, ["public.meters"]))
    shown = {name.removeprefix("public.").removeprefix("hes.") for name in (*MEASUREMENTS, *PROFILES, "meter_events")}
    assert shown <= {name.removeprefix("public.") for name in to_meters}
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        hes.connection.execute(
            "INSERT INTO public.meter_events (meter_id, timestamp, event_code, event_type)"
            " VALUES (%s, now(), 1, 'CLOCK')", [NOWHERE],
        )  # fmt: skip
    pushes = ["hes.push_schedules", "hes.push_setups", "hes.push_history", "hes.push_objects"]
    assert {
        ("push_history", "push_setup_id,schedule_id"),
        ("push_history_objects", "push_history_id,push_object_id"),
        ("push_objects", "push_setup_id"),
        ("push_schedules", "push_setup_id"),
        ("schedule_entries", "schedule_id"),
    } == set(values(hes, keys, pushes))


def test_a_code_is_its_logical_name(hes: HesDatabase) -> None:
    """S001-12."""
    hes.connection.execute("INSERT INTO hes.obis_codes (logical_name, class_id) VALUES ('1.0.1.8.0.255', 3)")
    assert values(hes, "SELECT code FROM hes.obis_codes") == [("1.0.1.8.0.255",)]


def test_the_schemas_of_timescale_are_there_where_it_is(hes: HesDatabase) -> None:
    """S001-15; on a plain server there is nothing of the kind."""
    found = values(
        hes,
        "SELECT nspname::text FROM pg_namespace WHERE nspname IN ('_timescaledb_catalog', '_timescaledb_config',"
        " '_timescaledb_internal', 'timescaledb_information')",
    )
    assert len(found) == (0 if hes.tier() == "none" else 4)


@pytest.mark.parametrize(
    ("relation", "column", "value"),
    [
        ("public.meter_readings", "validation_status", "OPEN"),
        ("public.meter_readings", "source", "GUESSED"),
        ("public.meter_readings", "communication_status", "LOST"),
        ("public.meter_readings", "quality", 256),
        ("hes.power_readings", "reading_type", "POWER"),
        ("hes.energy_measurements", "measurement_type", "TOTAL"),
        ("hes.voltage_measurements", "phase", "N"),
        ("hes.block_load_profile", "block_interval_minutes", 7),
        ("hes.instant_profile", "source", "GUESSED"),
    ],
)
def test_codes_outside_their_lists_are_refused(hes: HesDatabase, relation: str, column: str, value: object) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        insert(hes, relation, **{column: value})


# ------------------------------------------------------------------------------------------ triggers


def test_the_triggers_are_where_the_seed_puts_them(hes: HesDatabase) -> None:
    """S000-12, -14, -16. TimescaleDB repeats a table's triggers on its chunks; those are not counted."""
    ours = "tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace IN ('hes'::regnamespace, 'public'::regnamespace))"
    before_row_insert_or_update = 1 | 2 | 4 | 16
    assert values(
        hes,
        f"SELECT count(*) FROM pg_trigger WHERE {ours} AND tgname ~ '^check_.*_validation$' AND tgtype & 23 = %s",
        before_row_insert_or_update,
    ) == [(5,)]
    assert values(hes, f"SELECT count(*) FROM pg_trigger WHERE {ours} AND tgname ~ '^update_.*_timestamp$'") == [(9,)]
    row_after_insert_delete_update = 1 | 4 | 8 | 16
    assert values(
        hes, f"SELECT tgtype FROM pg_trigger WHERE {ours} AND tgname = 'meter_readings_audit_trigger'"
    ) == [(row_after_insert_delete_update,)]  # fmt: skip


@pytest.mark.parametrize("relation", MEASUREMENTS)
def test_quality_below_good_is_not_validated(hes: HesDatabase, relation: str) -> None:
    """S000-13."""
    for minute, (quality, status) in enumerate([(191, "UNVALIDATED"), (192, "VALID"), (216, "VALID")]):
        at = f"2026-03-01T00:{minute:02}Z"
        insert(hes, relation, at=at, quality=quality)
        assert values(hes, f"SELECT validation_status FROM {relation} WHERE timestamp = %s", at) == [(status,)]
    hes.connection.execute(f"UPDATE {relation} SET quality = 128 WHERE quality = 192".encode())
    assert values(hes, f"SELECT validation_status FROM {relation} WHERE quality = 128") == [("UNVALIDATED",)]


def test_a_validation_by_hand_stands(hes: HesDatabase) -> None:
    """C-05: 216 is good by local override."""
    insert(hes, "public.meter_readings", quality=216, validation_status="MANUALLY_VALIDATED")
    hes.connection.execute("UPDATE public.meter_readings SET value = 7")
    assert values(hes, "SELECT validation_status FROM public.meter_readings") == [("MANUALLY_VALIDATED",)]


@pytest.mark.parametrize("relation", [*MEASUREMENTS, *PROFILES])
def test_a_change_moves_created_at_and_not_inserted_at(hes: HesDatabase, relation: str) -> None:
    """S000-15 and C-04."""
    insert(hes, relation)
    ((created, inserted),) = values(hes, f"SELECT created_at, inserted_at FROM {relation}")
    hes.connection.execute(f"UPDATE {relation} SET communication_status = 'PARTIAL'".encode())
    ((created_now, inserted_now),) = values(hes, f"SELECT created_at, inserted_at FROM {relation}")
    assert created_now > created
    assert inserted_now == inserted


def test_a_meter_remembers_when_it_was_changed(hes: HesDatabase) -> None:
    """S001-02."""
    hes.connection.execute("UPDATE public.meters SET status = 'CONNECTED'")
    assert values(hes, "SELECT updated_at > created_at FROM public.meters") == [(True,)]


def test_each_change_of_a_reading_is_audited(hes: HesDatabase) -> None:
    """S000-17: I has new values, U old and new, D old ones."""
    hes.connection.execute("SET hes.actor = 'auditor'")
    insert(hes, "public.meter_readings", value=1.0)
    hes.connection.execute("UPDATE public.meter_readings SET value = 2, quality = 128")
    hes.connection.execute("DELETE FROM public.meter_readings")
    assert values(
        hes,
        "SELECT operation, old_value, new_value, old_quality, new_quality, old_validation_status,"
        " new_validation_status, modified_by, meter_id::text, reading_type"
        " FROM hes.meter_readings_audit ORDER BY audit_id",
    ) == [
        ("I", None, 1.0, None, 192, None, "VALID", "auditor", METER, "VOLTAGE"),
        ("U", 1.0, 2.0, 192, 128, "VALID", "UNVALIDATED", "auditor", METER, "VOLTAGE"),
        ("D", 2.0, None, 128, None, "UNVALIDATED", None, "auditor", METER, "VOLTAGE"),
    ]


def test_copy_is_audited_too(hes: HesDatabase) -> None:
    """S000-16."""
    with hes.connection.cursor().copy(
        "COPY public.meter_readings (meter_id, timestamp, reading_type, value) FROM STDIN"
    ) as copy:
        copy.write_row((METER, "2026-03-01T00:00Z", "VOLTAGE", 240.5))
    assert values(hes, "SELECT operation, new_value, modified_by IS NOT NULL FROM hes.meter_readings_audit") == [
        ("I", 240.5, True)
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------- what a tier provides


def test_every_promise_names_who_keeps_it(hes: HesDatabase) -> None:
    """S000-02 to -10, S001-16, -17; on a plain server all is emulated, and said to be."""
    tier = hes.tier()
    by_kind = {kind: {one.provided_by for one in hes.policies() if one.kind == kind} for kind in
               ("hypertable", "retention", "compression", "aggregate")}  # fmt: skip
    assert (
        by_kind
        == {
            "none": {key: {"emulated"} for key in by_kind},
            "apache": {key: {"emulated"} for key in by_kind} | {"hypertable": {"apache"}},
            "timescale": {key: {"timescale"} for key in by_kind},
        }[tier]
    )
    assert len([one for one in hes.policies() if one.kind == "hypertable"]) == 9
    if tier != "none":
        assert values(
            hes,
            "SELECT count(*) FROM timescaledb_information.hypertables WHERE hypertable_schema IN ('public', 'hes')"
            " AND hypertable_name NOT LIKE %s", "%buckets%",
        ) == [(9,)]  # fmt: skip
    if tier == "timescale":
        jobs = dict(values(hes, "SELECT proc_name::text, count(*) FROM timescaledb_information.jobs GROUP BY 1"))
        assert (jobs["policy_retention"], jobs["policy_compression"]) == (9, 9)
        assert values(hes, "SELECT count(*) FROM timescaledb_information.continuous_aggregates") == [(1,)]


def test_a_query_of_an_hour_touches_one_part(hes: HesDatabase) -> None:
    """S000-23."""
    hes.connection.execute(
        "INSERT INTO public.meter_readings (meter_id, timestamp, reading_type, value)"
        " SELECT %s, t, 'VOLTAGE', 240 FROM generate_series('2026-03-01Z'::timestamptz, '2026-03-03Z', '1 minute') t",
        [METER],
    )
    hes.connection.execute("ANALYZE public.meter_readings")
    plan = "\n".join(
        line
        for (line,) in values(
            hes,
            "EXPLAIN SELECT * FROM public.meter_readings WHERE timestamp >= '2026-03-02T05:00Z'"
            " AND timestamp < '2026-03-02T06:00Z'",
        )
    )
    assert "Index" in plan
    if hes.tier() != "none":
        assert values(hes, "SELECT count(*) > 1 FROM show_chunks('public.meter_readings')") == [(True,)]
        assert len(set(re.findall(r" on (_hyper_\w+_chunk)", plan))) == 1


def test_days_from_blocks_are_the_meters_days(hes: HesDatabase) -> None:
    """S001-18, C-25: a block is stamped with its end; that of midnight belongs to the day before."""
    hes.connection.execute(
        "INSERT INTO hes.block_load_profile (meter_id, capture_time, kwh_import, kwh_export, kvah_import, kvah_export)"
        " SELECT %s, t, 0.125, 0, 0.25, 0"
        " FROM generate_series('2026-03-01T00:30+05:30'::timestamptz, '2026-03-03T00:00+05:30', '30 minutes') t",
        [METER],
    )
    assert values(
        hes,
        "SELECT day AT TIME ZONE 'Asia/Kolkata', blocks, kwh_import::text FROM hes.daily_load_profile_agg ORDER BY day",
    ) == [(dt.datetime(2026, 3, 1), 48, "6.000"), (dt.datetime(2026, 3, 2), 48, "6.000")]


def test_maintenance_keeps_what_is_young(hes: HesDatabase) -> None:
    """S000-24, -25: three months of readings; a dry run only tells; what was deleted is noted (C-29)."""
    hes.connection.execute(
        "INSERT INTO public.meter_readings (meter_id, timestamp, reading_type)"
        " SELECT %s, now() - age * interval '1 day', 'VOLTAGE' FROM unnest(ARRAY[1, 80, 100, 400]) age",
        [METER],
    )
    if hes.tier() == "timescale":
        assert any(step.what == "retention is kept by the server" for step in hes.maintain())
        return
    told = {step.relation: step.rows for step in hes.maintain(dry_run=True) if "older" in step.what}
    assert told["public.meter_readings"] == 2
    assert values(hes, "SELECT count(*) FROM public.meter_readings") == [(4,)]
    hes.maintain()
    assert values(hes, "SELECT count(*) FROM public.meter_readings") == [(2,)]
    assert values(hes, "SELECT additional_data FROM hes.event_logs WHERE event_type = 'MAINTENANCE'") == [
        ({"public.meter_readings": 2},)
    ]


# ------------------------------------------------------------------------------------------ made, or not


def test_installing_twice_changes_nothing(hes: HesDatabase) -> None:
    insert(hes, "public.meter_readings")
    assert hes.install() is False
    assert values(hes, "SELECT count(*) FROM public.meter_readings") == [(1,)]


def test_another_schema_of_these_names_is_left_alone(database: str) -> None:
    with HesDatabase.open(database) as theirs:
        theirs.connection.execute("CREATE TABLE public.meters (mine integer)")
        with pytest.raises(UserError, match="not meterfleet's"):
            theirs.install()
        assert not theirs.is_installed()


def test_a_newer_schema_is_refused(hes: HesDatabase) -> None:
    hes.connection.execute("INSERT INTO hes.schema_version VALUES (99)")
    with pytest.raises(UserError, match="version 99"):
        hes.install()


def test_a_time_zone_that_is_none_is_told(database: str) -> None:
    with HesDatabase.open(database) as fresh, pytest.raises(UserError, match="Asia/Kolkatta"):
        fresh.install("Asia/Kolkatta")
