# SPDX-License-Identifier: MIT
"""The schema promises what the seed documents 001 and 004 say (S004-02 to S004-32, S001-01, -02, -12;
docs/requirements.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

METER = UUID(int=17)

# The seed's own texts; they run once their relations exist (S004-20, S004-21).
SEED_VIEWS = """
CREATE VIEW active_schedules AS
SELECT ps.id, ps.schedule_type, oc.logical_name, se.time_pattern, se.comment
FROM push_schedules ps
JOIN obis_codes oc ON ps.obis_code_id = oc.id
JOIN schedule_entries se ON se.schedule_id = ps.id
WHERE ps.is_enabled = true;
CREATE VIEW latest_measurements AS
SELECT oc.logical_name, em.value as energy_value, em.unit as energy_unit, vm.value as voltage_value,
    cm.value as current_value, COALESCE(em.timestamp, vm.timestamp, cm.timestamp) as measurement_time
FROM obis_codes oc
LEFT JOIN energy_measurements em ON em.obis_code_id = oc.id
LEFT JOIN voltage_measurements vm ON vm.obis_code_id = oc.id
LEFT JOIN current_measurements cm ON cm.obis_code_id = oc.id;
"""


@pytest.fixture
def db(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A session bound to one meter, which knows code 1."""
    with psycopg.connect(database, autocommit=True, options="-c search_path=sim,public") as connection:
        connection.execute("INSERT INTO meters (id, meter_number, meter_type) VALUES (%s, 'M17', '3ph')", [METER])
        connection.execute("INSERT INTO obis_codes (logical_name, class_id) VALUES ('1.0.1.8.0.255', 3)")
        connection.execute("SELECT set_config('sim.meter_id', %s, false)", [str(METER)])
        yield connection


def values(db: psycopg.Connection[Any], statement: str) -> list[tuple[Any, ...]]:
    return db.execute(statement.encode()).fetchall()


def test_columns_are_those_of_the_seeds_in_their_order(db: psycopg.Connection[Any]) -> None:
    wanted: dict[str, list[tuple[str, ...]]] = {}
    for line in (Path(__file__).parent / "sim_columns.tsv").read_text().splitlines():
        relation, *column = line.split("\t")
        wanted.setdefault(relation, []).append(tuple(column))
    assert len(wanted) == 20
    for relation, columns in wanted.items():
        found = values(
            db,
            "SELECT attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'NN' ELSE '' END,"
            " CASE attgenerated WHEN 's' THEN 'GENERATED ' ELSE '' END"
            " || coalesce(CASE WHEN attgenerated = 's' THEN trim(pg_get_expr(adbin, adrelid), '()')"
            " ELSE pg_get_expr(adbin, adrelid) END, '')"
            " FROM pg_attribute a LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
            f" WHERE attrelid = 'sim.{relation}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        )
        assert [_unqualified(row) for row in found[: len(columns)]] == [_unqualified(row) for row in columns], relation


def _unqualified(row: tuple[str, ...]) -> tuple[str, ...]:
    """How a default is shown depends on the search path."""
    return tuple(part.replace("sim.", "") for part in row)


def test_tables_without_created_at(db: psycopg.Connection[Any]) -> None:
    """S004-29: all tables have it, but for the link table."""
    assert values(
        db,
        "SELECT table_name::text FROM information_schema.tables t WHERE table_schema = 'sim' AND"
        " table_type = 'BASE TABLE' AND NOT EXISTS (SELECT FROM information_schema.columns c WHERE"
        " (c.table_schema, c.table_name, c.column_name) = ('sim', t.table_name, 'created_at'))",
    ) == [("push_history_objects",)]


def test_every_foreign_key_has_an_index(db: psycopg.Connection[Any]) -> None:
    """S004-27. The count keeps the query honest."""
    keys = "FROM pg_constraint k WHERE contype = 'f' AND connamespace = 'sim'::regnamespace"
    assert values(db, f"SELECT count(*) >= 30 {keys}") == [(True,)]
    indexed = "EXISTS (SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indkey[0] = k.conkey[1])"
    assert values(db, f"SELECT conrelid::regclass::text, conname {keys} AND NOT {indexed}") == []


def test_indexes_on_times_and_on_what_is_asked_for(db: psycopg.Connection[Any]) -> None:
    """S004-26, S004-28."""
    leading = {
        (table, column)
        for table, column in values(
            db,
            "SELECT indrelid::regclass::text, attname FROM pg_index JOIN pg_attribute"
            " ON attrelid = indrelid AND attnum = indkey[0]",
        )
    }
    wanted = (
        "push_schedules.schedule_type push_schedules.is_enabled push_history.status push_history.timestamp"
        " eswf_push_alarms.status eswf_push_alarms.alarm_timestamp event_logs.event_code event_logs.event_type"
        " event_logs.acknowledged event_logs.event_timestamp meters.status"
    )
    assert {tuple(name.split(".")) for name in wanted.split()} <= leading


def test_no_float_column(db: psycopg.Connection[Any]) -> None:
    """S004-32."""
    floats = "data_type IN ('real', 'double precision')"
    assert values(db, f"SELECT * FROM information_schema.columns WHERE table_schema = 'sim' AND {floats}") == []


@pytest.mark.parametrize(
    ("statement", "state"),
    [
        ("INSERT INTO obis_codes (logical_name, class_id) VALUES ('1.0.1.8.0.255', 3)", "23505"),
        ("INSERT INTO obis_codes (logical_name) VALUES ('1.0.2.8.0.255')", "23502"),
        ("INSERT INTO push_setups (obis_code_id) VALUES (99)", "23503"),
        ("INSERT INTO push_objects (class_id, logical_name, attribute_index) VALUES (3, 'x', 2)", "23502"),
        ("INSERT INTO push_schedules (schedule_type) VALUES ('HOURLY')", "23514"),
        ("INSERT INTO block_load_profile (capture_time, block_interval_minutes) VALUES (now(), 7)", "23514"),
        ("INSERT INTO block_load_profile (capture_time, obis_code_id) VALUES (now(), 99)", "23503"),
        ("INSERT INTO event_logs (event_timestamp, event_code, event_type) VALUES (now(), 1, 'FOO')", "23514"),
        ("INSERT INTO eswf_status (timestamp, esw_byte_0) VALUES (now(), 256)", "23514"),
        ("INSERT INTO eswf_status (timestamp, esw_byte_15) VALUES (now(), -1)", "23514"),
        ("INSERT INTO eswf_push_alarms (alarm_timestamp, alarm_type, byte_position, bit_position, status)"
         " VALUES (now(), 'x', 16, 0, 'SENT')", "23514"),
        ("INSERT INTO eswf_push_alarms (alarm_timestamp, alarm_type, byte_position, bit_position, status)"
         " VALUES (now(), 'x', 0, 8, 'SENT')", "23514"),
        ("INSERT INTO eswf_push_alarms (alarm_timestamp, alarm_type, byte_position, bit_position, status)"
         " VALUES (now(), 'x', 0, 0, 'OPEN')", "23514"),
        ("INSERT INTO push_history (push_setup_id, timestamp, status) VALUES (99, now(), 'SUCCESS')", "23503"),
        ("INSERT INTO voltage_measurements (obis_code_id, timestamp, value, phase) VALUES (1, now(), 1, 'N')", "23514"),
        ("INSERT INTO schedule_entries (schedule_id, time_pattern) VALUES (99, 'FF:00:00:FF')", "23503"),
        ("INSERT INTO fleet (id, name, seed, version, spec, installed_ms, clock_ms, speed)"
         " VALUES (2, '', 1, '', '{}', 0, 0, '1')", "23514"),
        ("INSERT INTO meters (meter_number, meter_type, system_title) VALUES ('x', 'y', '\\x0102')", "23514"),
    ],
)  # fmt: skip
def test_refused(db: psycopg.Connection[Any], statement: str, state: str) -> None:
    with pytest.raises(psycopg.Error) as refused:
        db.execute(statement.encode())
    assert refused.value.sqlstate == state


def test_all_schedule_types_and_the_default(db: psycopg.Connection[Any]) -> None:
    """S004-07, S004-08."""
    types = ["FIFTEEN_MIN", "THIRTY_MIN", "ONE_HOUR", "FOUR_HOUR", "EIGHT_HOUR", "TWELVE_HOUR", "TWENTY_FOUR_HOUR"]
    for schedule_type in types:
        db.execute("INSERT INTO push_schedules (schedule_type) VALUES (%s)", [schedule_type])
    assert values(db, "SELECT count(*), bool_and(is_enabled) FROM push_schedules") == [(7, True)]


@pytest.mark.parametrize("minutes", [15, 30, 60])
def test_block_intervals(db: psycopg.Connection[Any], minutes: int) -> None:
    """S004-12."""
    statement = "INSERT INTO block_load_profile (capture_time, block_interval_minutes) VALUES (now(), %s)"
    assert db.execute(statement, [minutes]).rowcount == 1


def test_the_seeds_statements_run_unchanged_in_a_session_bound_to_a_meter(db: psycopg.Connection[Any]) -> None:
    db.execute("INSERT INTO block_load_profile (obis_code_id, capture_time, kWh_import) VALUES (1, now(), 0.125)")
    assert values(db, "SELECT meter_id, kwh_import::text FROM block_load_profile") == [(METER, "0.125")]
    db.execute("DROP VIEW active_schedules, latest_measurements")
    db.execute(SEED_VIEWS)


def test_a_session_without_a_meter_cannot_store_for_one(db: psycopg.Connection[Any]) -> None:
    db.execute("RESET sim.meter_id")
    with pytest.raises(psycopg.errors.NotNullViolation):
        db.execute("INSERT INTO daily_load_profile (capture_date) VALUES (now())")


def test_code_follows_the_logical_name(db: psycopg.Connection[Any]) -> None:
    """S001-12."""
    assert values(db, "SELECT code, description, unit FROM obis_codes") == [("1.0.1.8.0.255", None, None)]


def test_updated_at_moves(db: psycopg.Connection[Any]) -> None:
    """S001-02, in one transaction too."""
    with db.transaction():
        db.execute("INSERT INTO meters (meter_number, meter_type) VALUES ('M18', '1ph')")
        db.execute("UPDATE meters SET host = '127.0.0.1' WHERE meter_number = 'M18'")
        assert values(db, "SELECT updated_at > created_at FROM meters WHERE meter_number = 'M18'") == [(True,)]


def test_active_schedules_shows_enabled_ones_only(db: psycopg.Connection[Any]) -> None:
    db.execute("INSERT INTO push_schedules (obis_code_id, schedule_type) VALUES (1, 'ONE_HOUR')")
    db.execute("INSERT INTO schedule_entries (schedule_id, time_pattern) VALUES (1, 'FF:00:00:FF')")
    columns = "schedule_type, logical_name, time_pattern, meter_id, date_pattern"
    shown = ("ONE_HOUR", "1.0.1.8.0.255", "FF:00:00:FF", METER, "FF:FF:FF:FF:FF")
    assert values(db, f"SELECT {columns} FROM active_schedules") == [shown]
    db.execute("UPDATE push_schedules SET is_enabled = false")
    assert values(db, "SELECT * FROM active_schedules") == []


def test_latest_measurements_are_one_per_meter_and_code(db: psycopg.Connection[Any]) -> None:
    """S004-21: three meters with four samples each are three rows per code."""
    db.execute("INSERT INTO meters (meter_number, meter_type) VALUES ('A', 'x'), ('B', 'x')")
    db.execute("INSERT INTO obis_codes (logical_name, class_id) VALUES ('1.0.32.7.0.255', 3)")
    samples = "FROM meters m, generate_series(1, 4) g"
    moment = "timestamp '2025-06-01' + g * interval '15 min'"
    db.execute(f"INSERT INTO energy_measurements (obis_code_id, timestamp, value, unit, meter_id)"
               f" SELECT 1, {moment}, g, 'kWh', m.id {samples}".encode())  # fmt: skip
    db.execute(f"INSERT INTO voltage_measurements (obis_code_id, timestamp, value, phase, meter_id)"
               f" SELECT 2, {moment}, 230 + g, 'R', m.id {samples}".encode())  # fmt: skip
    rows = values(db, "SELECT logical_name, energy_value, energy_unit, voltage_value, current_value,"
                      " measurement_time::text, phase FROM latest_measurements ORDER BY 1")  # fmt: skip
    assert len(rows) == 6
    assert set(rows) == {
        ("1.0.1.8.0.255", 4, "kWh", None, None, "2025-06-01 01:00:00", None),
        ("1.0.32.7.0.255", None, None, 234, None, "2025-06-01 01:00:00", "R"),
    }
    assert values(db, "SELECT count(*) - count(DISTINCT (logical_name, meter_id)) FROM latest_measurements") == [(0,)]


def test_deleting_a_meter_leaves_no_orphans(db: psycopg.Connection[Any]) -> None:
    """S004-30."""
    db.execute("""
        INSERT INTO push_setups DEFAULT VALUES;
        INSERT INTO push_objects (push_setup_id, class_id, logical_name, attribute_index, data_index)
            VALUES (1, 3, '1.0.1.8.0.255', 2, 0);
        INSERT INTO push_schedules (schedule_type, push_setup_id) VALUES ('ONE_HOUR', 1);
        INSERT INTO schedule_entries (schedule_id, time_pattern) VALUES (1, 'FF:00:00:FF');
        INSERT INTO push_history (schedule_id, push_setup_id, timestamp, status) VALUES (1, 1, now(), 'SUCCESS');
        INSERT INTO push_history_objects (push_history_id, push_object_id) VALUES (1, 1);
        INSERT INTO eswf_status (timestamp) VALUES (now());
        INSERT INTO eswf_push_alarms (eswf_status_id, push_setup_id, alarm_timestamp, alarm_type, byte_position,
            bit_position, status, push_history_id) VALUES (1, 1, now(), 'x', 15, 7, 'SENT', 1);
        INSERT INTO block_load_profile (capture_time) VALUES (now());
        INSERT INTO attribute_values (logical_name, class_id, attribute_index, encoded) VALUES ('x', 1, 2, '');
        DELETE FROM meters""")
    tables = "SELECT relname FROM pg_class WHERE relnamespace = 'sim'::regnamespace AND relkind = 'r'"
    filled = {table for (table,) in values(db, tables) if values(db, f"SELECT FROM {table}")}
    assert filled == {"obis_codes", "schema_version"}


@pytest.mark.parametrize(
    "asked",
    [
        "SELECT * FROM eswf_push_alarms WHERE status = 'PENDING' ORDER BY alarm_timestamp DESC LIMIT 50",
        "SELECT * FROM event_logs WHERE event_type = 'CLOCK' ORDER BY event_timestamp DESC LIMIT 50",
        "SELECT * FROM push_history ORDER BY timestamp DESC LIMIT 50",
        f"SELECT * FROM block_load_profile WHERE meter_id = '{METER}' ORDER BY capture_time DESC LIMIT 50",
    ],
)
def test_what_the_command_line_asks_for_has_an_index(db: psycopg.Connection[Any], asked: str) -> None:
    """S004-28: the newest rows come straight from an index, without a sort."""
    db.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
    plan = "\n".join(line for (line,) in values(db, f"EXPLAIN {asked}"))
    assert "Index Scan" in plan
    assert "Sort" not in plan
